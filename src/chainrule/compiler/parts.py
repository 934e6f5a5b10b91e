"""Going through a size part by part, each of a length that is known when the code is written."""

from collections.abc import Callable
from typing import Any

from chainrule.compiler.code import I64, Code


def spread(code: Code, size: int, part: int, make: Callable[[Any, int], None]) -> None:
    """make(start, length) for the parts that cover a size: whole ones in a loop, then the rest."""
    whole, rest = divmod(size, part)
    if whole == 1:
        make(0, part)
    elif whole:
        with code.loop(0, whole * part, part) as start:
            make(start, part)
    if rest:
        make(whole * part, rest)


def cover(code: Code, size: int, part: int, make: Callable[[Any, int], None]) -> None:
    """As `spread`, of what may be done twice: the last part begins earlier, and takes no code."""
    if size < part or size % part == 0:
        spread(code, size, part, make)
        return
    with code.loop(0, size, part) as start:
        early = code.ir.icmp_signed("<", start, I64(size - part))
        make(code.ir.select(early, start, I64(size - part)), part)
