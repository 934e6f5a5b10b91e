r"""Symbols for the values of a step: W_1, z_1, h_1, ..., L, dL/dW_1, m_t, W_1'.

Names come from where a value stands, not from the op that made it: what a module with parameters
gives is z_k, what a module without gives is h_k, and derivatives are named after what they are
derivatives by. A value without a name is written out inside the formulas that use it, unless it
is used twice or its formula would be long: then it is u_1, u_2, ...
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from types import MappingProxyType

from chainrule.explain.images import find_images
from chainrule.explain.layout import Layout
from chainrule.explain.moments import find_moments
from chainrule.explain.roles import SYMBOLS, Roles
from chainrule.explain.step import Step
from chainrule.graph import Node
from chainrule.nn import Module

_LETTERS = MappingProxyType({"weight": "W", "bias": "b", "velocity": "v"})
_SCALES = MappingProxyType({"weight": r"\gamma", "bias": r"\beta"})
"""The letters of a layer that scales and shifts each unit, as a norm does."""

_LONGEST = 8
"""A formula of more ops than this is cut into pieces with names of their own."""


def partial(symbol: str) -> str:
    """The derivative of the loss by what has this symbol."""
    return rf"\frac{{\partial L}}{{\partial {symbol}}}"


def primed(symbol: str) -> str:
    """The same value after the update."""
    return f"{symbol}'"


class Naming:
    """The symbols of one step, as LaTeX by node.

    `forward` lists the named calls of the forward pass in order; `names` grows when pieces of long
    formulas are named.
    """

    def __init__(self, step: Step, model: Module, layout: Layout):
        self.step = step
        self.layout = layout
        self.names: dict[Node, str] = {}
        self.users = Counter(arg for node in step.graph.calls for arg in set(node.args))
        self.roles = self._find_roles()
        self.leaf_symbols = self._name_leaves()
        self.forward = self._name_forward(model)
        self._name_slopes()
        self._name_updates()

    def _find_roles(self) -> Roles:
        found = Roles({}, {}, {})
        for node in self.step.forward:
            if node.op is not None and node.op.arity == 2:
                args = [self.layout.source(arg, ()) for arg in node.args]
                find_moments(node, args, found)
                find_images(node, args, found, self.users)
        return found

    def _name_leaves(self) -> dict[str, str]:
        """Parameters and buffers: a letter and the number of the layer that holds them."""
        step, owner = self.step, self.step.owner()
        used = [owner[a] for n in step.forward for a in n.args if a in owner]
        order = list(dict.fromkeys([*used, *step.leaves]))
        holders = list(dict.fromkeys(path.rpartition(".")[0] for path in order))
        symbols = {}
        for path in order:
            holder, _, last = path.rpartition(".")
            letter = _LETTERS.get(last, last)
            weight = step.leaves.get(f"{holder}.weight".lstrip("."))
            if last in _SCALES and weight is not None and weight.aval.ndim == 1:
                letter = _SCALES[last]
            letter = letter if len(letter) == 1 or letter[0] == "\\" else _word(letter)
            symbols[path] = f"{letter}_{{{holders.index(holder) + 1}}}"
        self.names |= {step.leaves[path]: symbols[path] for path in step.leaves}
        return symbols

    def _name_forward(self, model: Module) -> list[Node]:
        step = self.step
        batch = step.x.aval.shape[:1] != (1,)
        self.names[step.x] = "X" if batch else "x"
        self.names[step.y] = "c" if step.y.aval.dtype.kind in "iu" else "Y" if batch else "y"
        self.names[step.lr], self.names[step.count] = r"\eta", "t"
        self._name_steps()
        leaf_modules = {
            path for path, module in model.named_modules() if not any(module.children())
        }
        counts: Counter[str] = Counter()
        taken, named = set(self.names.values()), []
        last = _last_of_each_module(step.forward, leaf_modules)
        owner = set(step.leaves.values())
        parametric = {n.place.scope for n in step.forward if any(a in owner for a in n.args)}
        beyond = False
        for node in step.forward:
            beyond = beyond or step.output in node.args
            if node is step.loss:
                self.names[node] = "L"
            elif node in self.names or self._unnamed(node):
                continue
            elif self.roles.of.get(node) in SYMBOLS:
                number = counts["z"] + (node.place.scope in parametric)
                self.names[node] = self._free(node, number, taken)
            elif node in last:
                weighs = node.place.scope in parametric
                counts["z"] += weighs
                symbol = f"{'z' if weighs else 'h'}_{{{counts['z']}}}"
                while symbol in taken:
                    symbol = primed(symbol)
                self.names[node] = symbol
                taken.add(symbol)
            elif self._written_out(node, beyond):
                continue
            else:
                counts["u"] += 1
                self.names[node] = f"u_{{{counts['u']}}}"
            named.append(node)
        self.count = counts["u"]
        return named

    def _unnamed(self, node: Node) -> bool:
        """Whether a call only moves numbers, or is swallowed by another."""
        return self.layout.move(node) is not None or node in self.roles.inside

    def _free(self, node: Node, number: int, taken: set[str]) -> str:
        """The symbol of a value with a role, with the number of its layer."""
        symbol = f"{SYMBOLS[self.roles.of[node]]}_{{{number}}}"
        while symbol in taken:
            symbol = primed(symbol)
        taken.add(symbol)
        return symbol

    def _written_out(self, node: Node, beyond: bool) -> bool:
        """Whether a call inside a module or, `beyond` the output, of the loss needs no name."""
        once = node.op.elementwise and self.users[node] < 2 and node is not self.step.output
        return once or (beyond and node.op.arity == 1)

    def _name_steps(self) -> None:
        """The steps of fused ops, such as the probabilities p of a cross-entropy."""
        taken: set[str] = set()
        for steps in self.step.expansions.values():
            for symbol, node in steps.items():
                if symbol and node not in self.names:
                    while symbol in taken:
                        symbol = primed(symbol)
                    taken.add(symbol)
                    self.names[node] = symbol

    def _name_slopes(self) -> None:
        for slope in self.step.slopes:
            symbol = self.names.get(slope.of)
            if symbol is None:
                continue
            if slope.total not in self.names and slope.total.op:
                self.names[slope.total] = partial(symbol)
            for number, path in enumerate(slope.paths if len(slope.paths) > 1 else (), 1):
                if path.term.op is not None:
                    way = self.names.get(self.roles.whole(path.user), str(number))
                    self.names.setdefault(path.term, f"{{{partial(symbol)}}}_{{{way}}}")

    def _name_updates(self) -> None:
        step = self.step
        for path, node in step.moved.items():
            self.names.setdefault(node, primed(self.leaf_symbols[path]))
            for when, group in (("t-1", step.memory), ("t", step.memory_after)):
                for name, held in group[path].items():
                    letter = name if len(name) == 1 else _LETTERS.get(name, _word(name))
                    self.names.setdefault(held, f"{letter}_{{{when}}}")
        for path, node in step.buffers.items():
            self.names.setdefault(node, primed(self.leaf_symbols[path]))
        for steps in step.asides.values():
            for symbol, node in steps.items():
                if symbol and node.op is not None:
                    self.names.setdefault(node, symbol)
        for before, after in step.again.items():
            if before in self.names:
                self.names.setdefault(after, primed(self.names[before]))
        self.names.setdefault(step.after, primed("L"))

    def pieces_of(self, root: Node) -> list[Node]:
        """Name the nodes inside the formula of `root` that need it, and give them in order."""
        found: list[Node] = []
        self._weigh(root, root, found)
        return found

    def _weigh(self, node: Node, root: Node, found: list[Node]) -> int:
        """How many ops the formula of a node would write out."""
        if (node is not root and node in self.names) or node.op is None:
            return 0
        steps = self.step.expansions.get(node)
        if steps is not None and node not in steps.values():
            return self._weigh(steps[""], root, found)
        weight = sum(self._weigh(arg, root, found) for arg in node.args)
        if self.layout.move(node) is not None:
            return weight
        weight += 1
        if isinstance(node.aval, tuple):
            return weight
        shared = self.users[node] > 1 and weight > 2 and node.aval.dtype.kind == "f"
        if node is not root and (shared or weight > _LONGEST):
            self.names[node] = self._piece(node, root)
            found.append(node)
            return 0
        return weight

    def _piece(self, node: Node, root: Node) -> str:
        """The name of a piece: of what an update subtracts, the change."""
        for path, moved in self.step.moved.items():
            if moved is root and node in root.args:
                return rf"\Delta {self.leaf_symbols[path]}"
        self.count += 1
        return f"u_{{{self.count}}}"


def _last_of_each_module(forward: Iterable[Node], leaf_modules: set[str]) -> set[Node]:
    """The node that gives a module's output, each time that the module is called."""
    last = set()
    for place, calls in itertools.groupby(forward, lambda n: (n.place.scope, n.place.module)):
        if place[0] in leaf_modules and place[1]:
            made = list(calls)
            last |= set(made) - {arg for node in made for arg in node.args}
    return last


def _word(name: str) -> str:
    return rf"\mathrm{{{re.sub('[^A-Za-z0-9]', ' ', name)}}}"
