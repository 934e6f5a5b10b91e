"""Random numbers as ops of a key, so that a trace takes the key as an input."""

from typing import Any

import numpy as np

from chainrule import rng
from chainrule.aval import DEFAULT_FLOAT, Aval
from chainrule.errors import DtypeError, OptionError, ShapeError
from chainrule.ops.axes import sizes
from chainrule.ops.lowering import DeriveKey, Draw
from chainrule.ops.promotion import as_dtype
from chainrule.ops.table import defop, sample

_KEY = np.array([7, 0], np.uint64)
_KEYS = np.dtype(np.uint64)


def _infer_draw(key: Aval, *, shape: Any, dtype: Any = DEFAULT_FLOAT) -> Aval:
    if key.shape != (2,) or key.dtype != _KEYS:
        raise DtypeError(
            f"expected a random key (an array of two uint64 words), got {key}. "
            "Make one with chainrule.random.key(seed)."
        )
    return Aval(sizes("random", shape), rng.check_dtype(as_dtype(dtype)))


def _draw(function: Any) -> Any:
    def compute(key: Any, *, shape: Any, dtype: Any = DEFAULT_FLOAT) -> Any:
        return function(key, sizes("random", shape), as_dtype(dtype))

    return compute


_SAMPLES = (
    sample(_KEY, shape=(2, 3)),
    sample(_KEY, shape=(), dtype="float64"),
    sample(_KEY, shape=(0, 2)),
)
_ERRORS = (
    (sample(np.zeros(2), shape=(1,)), DtypeError, r"expected a random key .*random\.key"),
    (sample(_KEY, shape=(2, -1)), ShapeError, r"random: shape \(2, -1\) has a size below 0"),
    (sample(_KEY, shape=(2,), dtype="int32"), DtypeError, "float32 or float64, not int32"),
)

uniform = defop(
    "random_uniform",
    np=_draw(rng.uniform),
    infer=_infer_draw,
    emit=Draw(),
    latex=r"U_{{{0}}}",
    samples=_SAMPLES,
    errors=_ERRORS,
    doc="""Random numbers spread evenly over [0, 1).

>>> uniform(rng.key(0), (2,)).dtype
dtype('float32')
""",
)
normal = defop(
    "random_normal",
    np=_draw(rng.normal),
    infer=_infer_draw,
    latex=r"N_{{{0}}}",
    samples=_SAMPLES,
    errors=_ERRORS,
    doc="""Random numbers of the standard normal distribution.

>>> normal(rng.key(0), (2,)).dtype
dtype('float32')
""",
)


def bernoulli(key: Any, p: float, shape: tuple[int, ...]) -> Any:
    """True with probability p: where a uniform number lies below p.

    Raises:
        OptionError: p lies outside [0, 1].

    >>> bernoulli(rng.key(0), 1.0, (2,))
    array([ True,  True])
    """
    if not 0 <= p <= 1:
        raise OptionError(f"bernoulli: p is {p}; expected a probability from 0 to 1.")
    return uniform(key, shape=shape) < p


def _infer_fold_in(key: Aval, number: Aval) -> Aval:
    _infer_draw(key, shape=())
    if number.shape != () or number.dtype.kind not in "iu":
        raise DtypeError(f"random_fold_in: the number is {number}; expected one integer.")
    return Aval((2,), _KEYS)


fold_in = defop(
    "random_fold_in",
    np=rng.fold_in,
    infer=_infer_fold_in,
    emit=DeriveKey(),
    latex=r"\operatorname{{fold}}({0}, {1})",
    samples=(sample(_KEY, 3),),
    errors=(
        (sample(np.zeros(2), 1), DtypeError, "expected a random key"),
        (sample(_KEY, 1.5), DtypeError, r"the number is float32\[\]; expected one integer"),
        (sample(_KEY, np.array([1, 2])), DtypeError, r"int64\[2\]; expected one integer"),
    ),
    doc="""The key that belongs to a number, such as a step or a layer.

>>> fold_in(rng.key(0), 1).dtype
dtype('uint64')
""",
)
