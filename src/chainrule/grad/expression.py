"""Expressions: values that are only written down, for symbolic mode.

An expression is a graph without circles: equal parts are one object, so that what is shared stays
shared, however often it is used. Nothing here recurses; a chain of 20,000 ops is no deep one.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from chainrule.aval import Aval, as_operand, aval_of
from chainrule.errors import GradientError, OptionError, ShapeError
from chainrule.grad.keys import constant_key, hashable, kept
from chainrule.grad.reverse import scalar_seed, vjp
from chainrule.grad.symbolic_print import to_latex, to_text
from chainrule.grad.symbolic_simplify import simplify
from chainrule.grad.symbolic_sympy import to_sympy
from chainrule.operators import ArrayBox
from chainrule.ops.arithmetic import where
from chainrule.ops.axes import sizes
from chainrule.ops.elementwise import cast
from chainrule.ops.promotion import as_dtype
from chainrule.ops.shape import broadcast_to
from chainrule.ops.table import PROJECT, Box, Op, new_level, shape_of


class Space:
    """The expressions of one derivation, each of which exists once; and its variables."""

    def __init__(self) -> None:
        self.level = new_level()
        self.variables: list[Expr] = []
        self._known: dict[Any, Expr] = {}

    def variable(self, name: str, shape: Any = (), dtype: Any = np.float64) -> "Expr":
        """A new variable, other than every one before, also of that name."""
        aval = Aval(sizes("variable", shape), as_dtype(dtype))
        made = Expr(self, aval, name=name)
        self.variables.append(made)
        return made

    def constant(self, value: Any) -> "Expr":
        """The expression of a value that stays as it is."""
        if isinstance(value, Expr):
            return value
        value = value if isinstance(value, Box) else kept(as_operand(value))
        return self._shared(constant_key(value), aval_of(value), value=value)

    def apply(self, op: Op, args: Iterable[Any], params: Mapping[str, Any], aval: Any) -> "Expr":
        """The expression of an op's result."""
        nodes = tuple(self.constant(arg) for arg in args)
        key = (op, tuple(map(id, nodes)), hashable(params))
        return self._shared(key, aval, op=op, args=nodes, params=params)

    def _shared(self, key: Any, aval: Any, **fields: Any) -> "Expr":
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Expr(self, aval, **fields)
        return found

    @property
    def count(self) -> int:
        """How many expressions there are."""
        return len(self._known) + len(self.variables)


class Expr(ArrayBox):
    """A variable, a constant, or an op on expressions.

    It computes with like a number or an array, prints as text and as LaTeX, can be evaluated,
    simplified and differentiated to any order.

    >>> x, y = variables("x y")
    >>> (x * y + x.sin()).derive("x")
    y + cos(x)
    """

    __slots__ = ("args", "aval", "level", "name", "op", "params", "serial", "space", "value")

    def __init__(
        self,
        space: Space,
        aval: Any,
        *,
        op: Op | None = None,
        args: tuple["Expr", ...] = (),
        params: Mapping[str, Any] | None = None,
        value: Any = None,
        name: str = "",
    ):
        self.space = space
        self.level = space.level
        self.aval = aval
        self.serial = space.count
        self.op = op
        self.args = args
        self.params = params or {}
        self.value = value
        self.name = name

    def interpret(self, op: Op, args: tuple, params: dict) -> Any:
        avals = op.infer(*map(aval_of, args), **params)
        whole = self.space.apply(op, args, params, avals)
        if not op.several:
            return whole
        return tuple(
            self.space.apply(PROJECT, (whole,), {"index": i}, aval) for i, aval in enumerate(avals)
        )

    @property
    def is_constant(self) -> bool:
        return self.op is None and not self.name

    @property
    def plain(self) -> Any:
        """What rules compute with: the value of a constant, else the expression."""
        return self.value if self.is_constant else self

    @property
    def variables(self) -> tuple["Expr", ...]:
        """The variables that the expression depends on, in the order of their making."""
        found = [node for node in in_order([self]) if node.name]
        return tuple(sorted(found, key=lambda node: (node.level, node.serial)))

    def evaluate(self, **values: Any) -> Any:
        """The value, with numbers, arrays or other expressions put in for the variables.

        dtype: Python numbers, lists and integers take the variable's dtype; other arrays keep
        theirs. An expression of numbers takes arrays, too, and computes element by element.

        Raises:
            OptionError: a variable without a value, or a name that is none.
            ShapeError: a value's shape is not its variable's.

        >>> x, y = variables("x y")
        >>> (x * y).evaluate(x=2.0, y=np.array([3.0, 4.0]))
        array([6., 8.])
        """
        named = _by_name(self.variables)
        for name in values:
            if name not in named and name not in {v.name for v in self.space.variables}:
                raise OptionError(f"evaluate: no variable {name!r}. {_names_of(self)}")
        missing = [name for name in named if name not in values]
        if missing:
            raise OptionError(
                f"evaluate: no value for {', '.join(missing)}. Give all, as in "
                f"evaluate({', '.join(f'{name}=...' for name in named)})."
            )
        return self._at({named[name]: value for name, value in values.items() if name in named})

    def __call__(self, *values: Any) -> Any:
        """As `evaluate`, with a value for each variable made for it, in their order."""
        expected = self.space.variables
        foreign = [v for v in self.variables if v.space is not self.space]
        if foreign:
            expected = self.variables
        if len(values) != len(expected):
            names = ", ".join(variable.name for variable in expected)
            raise OptionError(
                f"got {len(values)} values for the {len(expected)} variables {names}."
            )
        return self._at(dict(zip(expected, values, strict=True)))

    def derive(self, *wrt: "str | Expr") -> "Expr":
        """The derivative by a variable (given by name or itself), and by the next, and so on.

        The rules of reverse mode, run on expressions; then simplified. Without arguments, the
        derivative by the only variable.

        Raises:
            GradientError: the expression is not one number: give each output its own, or use
                `jacobian`.
            OptionError: no such variable.

        >>> (x,) = variables("x")
        >>> (x**3).derive("x"), (x**3).derive("x", "x")
        (3 * x**2, 6 * x)
        """
        result = self
        for variable in wrt or self._only_variable():
            result = result._slope(self._variable(variable)).simplify()
        return result

    def simplify(self) -> "Expr":
        """The same in fewer ops; see `symbolic_simplify` for what that may change.

        >>> (x,) = variables("x")
        >>> (x + 0.0 + 2.0 * x).simplify()
        3 * x
        """
        return simplify(in_order([self]), [self])[0]

    def latex(self) -> str:
        r"""The expression as LaTeX.

        >>> x, y = variables("x y")
        >>> print(((x + 1.0) / y.sqrt()).latex())
        \frac{x + 1}{\sqrt{y}}
        """
        return to_latex(in_order([self]))

    def to_sympy(self) -> Any:
        """The expression as one of SymPy's, with real symbols of the same names.

        Raises:
            MissingExtraError: SymPy is not installed.
            GradientError: the expression holds arrays, or an op without a meaning there.

        >>> (x,) = variables("x")
        >>> (x.sin() ** 2).to_sympy()
        sin(x)**2
        """
        return to_sympy(in_order([self]))

    def _slope(self, variable: "Expr") -> "Expr":
        def of_variable(value: Any) -> Any:
            return evaluate([self], {variable: value}, partly=True)[0]

        return self.space.constant(derivatives(of_variable, [variable])[0])

    def _only_variable(self) -> tuple["Expr", ...]:
        known = self.space.variables
        if len(known) != 1:
            raise OptionError(f"derive: by which variable? {_names_of(self)}")
        return (known[0],)

    def _variable(self, given: "str | Expr") -> "Expr":
        if isinstance(given, Expr):
            if not given.name:
                raise OptionError(f"derive: {given} is no variable. {_names_of(self)}")
            return given
        known = dict.fromkeys((*self.space.variables, *self.variables))
        named = _by_name(known)
        if given not in named:
            raise OptionError(f"derive: no variable {given!r}. {_names_of(self)}")
        return named[given]

    def _at(self, values: Mapping["Expr", Any]) -> Any:
        """The value with values put in for all variables."""
        given = {variable: _fitting(variable, value) for variable, value in values.items()}
        shape = _check_shapes(self, given)
        (result,) = evaluate([self], given)
        if shape is not None and shape_of(result) != shape:
            result = broadcast_to(result, shape=shape)
        return result if isinstance(result, Box) else np.array(result)[()]

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise GradientError(
            f"an expression ({self.aval}) has no numbers to branch on, to convert or to hand to "
            "NumPy. Choose with chainrule.where(condition, x, y), use the function of that name in "
            "chainrule, or put numbers in with .evaluate(...)."
        )

    __bool__ = __float__ = __int__ = __index__ = __array__ = item = numpy = _refuse

    def _told(self) -> str:
        return f"an expression ({self.aval})"

    def __str__(self) -> str:
        return to_text(in_order([self]))

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


def variables(names: str, shape: Any = (), dtype: Any = np.float64) -> tuple[Expr, ...]:
    """Variables to write expressions with, one for each name.

    >>> x, y = variables("x y")
    >>> x**2 + y
    x**2 + y
    """
    space = Space()
    return tuple(space.variable(name, shape, dtype) for name in _checked_names(names))


def variable(name: str, shape: Any = (), dtype: Any = np.float64) -> Expr:
    """A variable of a shape.

    >>> W = variable("W", (3, 4))
    >>> (W @ W.T).sum(axis=0).shape
    (3,)
    """
    return variables(name, shape, dtype)[0]


def _checked_names(names: str) -> list[str]:
    given = names.replace(",", " ").split()
    for name in given:
        if not name.isidentifier() or given.count(name) > 1:
            raise OptionError(
                f"variables: {names!r} must hold different names, such as 'x y'; got {name!r}."
            )
    return given


def in_order(roots: Iterable[Expr]) -> list[Expr]:
    """Every expression that the roots are made of, arguments before results."""
    order: list[Expr] = []
    done: set[int] = set()
    stack = [(root, False) for root in roots]
    while stack:
        node, ready = stack.pop()
        if id(node) in done:
            continue
        if ready or not node.args:
            done.add(id(node))
            order.append(node)
        else:
            stack.append((node, True))
            stack += [(arg, False) for arg in reversed(node.args) if id(arg) not in done]
    return order


def evaluate(roots: list[Expr], values: Mapping[Expr, Any], partly: bool = False) -> list:
    """Run the ops of expressions with values for the variables.

    With `partly`, what depends on none of the values stays an expression.
    """
    found: dict[int, Any] = {id(variable): value for variable, value in values.items()}
    fresh = set(found)
    for node in in_order(roots):
        if id(node) in fresh:
            continue
        if node.op is None or (partly and not any(id(arg) in fresh for arg in node.args)):
            found[id(node)] = node.plain
            continue
        fresh.add(id(node))
        args = [found[id(arg)] for arg in node.args]
        if node.op is PROJECT:
            found[id(node)] = args[0][node.params["index"]]
        else:
            found[id(node)] = node.op(*args, **node.params)
    return [found[id(root)] for root in roots]


def derivatives(function: Callable, by: list) -> tuple:
    """The gradients of a function of one number by its arguments: reverse mode."""
    value, pull = vjp(function, *by)
    return pull(scalar_seed(value, "derive", function))


def _by_name(found: Iterable[Expr]) -> dict[str, Expr]:
    named: dict[str, Expr] = {}
    for node in found:
        if named.setdefault(node.name, node) is not node:
            raise OptionError(
                f"two different variables are named {node.name!r}. Give one another name."
            )
    return named


def _names_of(expression: Expr) -> str:
    names = dict.fromkeys(v.name for v in (*expression.space.variables, *expression.variables))
    return f"Known: {', '.join(names) or 'none'}."


def _fitting(variable: Expr, value: Any) -> Any:
    """A value with the dtype that suits a variable."""
    if isinstance(value, Box):
        return value
    array = np.asarray(as_operand(value))
    dtype = variable.aval.dtype
    own = isinstance(value, (np.ndarray, np.generic)) and array.dtype.kind in "fc"
    return array if own or dtype.kind not in "fc" else np.asarray(value, dtype)


_ELEMENTWISE = frozenset({where, cast})
"""Ops that go element by element but are not `elementwise` in the record's sense."""


def _check_shapes(root: Expr, values: Mapping[Expr, Any]) -> tuple[int, ...] | None:
    """Refuse other shapes than the variables', except arrays for numbers, element by element.

    Gives the shape that the result then has.
    """
    other = [v for v, value in values.items() if shape_of(value) != v.shape]
    if not other:
        return None
    fixed = [
        node.op
        for node in in_order([root])
        if node.op and not (node.op.elementwise or node.op in _ELEMENTWISE)
    ]
    for variable in other:
        if variable.shape != () or fixed:
            raise ShapeError(
                f"{variable.name} has shape {variable.shape} and its value has shape "
                f"{shape_of(values[variable])}; they must be equal"
                + (f", for the expression holds {fixed[0].name}." if fixed else ".")
            )
    return np.broadcast_shapes(*(shape_of(value) for value in values.values()))
