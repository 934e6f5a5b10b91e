"""What an op is: one frozen record. Knows nothing of tensors, modes or compilers.

Calling an op is the only door. Arguments that are plain arrays are computed at once; otherwise the
argument with the highest level interprets the call: a recording tensor, a dual number, a traced
value, an expression. There is no current interpreter and no stack of them, so modes nest freely.
"""

import inspect
import itertools
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.aval import Aval, as_operand, aval_of
from chainrule.errors import ChainruleError, DtypeError, suggestion

VARIADIC = -1
"""The arity of an op that takes any number of arrays."""

new_level = itertools.count(1).__next__
"""Each transformation takes a level of its own, so that nested ones never mix; 0 is eager."""


_READY = frozenset((float, int, bool))
"""Types of arguments that rules can compute with as they are; lists, say, become arrays first."""


class Box:
    """A value that interprets the ops it meets, instead of being computed with at once."""

    __slots__ = ()

    level: int
    aval: Aval

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> np.dtype:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self.aval.size

    @abstractmethod
    def interpret(self, op: "Op", args: tuple, params: dict) -> Any:
        """Apply `op`; some arguments may be boxes of a lower level, or plain."""

    @abstractmethod
    def numpy(self) -> np.ndarray:
        """The value as an array, or an error where it has no numbers."""


@dataclass(frozen=True)
class Op:
    """One op, whole: meaning, shape rule, derivative, writing, samples.

    `arity` counts the array arguments; of a variadic op the first `fixed` have names of their own.
    The derivative is given once. `partials` for an elementwise op: per argument, a function of
    (out, *args, **params), or the number 1.0 or -1.0, or None where it is zero. `transpose` for a
    linear op: per argument, a function of (cotangent, *args, **params), or None (the last also
    takes `index` where it serves all arguments of a variadic op); for an affine op, `transpose`
    and `jvp`, since its own call would add the constant term again. Only where
    neither form fits, both `vjp` (cotangent, out, *args, **params) -> cotangents and `jvp`
    (tangents, out, *args, **params) -> tangent. Rules call ops, never NumPy, so that they
    differentiate and trace again. An op with none of them is constant: its derivative is zero.

    For the passes, as far as no bit changes: `identity` lists (argument, number) that leave the
    other argument as it is; `involution` says f(f(x)) = x, `idempotent` f(f(x)) = f(x);
    `unchanged(aval, **params)` whether the op gives its argument back. `several` marks an op that
    gives a tuple (control flow). `emit` says how it is compiled (see `ops.lowering`). `latex` is a
    format string with places for arguments ({0}), options ({axis}) or all arguments ({all});
    `grad.latex_form` fills it in, with parentheses where needed.
    """

    name: str
    np: Callable
    infer: Callable
    arity: int
    fixed: int
    defaults: Mapping[str, Any]
    required: tuple[str, ...]
    options: frozenset[str]
    partials: tuple = ()
    transpose: tuple = ()
    jointly_linear: bool = False
    vjp: Callable | None = None
    jvp: Callable | None = None
    commutative: bool = False
    identity: tuple[tuple[int, float], ...] = ()
    involution: bool = False
    idempotent: bool = False
    unchanged: Callable | None = None
    several: bool = False
    emit: Any = None
    latex: str = ""
    domain: tuple[tuple[float, float], ...] = ()
    samples: tuple = ()
    errors: tuple = ()

    @property
    def elementwise(self) -> bool:
        """Whether out[i] depends on the arguments' elements at i alone (after broadcasting)."""
        return bool(self.domain)

    @cached_property
    def differentiable(self) -> bool:
        """Whether it has a derivative that is not zero everywhere."""
        return bool(self.partials or self.transpose or self.vjp)

    def __call__(self, *args: Any, **params: Any) -> Any:
        if self.options or params or len(args) != self.arity:
            known = len(args) == self.arity and params.keys() <= self.options
            if known:
                params = {**self.defaults, **params}
            if not known or len(params) != len(self.options):
                args, params = self.bind(args, params)
        top, ready = None, True
        for arg in args:
            if isinstance(arg, Box):
                if top is None or arg.level > top.level:
                    top = arg
            elif type(arg) is np.ndarray:
                ready = ready and arg.dtype.kind in "fiubc"
            elif type(arg) not in _READY:
                ready = False
        if not ready:
            args = tuple(map(operand, args))
        return self.run(args, params) if top is None else top.interpret(self, args, params)

    def bind(self, args: tuple, params: dict) -> tuple[tuple, dict]:
        """Sort a call's arguments into arrays and a complete set of params."""
        names = (*self.required, *self.defaults)
        if self.arity != VARIADIC and len(args) > self.arity:
            extra = args[self.arity :]
            args = args[: self.arity]
            if len(extra) > len(names):
                raise TypeError(f"{self.signature} takes no more than {len(names)} options")
            for name, value in zip(names, extra, strict=False):
                if name in params:
                    raise TypeError(f"{self.signature} got {name!r} twice")
                params[name] = value
        if len(args) < self.arity:
            raise TypeError(f"{self.signature} needs {self.arity} array arguments, got {len(args)}")
        for name in params:
            if name not in names:
                known = suggestion(name, names) if names else "It takes no options."
                raise TypeError(f"{self.signature} has no option {name!r}. {known}")
        for name in self.required:
            if name not in params:
                raise TypeError(f"{self.signature} needs the option {name!r}")
        return args, {**self.defaults, **params}

    def is_linear_in(self, i: int) -> bool:
        """Whether `transpose` serves argument i."""
        if self.arity != VARIADIC or i < self.fixed:
            return i < len(self.transpose) and self.transpose[i] is not None
        return len(self.transpose) > self.fixed

    def pull(self, i: int, g: Any, out: Any, args: Sequence, params: dict) -> Any:
        """The cotangent of argument i from that of the result, or None where it is zero."""
        if self.partials:
            partial = self.partials[i]
            if callable(partial):
                return g * partial(out, *args, **params)
            return g if partial == 1.0 else None if partial is None else -g
        if self.arity != VARIADIC or i < self.fixed:
            rule = self.transpose[i]
            return rule and rule(g, *args, **params)
        return self.transpose[-1](g, *args, index=i, **params)

    def run(self, args: Sequence, params: Mapping[str, Any]) -> Any:
        """The op's meaning on arrays and numbers; what does not fit is told by the shape rule."""
        try:
            return self.np(*args, **params)
        except ChainruleError:
            raise
        except OverflowError as error:
            raise DtypeError(
                f"{self.name}: {error}. Convert the array first, as in x.astype('int64')."
            ) from error
        except (ValueError, TypeError, IndexError, AttributeError):
            self.infer(*map(aval_of, args), **params)
            raise

    @property
    def signature(self) -> str:
        """How a call is written, such as `sum(x, axis=None, keepdims=False)`."""
        arrays = ["*arrays"] if self.arity == VARIADIC else list("xyzuvw"[: self.arity])
        options = [f"{name}=..." for name in self.required]
        options += [f"{name}={value!r}" for name, value in self.defaults.items()]
        return f"{self.name}({', '.join(arrays + options)})"

    def __repr__(self) -> str:
        return f"<op {self.signature}>"

    def __reduce__(self) -> tuple:
        return (op_named, (self.name,))

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return self is other


OPS: dict[str, Op] = {}
"""The op table: the package's one piece of module state, filled when it is imported."""


def op_named(name: str) -> Op:
    """The record of that name."""
    return OPS[name]


def make_op(name: str, *, doc: str, arity: int | None = None, **fields: Any) -> Op:
    """Make an op's record without entering it into the table.

    The options and their defaults are the keyword-only parameters of `infer`.
    """
    rule = fields["infer"]
    code, defaults = rule.__code__, rule.__kwdefaults__ or {}
    first = code.co_argcount
    options = code.co_varnames[first : first + code.co_kwonlyargcount]
    counted = VARIADIC if code.co_flags & inspect.CO_VARARGS else first
    op = Op(
        name,
        arity=counted if arity is None else arity,
        fixed=first,
        defaults={option: defaults[option] for option in options if option in defaults},
        required=tuple(option for option in options if option not in defaults),
        options=frozenset(options),
        **fields,
    )
    object.__setattr__(op, "__doc__", doc)
    object.__setattr__(op, "__name__", name)
    object.__setattr__(op, "__qualname__", name)
    return op


def defop(name: str, **fields: Any) -> Op:
    """Define an op: make its record and enter it into the table."""
    if name in OPS:
        raise ValueError(f"op {name!r} is defined twice")
    OPS[name] = make_op(name, **fields)
    return OPS[name]


@dataclass(frozen=True)
class Ids:
    """A spec of integer samples: an array of that shape with entries from 0 to below."""

    shape: tuple[int, ...]
    below: int
    distinct: bool = False


def sample(*args: Any, **params: Any) -> tuple[tuple, dict]:
    """One call for the generated tests: a tuple stands for random floats of that shape."""
    return args, params


def operand(value: Any) -> Any:
    """A box as it is; anything else as an array or a Python scalar."""
    return value if isinstance(value, Box) else as_operand(value)


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape of a box, an array or a Python scalar."""
    shape = getattr(value, "shape", None)
    return np.shape(value) if shape is None else shape


def dtype_of(value: Any) -> np.dtype:
    """The dtype of a box, an array or a Python scalar."""
    dtype = getattr(value, "dtype", None)
    return aval_of(value).dtype if dtype is None else dtype


def refuse_dtype(op: str, aval: Aval, expected: str, mend: str) -> DtypeError:
    """The error for an argument whose dtype the op cannot take."""
    return DtypeError(f"{op}: got dtype {aval.dtype}, expected {expected}. {mend}")


def _not_callable(*args: Any, **params: Any) -> Any:
    raise TypeError("project takes its argument from an op that gives a tuple.")


PROJECT = make_op(
    "project",
    np=_not_callable,
    infer=lambda bundle, *, index: bundle[index],
    latex="{0}_{{{index}}}",
    doc="""One of the results of an op that gives a tuple; stands in graphs only.""",
)
