"""Ops that move elements and change none. All are linear, so the rule is the transpose."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.aval import Aval, aval_of, result_dtype
from chainrule.errors import DtypeError, ShapeError
from chainrule.ops.axes import one_axis, sizes
from chainrule.ops.lowering import Assemble, Move
from chainrule.ops.promotion import concrete
from chainrule.ops.table import defop, sample, shape_of


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum `g` down to `shape`: the transpose of broadcasting."""
    own = shape_of(g)
    if own == shape:
        return g
    lead = len(own) - len(shape)
    stretched = [lead + i for i, n in enumerate(shape) if n == 1 and own[lead + i] != 1]
    return reshape(g.sum(axis=(*range(lead), *stretched)), shape=shape)


def resolve_shape(shape: Any, old: tuple[int, ...]) -> tuple[int, ...]:
    """A new shape with its one -1 put in.

    Raises:
        ShapeError: the number of elements differs, or -1 stands twice.
    """
    new = sizes("reshape", shape, least=-1)
    unknown = [i for i, size in enumerate(new) if size == -1]
    if len(unknown) > 1:
        raise ShapeError(f"reshape: {new} has -1 more than once; only one size can be worked out.")
    total, known = math.prod(old), math.prod(size for size in new if size != -1)
    if unknown and known and total % known == 0:
        return tuple(total // known if size == -1 else size for size in new)
    if unknown or known != total:
        raise ShapeError(
            f"reshape: shape {old} has {total} elements and {new} takes "
            f"{'a multiple of ' if unknown else ''}{known}; the numbers of elements must be "
            "equal."
        )
    return new


reshape = defop(
    "reshape",
    np=lambda x, *, shape: concrete(x).reshape(shape),
    infer=lambda x, *, shape: Aval(resolve_shape(shape, x.shape), x.dtype),
    transpose=(lambda g, x, shape: reshape(g, shape=shape_of(x)),),
    unchanged=lambda x, shape: x.shape == resolve_shape(shape, x.shape),
    latex=r"\operatorname{{reshape}}_{{{shape}}}({0})",
    samples=(
        sample((2, 6), shape=(3, 4)),
        sample((2, 6), shape=(-1,)),
        sample((), shape=(1, 1)),
        sample((0, 3), shape=(3, 0)),
        sample((4,), shape=4),
    ),
    errors=(
        (sample((2, 3), shape=(4,)), ShapeError, r"\(2, 3\) has 6 elements and \(4,\) takes 4"),
        (sample((2, 3), shape=(-1, -1)), ShapeError, "-1 more than once"),
        (sample((2, 3), shape=(-1, 4)), ShapeError, "takes a multiple of 4"),
        (sample((2, 3), shape=(-2, -3)), ShapeError, r"\(-2, -3\) has a size below -1"),
        (sample((2,), shape=(1.0, 2)), DtypeError, "must be an integer, got 1.0"),
    ),
    emit=Move(lambda x, shape: x.reshape(shape)),
    doc="""The same elements, in row-major order, in another shape; one size may be -1.

Shape: any, to `shape`, which holds as many elements.

Raises:
    ShapeError: the numbers of elements differ.

>>> reshape(np.arange(6.0), (2, -1))
array([[0., 1., 2.],
       [3., 4., 5.]])
""",
)


def _order(axes: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A full permutation of the axes; None reverses them."""
    if axes is None:
        return tuple(reversed(range(len(shape))))
    order = tuple(one_axis("transpose", axis, shape) for axis in axes)
    if sorted(order) != list(range(len(shape))):
        raise ShapeError(
            f"transpose: axes {tuple(axes)} do not name each of the {len(shape)} axes of shape "
            f"{shape} once."
        )
    return order


transpose = defop(
    "transpose",
    np=lambda x, *, axes=None: np.transpose(concrete(x), axes),
    infer=lambda x, *, axes=None: Aval(tuple(x.shape[i] for i in _order(axes, x.shape)), x.dtype),
    transpose=(
        lambda g, x, axes: transpose(
            g, axes=tuple(np.argsort(_order(axes, shape_of(x))).tolist()) or None
        ),
    ),
    unchanged=lambda x, axes: _order(axes, x.shape) == tuple(range(x.ndim)),
    latex="{0}^{{T_{{{axes}}}}}",
    samples=(sample((2, 3)), sample((2, 3, 4), axes=(1, 2, 0)), sample(()), sample((0, 2))),
    errors=(
        (sample((2, 3), axes=(0, 0)), ShapeError, r"axes \(0, 0\) do not name each of the 2 axes"),
        (sample((2, 3), axes=(0, 2)), ShapeError, r"axis 2 does not exist in shape \(2, 3\)"),
    ),
    emit=Move(lambda x, axes: np.transpose(x, axes)),
    doc="""The axes in another order; without `axes`, reversed.

Shape: (a, b, c) with axes (1, 2, 0) to (b, c, a).

>>> transpose(np.ones((2, 3))).shape
(3, 2)
""",
)


def _infer_broadcast_to(x: Aval, *, shape: Any) -> Aval:
    target = sizes("broadcast_to", shape)
    padded = (1,) * (len(target) - x.ndim) + x.shape
    if x.ndim > len(target) or any(
        old not in (1, new) for old, new in zip(padded, target, strict=True)
    ):
        raise ShapeError(
            f"broadcast_to: shape {x.shape} does not broadcast to {target}; read from the right, "
            "each size must be equal or 1."
        )
    return Aval(target, x.dtype)


broadcast_to = defop(
    "broadcast_to",
    np=lambda x, *, shape: np.broadcast_to(concrete(x), shape),
    infer=_infer_broadcast_to,
    transpose=(lambda g, x, shape: unbroadcast(g, shape_of(x)),),
    unchanged=lambda x, shape: x.shape == sizes("broadcast_to", shape),
    latex=r"\operatorname{{broadcast}}_{{{shape}}}({0})",
    samples=(sample((3, 1), shape=(2, 3, 4)), sample((), shape=(2,)), sample((1,), shape=(0,))),
    errors=((sample((3,), shape=(4,)), ShapeError, r"\(3,\) does not broadcast to \(4,\)"),),
    emit=Move(lambda x, shape: np.broadcast_to(x, shape)),
    doc="""x repeated, without copying, along axes of size 1 and new leading axes.

Raises:
    ShapeError: a size is neither equal nor 1.

>>> broadcast_to(np.array([1.0, 2.0]), (2, 2))
array([[1., 2.],
       [1., 2.]])
""",
)


def _infer_concatenate(*arrays: Aval, axis: Any = 0) -> Aval:
    if not arrays:
        raise ShapeError("concatenate: got no arrays; expected at least one.")
    first = arrays[0].shape
    at = one_axis("concatenate", axis, first)
    for i, other in enumerate(arrays):
        fits = len(other.shape) == len(first) and all(
            a == b for j, (a, b) in enumerate(zip(first, other.shape, strict=True)) if j != at
        )
        if not fits:
            raise ShapeError(
                f"concatenate: array 0 has shape {first} and array {i} has shape {other.shape}; "
                f"all sizes but that of axis {at} must be equal."
            )
    total = sum(other.shape[at] for other in arrays)
    return Aval((*first[:at], total, *first[at + 1 :]), result_dtype(*arrays))


def _concatenate(*arrays: Any, axis: int = 0) -> Any:
    dtype = _infer_concatenate(*map(aval_of, arrays), axis=axis).dtype
    return np.concatenate(arrays, axis=axis, dtype=dtype)


def _concatenate_transpose(g: Any, *arrays: Any, index: int, axis: int = 0) -> Any:
    at = axis % len(shape_of(arrays[0]))
    start = sum(shape_of(array)[at] for array in arrays[:index])
    window = slice(start, start + shape_of(arrays[index])[at])
    return g[(slice(None),) * at + (window,)]


def _concatenate_parts(out: np.ndarray, *shapes: tuple[int, ...], axis: int) -> list:
    at = axis % out.ndim
    stops = [*itertools.accumulate(shape[at] for shape in shapes)]
    windows = (slice(stop - shape[at], stop) for stop, shape in zip(stops, shapes, strict=True))
    return [(i, out[(slice(None),) * at + (window,)]) for i, window in enumerate(windows)]


def _concatenate_turned(params: Mapping[str, Any], ndim: int) -> dict | None:
    at = params["axis"] % ndim
    return {"axis": at - 1} if at else None


concatenate_op = defop(
    "concatenate",
    np=_concatenate,
    infer=_infer_concatenate,
    transpose=(_concatenate_transpose,),
    jointly_linear=True,
    emit=Assemble(_concatenate_parts, _concatenate_turned),
    latex=r"\operatorname{{concatenate}}_{{{axis}}}({all})",
    samples=(
        sample((2, 3), (4, 3)),
        sample((2, 3), (2, 1), (2, 2), axis=-1),
        sample((0, 2), (1, 2)),
    ),
    errors=(
        (sample((2, 3), (2, 4)), ShapeError, r"array 1 has shape \(2, 4\); all sizes but .* 0"),
        (sample((2, 3), axis=2), ShapeError, "axis 2 does not exist"),
        (sample(()), ShapeError, "a 0-d array has none"),
    ),
    doc="""Arrays joined along an axis.

>>> concatenate_op(np.array([1.0]), np.array([2.0, 3.0]))
array([1., 2., 3.])
""",
)


def concatenate(arrays: Any, axis: int = 0) -> Any:
    """Join arrays along an existing axis.

    Shape: all sizes but that of `axis` must be equal.

    Raises:
        ShapeError: the shapes do not fit, or there are no arrays.

    >>> concatenate([np.array([1.0]), np.array([2.0, 3.0])])
    array([1., 2., 3.])
    """
    return concatenate_op(*arrays, axis=axis)


def _widths(width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    """Pad widths as one (before, after) pair an axis."""
    given = np.asarray(width)
    if given.dtype.kind not in "iu" or (given.size and given.min() < 0):
        raise ShapeError(f"pad: widths {width!r} must be integers of 0 or more.")
    try:
        pairs = np.broadcast_to(given, (ndim, 2))
    except ValueError:
        raise ShapeError(
            f"pad: widths {width!r} do not fit an array of {ndim} axes; expected a number, a pair "
            f"(before, after), or {ndim} such pairs."
        ) from None
    return tuple((int(before), int(after)) for before, after in pairs)


def _pad(x: Any, *, width: Any, value: float = 0.0) -> np.ndarray:
    x = concrete(x)
    pairs = _widths(width, x.ndim)
    shape = tuple(before + n + after for n, (before, after) in zip(x.shape, pairs, strict=True))
    out = np.full(shape, value, x.dtype)
    _inside(out, x.shape, width)[...] = x
    return out


def _inside(out: np.ndarray, shape: tuple[int, ...], width: Any) -> np.ndarray:
    """What is within the border."""
    starts = [before for before, _ in _widths(width, len(shape))]
    return out[(..., *(slice(b, b + n) for b, n in zip(starts, shape, strict=True)))]


def _pad_parts(out: np.ndarray, shape: tuple[int, ...], width: Any, value: float) -> list:
    return [(float(value), out), (0, _inside(out, shape, width))]


def _pad_turned(params: Mapping[str, Any], ndim: int) -> dict | None:
    first, *others = _widths(params["width"], ndim)
    return None if any(first) else {**params, "width": (*others, first)}


def _infer_pad(x: Aval, *, width: Any, value: float = 0.0) -> Aval:
    pairs = _widths(width, x.ndim)
    shape = tuple(b + n + a for n, (b, a) in zip(x.shape, pairs, strict=True))
    return Aval(shape, x.dtype)


def _pad_transpose(g: Any, x: Any, width: Any, value: float) -> Any:
    shape = shape_of(x)
    windows = zip(_widths(width, len(shape)), shape, strict=True)
    return g[tuple(slice(before, before + n) for (before, _), n in windows)]


def _pad_jvp(tangents: tuple, out: Any, x: Any, width: Any, value: float) -> Any:
    return pad(tangents[0], width=width)


def _pad_vjp(g: Any, out: Any, x: Any, width: Any, value: float) -> tuple:
    return (_pad_transpose(g, x, width, value),)


pad = defop(
    "pad",
    np=_pad,
    infer=_infer_pad,
    vjp=_pad_vjp,
    jvp=_pad_jvp,
    emit=Assemble(_pad_parts, _pad_turned),
    latex=r"\operatorname{{pad}}_{{{width}}}({0})",
    samples=(
        sample((2, 3), width=1),
        sample((2, 3), width=((0, 2), (1, 0)), value=5.0),
        sample((3,), width=(2, 0)),
        sample((), width=3),
    ),
    errors=(
        (sample((2, 3), width=-1), ShapeError, "must be integers of 0 or more"),
        (sample((2,), width=((1, 1), (1, 1))), ShapeError, "do not fit an array of 1 axes"),
    ),
    doc="""x with a border of `value`; widths as a number, a pair, or one (before, after) an axis.

>>> pad(np.array([1.0]), (1, 2))
array([0., 1., 0., 0.])
""",
)
