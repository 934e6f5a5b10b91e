"""One arena for all buffers of a program: which of them share memory, for they never meet."""

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chainrule.aval import Aval
from chainrule.compiler.lowered import Places
from chainrule.compiler.schedule import Schedule
from chainrule.graph.node import Node


@dataclass
class Plan:
    """Where each buffer lies in the arena: bytes from its beginning."""

    offsets: dict[Node, int]
    size: int
    least: int


def plan_memory(schedule: Schedule, elsewhere: Iterable[Node]) -> Plan:
    """Lay buffers into one arena; those that are never needed at the same time share memory.

    One after another is placed at the lowest place that is free for its whole life; of three
    orders (the larger, the longer-lived, or the earlier ones first) the best is taken. `least` is
    the largest sum of what is alive in one phase: no plan can do with less.
    """
    outside = set(elsewhere)
    room = functools.cache(functools.partial(_room, schedule.places))
    lives: dict[Node, list[int]] = {}
    for group, when in schedule.when.items():
        for node in group.stored:
            if node not in outside and isinstance(node.aval, Aval):
                lives[node] = [when, when]
    for group, when in schedule.when.items():
        for root in schedule.fusion.needs(group):
            if root in lives:
                lives[root][1] = max(lives[root][1], when)
    orders = (
        lambda node: -room(node),
        lambda node: (lives[node][0] - lives[node][1], -room(node)),
        lambda node: (lives[node][0], -room(node)),
    )
    plans = [_laid_out(sorted(lives, key=order), lives, room) for order in orders]
    alive = [
        sum(room(node) for node, (begin, end) in lives.items() if begin <= when <= end)
        for when in range(len(schedule.phases))
    ]
    offsets, size = min(plans, key=lambda plan: plan[1])
    return Plan(offsets, size, max(alive, default=0))


def _laid_out(
    nodes: list[Node], lives: dict[Node, list[int]], room: Callable[[Node], int]
) -> tuple[dict[Node, int], int]:
    """The place of each buffer, given in this order, and the bytes of all."""
    placed: list[tuple[int, int, Node]] = []
    for node in nodes:
        start, begin, end = 0, *lives[node]
        for low, high, other in sorted(placed, key=lambda entry: entry[0]):
            apart = lives[other][1] < begin or lives[other][0] > end
            if not apart and low < start + room(node) and start < high:
                start = high
        placed.append((start, start + room(node), node))
    size = max((high for _, high, _ in placed), default=0)
    return {node: low for low, _, node in placed}, size


def _room(places: Places, node: Node) -> int:
    """Bytes of a buffer, in whole cache lines, so that two threads never write to one."""
    elements = math.prod(places.room(node))
    return math.ceil(max(1, elements * node.aval.dtype.itemsize) / 64) * 64
