"""What a program must know to run its code: plain facts, which can be kept beside the code."""

import base64
import json
import math
from typing import NamedTuple

import numpy as np

FAULT = 0
"""The slot of the word that a failed demand sets."""
LINE = 8
"""Words in a cache line. Each counter has a line of its own, or threads would fight for them."""
_LENGTH = 8
"""Bytes of the number that says how long the facts are."""


class Slot(NamedTuple):
    """A buffer that kernels find by its place in the table of addresses, and where it comes from.

    `kind` is "arena" (`start` bytes into it), "own" (memory of its own), "constant" (of this
    `value`), "given" (bound from outside), or "bundle" (several values, which kernels never read).
    """

    kind: str
    shape: tuple[int, ...] = ()
    dtype: str = ""
    start: int = 0
    value: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def to_json(self) -> list:
        value = self.value
        text = None if value is None else base64.b64encode(value.tobytes()).decode()
        return [self.kind, self.shape, self.dtype, self.start, text]

    @classmethod
    def from_json(cls, entry: list) -> "Slot":
        kind, shape, dtype, start, text = entry
        value = None
        if text is not None:
            value = np.frombuffer(base64.b64decode(text), dtype).reshape(shape)
        return cls(kind, tuple(shape), dtype, start, value)


class Layout(NamedTuple):
    """The slots from 1 on, the bytes of the arena, and which slots inputs and outputs have.

    Where an input is not read its slot is -1. `donated` are pairs: the slot of an output, and the
    number of the input in whose memory it is written. `phases` counts those of each segment.
    """

    slots: tuple[Slot, ...]
    arena: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    donated: tuple[tuple[int, int], ...]
    phases: tuple[int, ...]


def packed(layout: Layout | None, code: bytes) -> bytes:
    """A layout and an object file as one piece; no layout where the next process plans anew."""
    facts = None
    if layout is not None:
        facts = [[slot.to_json() for slot in layout.slots], *layout[1:]]
    text = json.dumps(facts).encode()
    return len(text).to_bytes(_LENGTH, "little") + text + code


def unpacked(content: bytes) -> tuple[Layout | None, bytes]:
    """What `packed` was given.

    >>> unpacked(packed(Layout((), 0, (), (), (), (1,)), b"code"))[1]
    b'code'
    """
    end = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    facts, code = json.loads(content[_LENGTH:end]), content[end:]
    if facts is None:
        return None, code
    slots, arena, inputs, outputs, donated, phases = facts
    layout = Layout(
        tuple(Slot.from_json(entry) for entry in slots),
        arena,
        tuple(inputs),
        tuple(outputs),
        tuple((out, place) for out, place in donated),
        tuple(phases),
    )
    return layout, code
