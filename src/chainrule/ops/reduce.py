"""Ops that bring an axis down to one number, or run along it."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.aval import DEFAULT_FLOAT, Aval
from chainrule.errors import OptionError, ShapeError
from chainrule.ops.arithmetic import where
from chainrule.ops.axes import Axis, one_axis, reduced, several_axes
from chainrule.ops.elementwise import cast, sqrt
from chainrule.ops.index import take_along_axis
from chainrule.ops.layout import flip
from chainrule.ops.logic import isnan, logical_or
from chainrule.ops.lowering import Expand, Fold
from chainrule.ops.promotion import concrete
from chainrule.ops.shape import broadcast_to, concatenate, reshape
from chainrule.ops.table import Op, defop, dtype_of, operand, sample, shape_of

_BOOL, _INT = np.dtype(np.bool_), np.dtype(np.int64)
_AXES = (
    sample((2, 3)),
    sample((2, 3), axis=0),
    sample((2, 3), axis=-1, keepdims=True),
    sample((2, 3, 4), axis=(0, 2)),
    sample(()),
)
_NO_AXIS = (sample((2, 3), axis=2), ShapeError, r"axis 2 does not exist in shape \(2, 3\)")
_SHAPE_NOTE = "\n\nShape: `axis` (one, several, or all) goes; with keepdims it stays with size 1."


def _numpy_axis(axis: Axis) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def _reduction(function: Callable) -> Callable:
    def compute(x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
        return function(concrete(x), axis=_numpy_axis(axis), keepdims=keepdims)

    return compute


def _expand(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """The reduced value `g` spread over the shape of x again."""
    shape = shape_of(x)
    wide = reduced(shape, several_axes("sum", axis, shape))
    return broadcast_to(g if keepdims else reshape(g, shape=wide), shape=shape)


def _wide_int(dtype: np.dtype) -> np.dtype:
    """The dtype in which NumPy adds up: small integers become 64-bit."""
    return dtype if dtype.kind in "fc" else np.sum(np.zeros((), dtype)).dtype


def _infer_total(name: str) -> Callable:
    def infer(x: Aval, *, axis: Axis = None, keepdims: bool = False) -> Aval:
        axes = several_axes(name, axis, x.shape)
        return Aval(reduced(x.shape, axes, keepdims), _wide_int(x.dtype))

    return infer


reduce_sum = defop(
    "sum",
    np=_reduction(np.sum),
    infer=_infer_total("sum"),
    transpose=(_expand,),
    latex=r"\sum_{{{axis}}} {0}",
    samples=(*_AXES, sample((0, 3), axis=0)),
    errors=(
        _NO_AXIS,
        (sample((2, 3), axis=(0, 0)), ShapeError, r"axis \(0, 0\) names one axis .* twice"),
    ),
    emit=Fold(lambda b, total, x: b.add(total, x), lambda dtype: 0),
    doc="""The sum over axes. Integers and bools add up in 64 bits."""
    + _SHAPE_NOTE
    + """

>>> reduce_sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
array([4., 6.])
""",
)


def _infer_extreme(name: str) -> Callable:
    def infer(x: Aval, *, axis: Axis = None, keepdims: bool = False) -> Aval:
        axes = several_axes(name, axis, x.shape)
        if 0 in [x.shape[i] for i in axes]:
            raise ShapeError(f"{name}: no elements along axis {axis} of shape {x.shape}.")
        return Aval(reduced(x.shape, axes, keepdims), x.dtype)

    return infer


def _winners(out: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Equal shares for the elements that attain the extreme, zero for the others."""
    mask = cast(x == _expand(out, x, axis, keepdims), dtype=dtype_of(x))
    count = reduce_sum(mask, axis=axis, keepdims=True)
    return mask / where(count == 0, np.nan, count)  # an extreme that is NaN equals no element


def _extreme(name: str, function: Callable, start: Callable, example: str) -> Op:
    def vjp(g: Any, out: Any, x: Any, axis: Axis, keepdims: bool) -> tuple:
        return (_expand(g, x, axis, keepdims) * _winners(out, x, axis, keepdims),)

    def jvp(tangents: tuple, out: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
        weighted = tangents[0] * _winners(out, x, axis, keepdims)
        return reduce_sum(weighted, axis=axis, keepdims=keepdims)

    return defop(
        name,
        np=_reduction(function),
        infer=_infer_extreme(name),
        vjp=vjp,
        jvp=jvp,
        emit=Fold(lambda b, most, x: getattr(b, f"{name}imum")(most, x), start),
        latex=rf"\{name}_{{{{{{axis}}}}}} {{0}}",
        samples=_AXES,
        errors=(_NO_AXIS, (sample((0, 3), axis=0), ShapeError, "no elements along axis 0")),
        doc=f"""The {name}imum over axes; equal elements share the derivative equally.{_SHAPE_NOTE}

Raises:
    ShapeError: there are no elements.

>>> reduce_{name}(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
array({example})
""",
    )


def _least(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def _greatest(dtype: np.dtype) -> Any:
    return np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


reduce_max = _extreme("max", np.max, _least, "[3., 4.]")
reduce_min = _extreme("min", np.min, _greatest, "[1., 2.]")


def _others(x: Any, axis: Axis) -> Any:
    """For each element, the product of the others: right where elements are zero, too."""
    shape = shape_of(x)
    if 0 in shape:
        return x
    axes = several_axes("prod", axis, shape)
    order = (*(i for i in range(len(shape)) if i not in axes), *axes)
    moved = x.transpose(order)
    kept = tuple(size for i, size in enumerate(shape) if i not in axes)
    rows = reshape(moved, shape=(*kept, math.prod(shape[i] for i in axes)))
    ones = np.ones((*shape_of(rows)[:-1], 1), dtype_of(x))
    before = concatenate([ones, cumprod(rows, axis=-1)[..., :-1]], axis=-1)
    after = concatenate([ones, cumprod(flip(rows, -1), axis=-1)[..., :-1]], axis=-1)
    product = reshape(before * flip(after, -1), shape=shape_of(moved))
    return product.transpose(tuple(np.argsort(order).tolist()))


def _prod_vjp(g: Any, out: Any, x: Any, axis: Axis, keepdims: bool) -> tuple:
    return (_expand(g, x, axis, keepdims) * _others(x, axis),)


def _prod_jvp(tangents: tuple, out: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    return reduce_sum(tangents[0] * _others(x, axis), axis=axis, keepdims=keepdims)


reduce_prod = defop(
    "prod",
    np=_reduction(np.prod),
    infer=_infer_total("prod"),
    vjp=_prod_vjp,
    jvp=_prod_jvp,
    latex=r"\prod_{{{axis}}} {0}",
    samples=(*_AXES[1:4], sample(np.array([[0.0, 2.0], [0.0, 0.0]]), axis=1)),
    errors=(_NO_AXIS,),
    emit=Fold(lambda b, product, x: b.multiply(product, x), lambda dtype: 1),
    doc="""The product over axes; its derivative is right where elements are zero, too."""
    + _SHAPE_NOTE
    + """

>>> reduce_prod(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
array([3., 8.])
""",
)


def _truth(name: str, function: Callable, combine: Callable, start: bool, example: str) -> Op:
    def infer(x: Aval, *, axis: Axis = None, keepdims: bool = False) -> Aval:
        return Aval(reduced(x.shape, several_axes(name, axis, x.shape), keepdims), _BOOL)

    return defop(
        name,
        np=_reduction(function),
        infer=infer,
        emit=Fold(combine, lambda dtype: start),
        latex=rf"\operatorname{{{{{name}}}}}_{{{{{{axis}}}}}}({{0}})",
        samples=_AXES,
        errors=(_NO_AXIS,),
        doc=f"""Whether {name} element along the axes is true (or nonzero).{_SHAPE_NOTE}

>>> reduce_{name}(np.array([[True, False], [True, True]]), axis=0)
array({example})
""",
    )


reduce_any = _truth(
    "any", np.any, lambda b, found, x: b.logical_or(found, x), False, "[ True,  True]"
)
reduce_all = _truth(
    "all", np.all, lambda b, found, x: b.logical_and(found, x), True, "[ True, False]"
)


def _first_place(x: Any, best: Op, axis: int | None, keepdims: bool) -> Any:
    """The first place along an axis that holds the best element, or a NaN."""
    if axis is None:
        place = _first_place(reshape(x, shape=(-1,)), best, 0, keepdims=False)
        return reshape(place, shape=(1,) * len(shape_of(x))) if keepdims else place
    shape = shape_of(x)
    at = one_axis(best.name, axis, shape)
    count = shape[at]
    # Numbers as short as the data's: twice as many fit a register as of 64 bits.
    places = np.arange(count, dtype=np.int32)
    places = places.reshape([count if i == at else 1 for i in range(len(shape))])
    found = logical_or(x == best(x, axis=at, keepdims=True), isnan(x))
    place = reduce_min(where(found, places, count), axis=at, keepdims=keepdims)
    return cast(place, dtype=_INT)


def _position(name: str, function: Callable, best: Op, word: str, example: str) -> Op:
    def infer(x: Aval, *, axis: int | None = None, keepdims: bool = False) -> Aval:
        axes = several_axes(name, axis, x.shape)
        if 0 in [x.shape[i] for i in axes]:
            raise ShapeError(f"{name}: no elements along axis {axis} of shape {x.shape}.")
        return Aval(reduced(x.shape, axes, keepdims), _INT)

    return defop(
        name,
        np=_reduction(function),
        infer=infer,
        emit=Expand(lambda x, axis, keepdims: _first_place(x, best, axis, keepdims)),
        latex=rf"\operatorname{{{{{name}}}}}_{{{{{{axis}}}}}}({{0}})",
        samples=_AXES[:3],
        errors=(_NO_AXIS, (sample((0,)), ShapeError, "no elements")),
        doc=f"""The position of the first {word} element, along one axis or of all in a row.

>>> {name}(np.array([3.0, 1.0, 3.0]))
np.int64({example})
""",
    )


argmax = _position("argmax", np.argmax, reduce_max, "largest", "0")
argmin = _position("argmin", np.argmin, reduce_min, "smallest", "1")


def _infer_along(x: Aval, *, axis: int = -1) -> Aval:
    one_axis("argsort", axis, x.shape)
    return Aval(x.shape, _INT)


argsort = defop(
    "argsort",
    np=lambda x, *, axis=-1: np.argsort(x, axis=axis, kind="stable"),
    infer=_infer_along,
    latex=r"\operatorname{{argsort}}_{{{axis}}}({0})",
    samples=(sample((2, 3)), sample((4, 2), axis=0), sample((0,))),
    errors=(_NO_AXIS,),
    doc="""The positions that sort an axis; equal elements keep their order.

>>> argsort(np.array([3.0, 1.0, 2.0]))
array([1, 2, 0])
""",
)


def _infer_cumsum(x: Aval, *, axis: int = 0) -> Aval:
    one_axis("cumsum", axis, x.shape)
    return Aval(x.shape, _wide_int(x.dtype))


cumsum = defop(
    "cumsum",
    np=lambda x, *, axis=0: np.cumsum(x, axis=one_axis("cumsum", axis, np.shape(x))),
    infer=_infer_cumsum,
    transpose=(lambda g, x, axis: flip(cumsum(flip(g, axis), axis=axis), axis),),
    latex=r"\operatorname{{cumsum}}_{{{axis}}}({0})",
    samples=(sample((4,)), sample((2, 3), axis=1), sample((0, 2))),
    errors=(_NO_AXIS, (sample(()), ShapeError, "a 0-d array has none")),
    doc="""The running sum along an axis.

>>> cumsum(np.array([1.0, 2.0, 3.0]))
array([1., 3., 6.])
""",
)


def cumprod(x: Any, axis: int = 0) -> Any:
    """The running product along an axis, by doubling: log2(n) products of whole arrays.

    >>> cumprod(np.array([1.0, 2.0, 3.0]))
    array([1., 2., 6.])
    """
    x = operand(x)
    shape = shape_of(x)
    at = one_axis("cumprod", axis, shape)
    lead, step = (slice(None),) * at, 1
    while step < shape[at]:
        head, tail = x[(*lead, slice(None, step))], x[(*lead, slice(step, None))]
        x = concatenate([head, tail * x[(*lead, slice(None, -step))]], axis=at)
        step *= 2
    return x


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The arithmetic mean; of integers a float32.

    Raises:
        ShapeError: there are no elements, so there is no mean.

    >>> mean(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([2., 3.])
    """
    shape = shape_of(x)
    count = math.prod(shape[i] for i in several_axes("mean", axis, shape))
    if count == 0:
        raise ShapeError(f"mean: no elements along axis {axis} of shape {shape}.")
    total = reduce_sum(x, axis=axis, keepdims=keepdims)
    return (total if dtype_of(total).kind in "fc" else cast(total, dtype=DEFAULT_FLOAT)) / count


def var(x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """The variance: the mean of (x - mean)^2, with n - ddof in place of n.

    Raises:
        OptionError: ddof leaves nothing to divide by.

    >>> var(np.array([1.0, 2.0, 3.0])).round(4)
    np.float64(0.6667)
    """
    x = operand(x)
    shape = shape_of(x)
    count = math.prod(shape[i] for i in several_axes("var", axis, shape))
    if ddof >= count:
        raise OptionError(f"var: {count} elements with ddof={ddof} leave nothing to divide by.")
    centred = x - mean(x, axis, keepdims=True)
    return reduce_sum(centred * centred, axis=axis, keepdims=keepdims) / (count - ddof)


def std(x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """The standard deviation, sqrt(var). Its derivative is infinite where var is 0.

    >>> std(np.array([1.0, 3.0]))
    np.float64(1.0)
    """
    return sqrt(var(x, axis, keepdims, ddof))


def sort(x: Any, axis: int = -1) -> Any:
    """The elements in rising order along an axis; the derivative follows each element.

    >>> sort(np.array([3.0, 1.0, 2.0]))
    array([1., 2., 3.])
    """
    return take_along_axis(x, argsort(x, axis=axis), axis)


def norm(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The Euclidean length sqrt(sum(x^2)); its derivative at 0 is taken as 0, as in PyTorch.

    >>> norm(np.array([3.0, 4.0]))
    np.float64(5.0)
    """
    x = operand(x)
    total = reduce_sum(x * x, axis=axis, keepdims=keepdims)
    origin = total == 0
    return where(origin, 0.0, sqrt(where(origin, 1.0, total)))
