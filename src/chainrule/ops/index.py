"""Indexing as an op, and its transposes: adding into and setting parts of an array."""

from typing import Any

import numpy as np

from chainrule.aval import Aval, as_operand, aval_of, result_dtype
from chainrule.errors import DtypeError, ShapeError
from chainrule.ops.axes import integer, one_axis
from chainrule.ops.lowering import Assemble, Gather, ScatterAdd
from chainrule.ops.shape import broadcast_to, unbroadcast
from chainrule.ops.table import Box, Ids, defop, operand, sample, shape_of

ARRAY = "array"
"""Stands in a pattern for an index array, which is an argument of its own."""
NEW = "new"
"""Stands in a pattern for a new axis."""

Pattern = tuple
"""One entry an axis: an int, a slice as a (start, stop, step) tuple, ARRAY or NEW."""


def parse(key: Any, shape: tuple[int, ...]) -> tuple[Pattern, list]:
    """Split what stands between the brackets into a static pattern and the index arrays.

    Raises:
        ShapeError: more indices than axes, or a mask of another shape than the axes it covers.
        DtypeError: an index that is no integer, slice, None, Ellipsis, or integer or bool array.
    """
    entries = [_parse_entry(entry) for entry in (key if isinstance(key, tuple) else (key,))]
    taken = sum(map(_axes_taken, entries))
    if taken > len(shape):
        raise ShapeError(f"index: {taken} indices for shape {shape}, which has {len(shape)} axes.")
    dots = [i for i, entry in enumerate(entries) if entry is Ellipsis]
    if len(dots) > 1:
        raise ShapeError("index: '...' stands more than once; write it at most once.")
    at = dots[0] if dots else len(entries)
    entries[at : at + 1] = [(None, None, None)] * (len(shape) - taken)
    pattern, arrays, axis = [], [], 0
    for entry in entries:
        if entry is None or isinstance(entry, (int, tuple)):
            pattern.append(NEW if entry is None else entry)
        else:
            found = _true_places(entry, shape, axis) if entry.dtype.kind == "b" else [entry]
            pattern += [ARRAY] * len(found)
            arrays += found
        axis += _axes_taken(entry)
    return tuple(pattern), arrays


def _parse_entry(entry: Any) -> Any:
    """One index in a form of its own: None, Ellipsis, an int, slice bounds, or an array."""
    if entry is None or entry is Ellipsis:
        return entry
    if isinstance(entry, slice):
        return tuple(
            None if bound is None else integer(bound, "index: a bound of a slice")
            for bound in (entry.start, entry.stop, entry.step)
        )
    if isinstance(entry, (int, np.integer)) and not isinstance(entry, bool):
        return int(entry)
    if isinstance(entry, list) and not entry:
        return np.zeros(0, np.int64)
    array = entry if isinstance(entry, Box) else np.asarray(as_operand(entry))
    if array.dtype.kind not in "iub" or (array.dtype.kind == "b" and array.ndim == 0):
        found = "a single bool" if array.dtype.kind == "b" else f"an index of dtype {array.dtype}"
        raise DtypeError(
            f"index: got {found}; expected integers, slices, None, '...', "
            "or an array of integers or booleans."
        )
    if isinstance(array, Box) or array.dtype.kind == "b":
        return array
    return array.astype(np.int64, copy=False)


def _axes_taken(entry: Any) -> int:
    if entry is None or entry is Ellipsis:
        return 0
    dtype = getattr(entry, "dtype", None)
    return entry.ndim if dtype is not None and dtype.kind == "b" else 1


def _true_places(mask: Any, shape: tuple[int, ...], axis: int) -> list:
    """The index arrays of a mask's true places; it covers the axes from `axis` on."""
    covered = shape[axis : axis + mask.ndim]
    if mask.shape != covered:
        raise ShapeError(
            f"index: a mask of shape {mask.shape} stands for axes of sizes {covered} of shape "
            f"{shape}; they must be equal."
        )
    return list(np.nonzero(mask.numpy() if isinstance(mask, Box) else mask))


def key_of(pattern: Pattern, arrays: tuple) -> tuple:
    """The NumPy index of a pattern and its index arrays."""
    rest = iter(arrays)
    key = []
    for entry in pattern:
        if entry == ARRAY:
            key.append(next(rest))
        elif entry == NEW:
            key.append(None)
        else:
            key.append(slice(*entry) if isinstance(entry, tuple) else entry)
    return tuple(key)


def _pinned(x: np.ndarray, pattern: Pattern) -> np.ndarray:
    """The view that a pattern takes where every id is 0."""
    return x[(*key_of(pattern, (0,) * pattern.count(ARRAY)), ...)]


def _chosen(pattern: Pattern) -> tuple[tuple[int, ...], int]:
    """The axes that index arrays choose from, and where the arrays' own axes stand in the result.

    As NumPy has it, an int beside arrays counts as one of them. They stand where the first of them
    does; or at the front, if a slice or a new axis parts them.
    """
    old = [entry for entry in pattern if entry != NEW]
    axes = tuple(axis for axis, entry in enumerate(old) if entry == ARRAY)
    gone = [at for at, entry in enumerate(pattern) if entry == ARRAY or isinstance(entry, int)]
    together = bool(gone) and gone[-1] - gone[0] + 1 == len(gone)
    return axes, gone[0] if together else 0


def _explain_bounds(shape: tuple[int, ...], pattern: Pattern, arrays: tuple) -> None:
    """Raise for the first index that lies outside its axis."""
    rest = iter(arrays)
    axes = [next(rest) if entry == ARRAY else entry for entry in pattern if entry != NEW]
    for axis, (values, size) in enumerate(zip(axes, shape, strict=True)):
        if isinstance(values, tuple) or np.size(values) == 0:
            continue
        for extreme in (int(np.max(values)), int(np.min(values))):
            if not -size <= extreme < size:
                raise ShapeError(
                    f"index {extreme} is outside axis {axis} of shape {shape}; "
                    + (f"expected {-size} to {size - 1}." if size else "the axis is empty.")
                )


def _at(x: np.ndarray, arrays: tuple, pattern: Pattern) -> Any:
    """x[key], with an error that names the axis."""
    try:
        return x[key_of(pattern, arrays)]
    except IndexError as error:
        _explain_bounds(x.shape, pattern, arrays)
        raise ShapeError(f"index: {error}. Index arrays must broadcast together.") from None


def _infer_index(x: Aval, *arrays: Aval, pattern: Pattern) -> Aval:
    # Arrays without memory (zero strides) have the shapes, so NumPy itself finds the result's.
    probe = np.broadcast_to(np.zeros((), np.bool_), x.shape)
    ids = tuple(np.broadcast_to(np.zeros((), np.int64), a.shape) for a in arrays)
    return Aval(_at(probe, ids, pattern).shape, x.dtype)


_SAMPLES = (
    ((3, 4), [(1, None, None), (None, None, 2)], []),
    ((3, 4), [-1, NEW, (None, None, -1)], []),
    ((3, 4), [ARRAY], [Ids((5,), 3)]),
    ((3, 4), [ARRAY, ARRAY], [Ids((2, 1), 3), Ids((3,), 4)]),
    ((2, 3, 4), [ARRAY, (None, None, None), 1], [Ids((5,), 2)]),
    ((3, 4), [0, 1], []),
    ((3, 4), [ARRAY], [Ids((0,), 3)]),
)

index_op = defop(
    "index",
    np=lambda x, *arrays, pattern: _at(np.asarray(x), arrays, pattern),
    infer=_infer_index,
    transpose=(
        lambda g, x, *arrays, pattern: scatter(g, *arrays, pattern=pattern, shape=shape_of(x)),
    ),
    jointly_linear=True,
    latex=r"{0}_{{[\,]}}",
    samples=tuple(sample(shape, *ids, pattern=tuple(p)) for shape, p, ids in _SAMPLES),
    errors=((sample((3, 4), pattern=(3, (None,) * 3)), ShapeError, "index 3 is outside axis 0"),),
    emit=Gather(_pinned, _chosen),
    doc="""Parts of an array, chosen by a static pattern and index arrays.

>>> index_op(np.array([5.0, 6.0, 7.0]), np.array([2, 0]), pattern=("array",))
array([7., 5.])
""",
)


def _scatter(g: Any, *arrays: Any, pattern: Pattern, shape: tuple[int, ...]) -> np.ndarray:
    g = np.asarray(g)
    out = np.zeros(shape, g.dtype)
    _at(out, arrays, pattern)
    if arrays:
        np.add.at(out, key_of(pattern, arrays), g)
    else:
        out[key_of(pattern, arrays)] += g
    return out


def _infer_scatter(g: Aval, *arrays: Aval, pattern: Pattern, shape: tuple[int, ...]) -> Aval:
    room = _infer_index(Aval(shape, g.dtype), *arrays, pattern=pattern)
    if room.shape != g.shape:
        raise ShapeError(f"scatter: values of shape {g.shape} for a selection of {room.shape}.")
    return Aval(tuple(shape), g.dtype)


scatter = defop(
    "scatter",
    np=_scatter,
    infer=_infer_scatter,
    transpose=(lambda g, v, *arrays, pattern, shape: index_op(g, *arrays, pattern=pattern),),
    jointly_linear=True,
    latex=r"\operatorname{{scatter}}({0})",
    samples=(
        sample((2, 2), pattern=((1, None, None), (None, None, 2)), shape=(3, 4)),
        sample((5, 4), Ids((5,), 3), pattern=(ARRAY, (None, None, None)), shape=(3, 4)),
        sample((2, 3), Ids((2, 1), 3), Ids((3,), 4), pattern=(ARRAY, ARRAY), shape=(3, 4)),
    ),
    emit=ScatterAdd(
        lambda out, pattern, shape: _pinned(out, pattern),
        lambda pattern, shape: _chosen(pattern),
    ),
    doc="""Zeros of the given shape with values added at the selected places: index turned around.

Places selected several times add up.

>>> scatter(np.array([1.0, 2.0]), np.array([1, 1]), pattern=("array",), shape=(3,))
array([0., 3., 0.])
""",
)


def _infer_index_set(x: Aval, v: Aval, *arrays: Aval, pattern: Pattern) -> Aval:
    room = _infer_index(x, *arrays, pattern=pattern).shape
    _check_room("index_set", v.shape, room)
    return Aval(x.shape, result_dtype(x, v))


def _check_room(op: str, values: tuple[int, ...], room: tuple[int, ...]) -> None:
    """Refuse values that do not broadcast to the selected places."""
    tail = room[len(room) - len(values) :]
    if len(values) > len(room) or any(
        own not in (1, size) for own, size in zip(values, tail, strict=True)
    ):
        raise ShapeError(
            f"{op}: values of shape {values} do not broadcast to the selection's {room}."
        )


def _index_set(x: Any, v: Any, *arrays: Any, pattern: Pattern) -> np.ndarray:
    x = np.asarray(x)
    out = x.astype(_infer_index_set(*map(aval_of, (x, v, *arrays)), pattern=pattern).dtype)
    _at(out, arrays, pattern)
    if arrays:
        places = _at(np.arange(x.size).reshape(x.shape), arrays, pattern).ravel()
        if np.unique(places).size != places.size:
            raise ShapeError(
                "index_set: a place is selected more than once, so which value stays would be "
                "left to chance. Make the indices distinct, or add with index_add."
            )
    out[key_of(pattern, arrays)] = v
    return out


def _set_parts(out: np.ndarray, *shapes: tuple[int, ...], pattern: Pattern) -> list:
    """All of x, then v over the selection; where ids choose, the interpreter looks for doubles."""
    return [(0, out), (1, _pinned(out, pattern))] if len(shapes) == 2 else []


index_set_op = defop(
    "index_set",
    np=_index_set,
    infer=_infer_index_set,
    transpose=(
        lambda g, x, v, *arrays, pattern: index_set_op(g, 0.0, *arrays, pattern=pattern),
        lambda g, x, v, *arrays, pattern: unbroadcast(
            index_op(g, *arrays, pattern=pattern), shape_of(v)
        ),
    ),
    jointly_linear=True,
    emit=Assemble(_set_parts),
    latex=r"\operatorname{{set}}({0}, {1})",
    samples=(
        sample((3, 4), (2, 4), pattern=((1, None, None), (None, None, None))),
        sample((3, 4), (), pattern=(0, (None, None, None))),
        sample((5,), (3,), Ids((3,), 5, distinct=True), pattern=(ARRAY,)),
    ),
    errors=(
        (
            sample((3,), (2,), np.array([1, 1]), pattern=(ARRAY,)),
            ShapeError,
            "selected more than once",
        ),
        (
            sample((3,), (2,), pattern=((None, None, None),)),
            ShapeError,
            r"values of shape \(2,\) do not broadcast to the selection's \(3,\)",
        ),
    ),
    doc="""x with the selected places replaced by v.

>>> index_set_op(np.zeros(3), 5.0, pattern=(1,))
array([0., 5., 0.])
""",
)


def getitem(x: Any, key: Any) -> Any:
    """x[key] with NumPy's meaning: ints, slices, None, '...', integer and bool arrays.

    Raises:
        ShapeError: an index lies outside its axis, or there are more indices than axes.
        DtypeError: an index that is none of these.

    >>> getitem(np.arange(6.0).reshape(2, 3), (0, slice(1, None)))
    array([1., 2.])
    """
    pattern, arrays = parse(key, shape_of(x))
    return index_op(x, *arrays, pattern=pattern)


def index_set(x: Any, key: Any, values: Any) -> Any:
    """A copy of x in which x[key] is replaced by `values`; the derivative follows both.

    Raises:
        ShapeError: `values` do not broadcast to x[key], or a place is selected twice.

    >>> index_set(np.zeros(3), slice(1, None), np.array([4.0, 5.0]))
    array([0., 4., 5.])
    """
    pattern, arrays = parse(key, shape_of(x))
    return index_set_op(x, values, *arrays, pattern=pattern)


def index_add(x: Any, key: Any, values: Any) -> Any:
    """A copy of x with `values` added at x[key]; places selected several times add up.

    >>> index_add(np.zeros(3), np.array([1, 1]), np.array([4.0, 5.0]))
    array([0., 9., 0.])
    """
    x, values = operand(x), operand(values)
    pattern, arrays = parse(key, shape_of(x))
    room = _infer_index(aval_of(x), *map(aval_of, arrays), pattern=pattern).shape
    _check_room("index_add", shape_of(values), room)
    wide = broadcast_to(values, shape=room)
    return x + scatter(wide, *arrays, pattern=pattern, shape=shape_of(x))


def take(x: Any, ids: Any, axis: int = 0) -> Any:
    """The slices of x at integer positions along an axis, as an embedding looks up its rows.

    Shape: x (a, b), ids (n, m), axis 0 gives (n, m, b).

    >>> take(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 1, 0]))
    array([[3., 4.],
           [3., 4.],
           [1., 2.]])
    """
    at = one_axis("take", axis, shape_of(x))
    return getitem(x, (slice(None),) * at + (_integers("take", ids),))


def _integers(op: str, ids: Any) -> Any:
    array = ids if isinstance(ids, Box) else np.asarray(ids)
    if array.dtype.kind not in "iu":
        raise DtypeError(f"{op}: ids have dtype {array.dtype}; expected integers.")
    return array


def _along(op: str, x: Any, ids: Any, axis: int) -> tuple:
    """The index that picks, for each place of `ids`, along one axis."""
    shape, ids = shape_of(x), _integers(op, ids)
    at = one_axis(op, axis, shape)
    if len(ids.shape) != len(shape):
        raise ShapeError(
            f"{op}: ids of shape {ids.shape} need as many axes as x of shape {shape}. "
            "Insert the axis with ids[:, None]."
        )
    grid = np.ogrid[tuple(slice(size) for size in shape)] if shape else []
    return tuple(ids if i == at else places for i, places in enumerate(grid))


def take_along_axis(x: Any, ids: Any, axis: int = -1) -> Any:
    """For each place of `ids`, the element of x with that position along an axis.

    Shape: x (n, c), ids (n, k), axis 1 gives (n, k).

    >>> take_along_axis(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1], [0]]))
    array([[2.],
           [3.]])
    """
    return getitem(x, _along("take_along_axis", x, ids, axis))


def scatter_add(x: Any, ids: Any, values: Any, axis: int = -1) -> Any:
    """Add `values` to x at positions `ids` along an axis: take_along_axis turned around.

    >>> scatter_add(np.zeros((1, 3)), np.array([[2, 2]]), np.array([[1.0, 4.0]]))
    array([[0., 0., 5.]])
    """
    return index_add(x, _along("scatter_add", x, ids, axis), values)
