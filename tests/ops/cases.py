"""The calls with which the generated tests try each op of the table."""

import importlib
import itertools
import math
import pkgutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.ops.table import OPS, Ids, Op

MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.iter_modules(ops.__path__, "chainrule.ops.")
]
"""All of them, so that the table is full."""

NAMES = tuple(name for name in OPS if name != "project")
"""Every op; `project` stands in graphs only and cannot be called."""


@dataclass(frozen=True)
class Case:
    """One call of an op."""

    op: Op
    label: str
    args: tuple
    params: dict[str, Any]

    def __str__(self) -> str:
        shown = [
            f"{arg.dtype}{list(arg.shape)}" if isinstance(arg, np.ndarray) else repr(arg)
            for arg in self.args
        ]
        shown += [f"{name}={value!r}" for name, value in self.params.items()]
        return f"{self.op.name}({', '.join(shown)}) [{self.label}]"

    @property
    def floats(self) -> tuple[int, ...]:
        """The positions of the arguments that a derivative can be taken by."""
        return tuple(i for i, arg in enumerate(self.args) if is_float(arg))

    @property
    def smooth(self) -> bool:
        """Whether the case fits a comparison of derivatives in float64."""
        dtypes = {arg.dtype for arg in self.args if is_float(arg)}
        return dtypes == {np.dtype(np.float64)}


def is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def generator(name: str) -> np.random.Generator:
    """Random numbers that depend on the op's name alone."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def cases(name: str) -> Iterator[Case]:
    """All cases of an op: its own samples in many guises, or generated calls."""
    op = OPS[name]
    random = generator(name)
    if op.elementwise:
        yield from _shape_cases(op, random)
        yield from _layout_cases(op, random)
        yield from _dtype_cases(op, random)
    for number, (args, params) in enumerate(op.samples):
        for guise, dress in _GUISES.items():
            dressed = _dressed(args, dress, random)
            if dressed is not None:
                yield Case(op, f"sample {number}, {guise}", dressed, params)


_SHAPES = {
    1: [((),), ((3,),), ((2, 3),), ((0,),), ((2, 0),), ((2, 1, 2),)],
    2: [
        *itertools.product([(), (3,), (2, 3), (2, 1)], repeat=2),
        *[((0,), (0,)), ((0,), (1,)), ((), (2, 0)), ((0, 3), (3,)), ((2, 1, 3), (4, 1))],
    ],
    3: [
        *itertools.product([(), (3,), (2, 1)], repeat=3),
        *[((2, 3), (2, 3), (2, 3)), ((0,), (), (1,)), ((0, 3), (3,), ())],
    ],
}


def _shape_cases(op: Op, random: np.random.Generator) -> Iterator[Case]:
    for shapes in _SHAPES[op.arity]:
        args = (
            random.uniform(*bounds, shape) for bounds, shape in zip(op.domain, shapes, strict=True)
        )
        yield Case(op, f"shapes {shapes}", tuple(map(np.asarray, args)), {})


def _strided(array: np.ndarray) -> np.ndarray:
    """The same numbers, as every second element of a larger array."""
    room = np.full([2 * size for size in array.shape], 77, array.dtype)
    view = room[(..., *[slice(None, None, 2)] * array.ndim)]
    view[...] = array
    return view


def _reversed(array: np.ndarray) -> np.ndarray:
    """The same numbers, in an array of negative strides."""
    back = (..., *[slice(None, None, -1)] * array.ndim)
    return array[back].copy()[back]


def _transposed(array: np.ndarray) -> np.ndarray:
    """The same numbers, in column-major order."""
    return array.T.copy().T


def _read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


_LAYOUTS: dict[str, Callable] = {
    "strided": _strided,
    "reversed": _reversed,
    "transposed": _transposed,
    "read-only": _read_only,
}


def _layout_cases(op: Op, random: np.random.Generator) -> Iterator[Case]:
    """Each layout in one argument at a time, and in all."""
    for name, layout in _LAYOUTS.items():
        for which in {(i,) for i in range(op.arity)} | {tuple(range(op.arity))}:
            args = [random.uniform(*bounds, (2, 3)) for bounds in op.domain]
            dressed = tuple(layout(arg) if i in which else arg for i, arg in enumerate(args))
            yield Case(op, f"{name} {which}", dressed, {})


_DTYPES = {
    1: ("float16", "float32", "float64", "int8", "int64", "uint8", "bool", float, int, bool),
    2: ("float32", "float64", "int32", "int64", "uint8", "bool", float, int, bool),
    3: ("float32", "float64", "int64", float, int),
}


def _dtype_cases(op: Op, random: np.random.Generator) -> Iterator[Case]:
    """Every combination of dtypes; a Python type stands for a Python scalar."""
    for kinds in itertools.product(_DTYPES[op.arity], repeat=op.arity):
        unsigned = "uint8" in kinds  # which takes no negative Python integer
        args = [
            _of_kind(kind, (max(low, 0), high) if unsigned and kind is int else (low, high), random)
            for kind, (low, high) in zip(kinds, op.domain, strict=True)
        ]
        if all(arg is not None for arg in args):
            yield Case(op, "dtypes", tuple(args), {})


def _of_kind(kind: Any, bounds: tuple[float, float], random: np.random.Generator) -> Any:
    """An array of three numbers, or one Python scalar, within bounds; None where there is none."""
    if kind is float:
        return float(random.uniform(*bounds))
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return random.uniform(*bounds, 3).astype(dtype)
    low, high = math.ceil(bounds[0]), math.floor(bounds[1])
    if dtype.kind in "ub":
        low = max(low, 0)
    if dtype.kind == "b":
        high = min(high, 1)
    if low > high:
        return None
    numbers = random.integers(low, high + 1, 3)
    return kind(numbers[0]) if isinstance(kind, type) else numbers.astype(dtype)


def _dressed(args: tuple, dress: Callable, random: np.random.Generator) -> tuple | None:
    """A record's sample made concrete, its floats dressed; None where the guise does not fit."""
    drawn = [_draw(arg, random) for arg in args]
    at = [i for i, spec in enumerate(args) if isinstance(spec, tuple) or is_float(spec)]
    result = dress([drawn[i] for i in at])
    if result is None:
        return None
    for i, arg in zip(at, result, strict=True):
        drawn[i] = arg
    return tuple(drawn)


def concrete_sample(name: str, specs: tuple) -> tuple:
    """The arguments that a record's sample stands for."""
    random = generator(name)
    return tuple(_draw(spec, random) for spec in specs)


def _draw(spec: Any, random: np.random.Generator) -> Any:
    """What a record's sample stands for."""
    if isinstance(spec, tuple):
        return np.asarray(random.uniform(-2.0, 2.0, spec))
    if isinstance(spec, Ids):
        if spec.distinct:
            return random.permutation(spec.below)[: math.prod(spec.shape)].reshape(spec.shape)
        return random.integers(0, spec.below, spec.shape)
    return spec


def _every(function: Callable) -> Callable:
    return lambda floats: [function(array) for array in floats]


def _as(dtype: str) -> Callable:
    whole = np.dtype(dtype).kind != "f"
    return _every(lambda array: (np.rint(array) if whole else array).astype(dtype))


def _mixed(floats: list) -> list | None:
    if len(floats) < 2:
        return None
    return [floats[0].astype(np.float32), *floats[1:]]


def _lists(floats: list) -> list | None:
    if any(array.size == 0 for array in floats):
        return None
    return [array.tolist() for array in floats]


_GUISES: dict[str, Callable] = {
    "float64": _every(lambda array: array),
    **{name: _every(layout) for name, layout in _LAYOUTS.items()},
    "float32": _as("float32"),
    "int64": _as("int64"),
    "bool": _as("bool"),
    "mixed": _mixed,
    "lists": _lists,
}
