"""The formulas of a model without numbers: the net, and the derivatives by its parameters."""

from dataclasses import dataclass
from typing import Any

from chainrule import ops, optim, rng
from chainrule.errors import ShapeError
from chainrule.explain.builder import Builder, Origin
from chainrule.explain.formula import Formula
from chainrule.explain.mathml import write_mathml
from chainrule.explain.naming import partial
from chainrule.explain.step import Task
from chainrule.graph import Node
from chainrule.nn import Module


@dataclass(frozen=True)
class Formulas:
    """Equations as pairs of LaTeX, left and right; print them, or show them in a notebook."""

    forward: tuple[tuple[str, str], ...]
    backward: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """A line for each equation."""
        pairs = [*self.forward, ("", ""), *self.backward]
        lines = [f"{Formula.of(a).text} = {Formula.of(b).text}" if a else "" for a, b in pairs]
        return "\n".join(lines)

    @property
    def latex(self) -> str:
        """An `align*` environment."""
        rows = [
            f"{Formula.of(left).latex} &= {Formula.of(right).latex}"
            for left, right in (*self.forward, *self.backward)
        ]
        return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        rows = (
            f"<p>{write_mathml(Formula.of(rf'{left} = {right}'))}</p>"
            for left, right in (*self.forward, *self.backward)
        )
        return "".join(rows)


def formulas(model: Module, input_shape: tuple[int, ...] | None = None) -> Formulas:
    """The net as equations, and the derivatives of any loss L from that by its output.

    `input_shape` is that of one sample; left out, it is read off the first matrix of weights.

    Raises:
        ShapeError: the shape does not fit, or none was given and there is no matrix.

    >>> from chainrule import nn
    >>> print(formulas(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))))
    z1 = W1 x + b1
    h1 = max(0, z1)
    z2 = W2 h1 + b2
    <BLANKLINE>
    dL/db2 = dL/dz2
    dL/dW2 = dL/dz2 h1^T
    dL/dh1 = W2^T dL/dz2
    dL/dz1 = dL/dh1 ∘ (h1 > 0)
    dL/db1 = dL/dz1
    dL/dW1 = dL/dz1 x^T
    """
    model.initialize()
    shape = _input_shape(model) if input_shape is None else tuple(input_shape)
    parameter = next(iter(model.parameters()))
    x = rng.normal(rng.key(0), (1, *shape)).astype(parameter.dtype)
    weights = rng.normal(rng.key(1), model(x).shape).astype(parameter.dtype)
    # The derivative of sum(output * y) by the output is y: it stands for that of any loss.
    sgd = optim.SGD()
    memory: dict[str, dict] = {path: {} for path, _ in model.named_parameters()}
    task = Task(model, x, weights, lambda out, y: ops.sum(out * y), sgd, memory, 1, sgd.lr)
    return _equations(Builder(task, Origin()))


def _input_shape(model: Module) -> tuple[int, ...]:
    matrix = next((leaf for leaf in model.parameters() if len(leaf.shape) == 2), None)
    if matrix is None:
        raise ShapeError(
            "formulas: the model has no matrix of weights that tells the size of its input. Give "
            "input_shape=(...) of one sample."
        )
    return (matrix.shape[1],)


def _equations(builder: Builder) -> Formulas:
    step, names = builder.step, builder.names
    output = builder.layout.source(step.output, names)
    names[step.y] = partial(names[output])

    def equations(node: Node, symbol: str) -> list[tuple[str, str]]:
        pieces = builder.naming.pieces_of(node)
        same = names.get(node) not in (None, symbol)
        right: Any = names[node] if same else builder.writer.definition(node)
        return [(names[p], builder.writer.definition(p)) for p in pieces] + [(symbol, right)]

    forward, backward = [], []
    for node in builder.naming.forward:
        if node is not step.loss:
            forward += equations(node, names[node])
        if node is output:
            break
    for slope in step.slopes:
        symbol = partial(names.get(slope.of, ""))
        if slope.of in names and slope.of not in (step.loss, output):
            for path in slope.paths if len(slope.paths) > 1 else ():
                backward += equations(path.term, names[path.term])
            backward += equations(slope.total, symbol)
    return Formulas(tuple(forward), tuple(backward))
