"""A loop of unknown length that a trace can hold, with its derivatives."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import tree
from chainrule.aval import Aval, aval_of
from chainrule.errors import DtypeError, GradientError
from chainrule.grad.reverse import concrete_leaf
from chainrule.graph.flat import (
    float_positions,
    is_traced,
    jvp_flat,
    output_avals,
    pick,
    placed,
    same_carry,
    strong,
    trace_flat,
    truth,
    vjp_flat,
)
from chainrule.graph.graph import Graph, Node
from chainrule.graph.interpret import run_flat
from chainrule.graph.trace import trace_closed
from chainrule.ops.table import make_op


class Consts(NamedTuple):
    """How many leading arguments belong to the test, and how many after them to the body."""

    test: int
    body: int


def _infer_while(*values: Aval, test: Graph, body: Graph, consts: Consts) -> tuple:
    return tuple(strong(v) for v in values[sum(consts) :])


def _while_states(values: Sequence, test: Graph, body: Graph, consts: Consts) -> list[list]:
    """Every state of the loop, the first and the last included."""
    asked, fixed = list(values[: consts.test]), list(values[consts.test :][: consts.body])
    states = [list(values[sum(consts) :])]
    while np.asarray(run_flat(test, [*asked, *states[-1]])[0]).item():
        states.append(run_flat(body, [*fixed, *states[-1]]))
    return states


def _while(*values: Any, test: Graph, body: Graph, consts: Consts) -> tuple:
    asked, fixed = list(values[: consts.test]), list(values[consts.test :][: consts.body])
    state = list(values[sum(consts) :])
    while np.asarray(run_flat(test, [*asked, *state])[0]).item():
        state = run_flat(body, [*fixed, *state])
    return tuple(map(concrete_leaf, state))


def _while_jvp(
    tangents: tuple,
    outs: tuple,
    *values: Any,
    test: Graph,
    body: Graph,
    consts: Consts,
) -> tuple:
    avals = [strong(node.aval) for node in body.inputs]
    live = float_positions(avals)
    fixed = [i for i in live if i < consts.body]
    states = [i for i in live if i >= consts.body]
    count = len(avals) - consts.body

    def push(given: list) -> list:
        rest = list(given)
        primals = [rest.pop(0) for _ in range(consts.body)]
        slopes = [rest.pop(0) for _ in fixed]
        primals += [rest.pop(0) for _ in range(count)]
        results, moved = jvp_flat(body, primals, [*slopes, *rest], live)
        return [*results, *moved]

    inputs = [
        *avals[: consts.body],
        *pick(avals, fixed),
        *avals[consts.body :],
        *pick(avals, states),
    ]
    own = tangents[consts.test :]
    extra = [Node(avals[i]) for i in states]
    asking = Graph([*test.inputs, *extra], test.outputs, test.name)
    results = _while_op(
        *values[: sum(consts)],
        *pick(own, fixed),
        *values[sum(consts) :],
        *pick(own, states),
        test=asking,
        body=trace_flat(push, inputs, f"push_{body.name}"),
        consts=consts._replace(body=consts.body + len(fixed)),
    )
    return tuple(placed(results[count:], [i - consts.body for i in states], count))


def _while_vjp(
    g: list,
    outs: Any,
    *values: Any,
    test: Graph,
    body: Graph,
    consts: Consts,
) -> tuple:
    avals = [strong(node.aval) for node in body.inputs]
    live = float_positions(avals)
    states = [i for i in live if i >= consts.body]
    weights = [g[i - consts.body] for i in states]
    parts = _while_pull_op(
        *values,
        *weights,
        test=test,
        body=body,
        consts=consts,
    )
    return (*[None] * consts.test, *placed(parts, live, len(avals)))


def _infer_while_pull(*values: Aval, test: Graph, body: Graph, consts: Consts) -> tuple:
    avals = [strong(node.aval) for node in body.inputs]
    return tuple(pick(avals, float_positions(avals)))


def _while_pull(*values: Any, test: Graph, body: Graph, consts: Consts) -> tuple:
    """Run the loop and keep its states, then the body's pullback from the last to the first."""
    end = consts.test + len(body.inputs)
    states = _while_states(values[:end], test, body, consts)
    fixed = list(values[consts.test : sum(consts)])
    avals = [strong(node.aval) for node in body.inputs]
    live = float_positions(avals)
    sums = [np.zeros(avals[i].shape, avals[i].dtype) for i in live if i < consts.body]
    g = list(values[end:])
    for before in reversed(states[:-1]):
        parts = vjp_flat(body, [*fixed, *before], g, live)
        sums = [total + part for total, part in zip(sums, parts, strict=False)]
        g = parts[len(sums) :]
    return (*sums, *g)


def _no_second_order(*args: Any, **params: Any) -> Any:
    raise GradientError(
        "while_loop: inside a trace its reverse derivative exists once, not twice. Use forward "
        "mode (jvp) for the inner derivative, or scan with a fixed number of steps."
    )


_while_op = make_op(
    "while_loop",
    np=_while,
    infer=_infer_while,
    vjp=_while_vjp,
    jvp=_while_jvp,
    several=True,
    latex=r"\operatorname{{while}}({0})",
    doc="A graph run as long as another says true.",
)
_while_pull_op = make_op(
    "while_pullback",
    np=_while_pull,
    infer=_infer_while_pull,
    vjp=_no_second_order,
    jvp=_no_second_order,
    several=True,
    latex=r"\operatorname{{while}}'({0})",
    doc="The reverse derivative of while_loop.",
)


def while_loop(test: Callable, body: Callable, init: Any) -> Any:
    """Repeat state = body(state) as long as test(state) holds; give the last state.

    The state is an array or a tree of arrays that keeps its shapes and dtypes. Inside a trace the
    loop is one op: forward mode to any order, reverse mode once (it keeps every state).

    Raises:
        ShapeError: the body changes the state's tree, shapes or dtypes.
        DtypeError: the test gives something other than one boolean.

    >>> while_loop(lambda x: x < 100.0, lambda x: x * 2.0, np.float32(3.0))
    np.float32(192.0)
    """
    leaves, _ = tree.flatten(init)
    if is_traced(leaves) or is_traced([test(init)]):
        return _while_traced(test, body, init)
    state, first = init, True
    while truth(test(state)):
        state = body(state)
        if first and is_traced(tree.flatten(state)[0]):
            return _while_traced(test, body, init)
        first = False
    return state


def _while_traced(test: Callable, body: Callable, init: Any) -> Any:
    """Trace test and body once each; what they capture from outside becomes constants."""
    leaves, structure = tree.flatten(init)
    leaves = [concrete_leaf(leaf) for leaf in leaves]
    avals = [strong(aval_of(leaf)) for leaf in leaves]
    state = tree.unflatten(structure, avals)
    asking, asked = trace_closed(test, (state,), lift=True)
    moving, captured = trace_closed(body, (state,), lift=True)
    if [(a.shape, a.dtype.kind) for a in output_avals(asking)] != [((), "b")]:
        raise DtypeError(
            f"while_loop: the test gives {output_avals(asking)}; expected one boolean."
        )
    same_carry("while_loop", moving.out_structure, structure, moving, avals)
    own = len(leaves)
    outs = _while_op(
        *asked,
        *captured,
        *leaves,
        test=Graph([*asking.inputs[own:], *asking.inputs[:own]], asking.outputs, asking.name),
        body=Graph([*moving.inputs[own:], *moving.inputs[:own]], moving.outputs, moving.name),
        consts=Consts(len(asked), len(captured)),
    )
    return tree.unflatten(structure, list(outs))
