"""Along one axis of a convolution: which places of the kernel meet which elements.

At its borders a result sees only a part of the kernel, and the transpose of a convolution with
stride sees other parts at every other place. Runs of results that see the same part are computed by
the same code, without padding and without asking at each element.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from chainrule.ops.window import Frame

Taps = list[tuple[int, int]]
"""Places of the kernel, each with the element of the argument that it meets."""


class Segment(NamedTuple):
    """Results `first + step q` for q below `count`, all of which see the same kernel places.

    These are `tap + tap_step t` for t below `taps`; result q meets with its tap t the element
    `source + move q + tap_move t` of the argument.
    """

    first: int
    count: int
    step: int
    tap: int
    taps: int
    tap_step: int
    source: int
    move: int
    tap_move: int

    def times(self, lanes: int) -> "Segment":
        """The same with every element as so many, which lie next to each other.

        >>> Segment(0, 2, 1, 0, 3, 1, 4, 1, 2).times(10)[:2]
        (0, 20)
        """
        return self._replace(
            first=self.first * lanes,
            count=self.count * lanes,
            source=self.source * lanes,
            tap_move=self.tap_move * lanes,
        )


def of_output(slide: Frame, axis: int) -> list[Segment]:
    """The segments of a convolution's result.

    >>> slide = Frame((5,), (3,), (1,), ((1, 1),), (1,), (5,))
    >>> [(s.first, s.count, s.tap, s.taps) for s in of_output(slide, 0)]
    [(0, 1, 1, 2), (1, 3, 0, 3), (4, 1, 0, 2)]
    """
    s, d, before = slide.stride[axis], slide.dilation[axis], slide.padding[axis][0]

    def taps(y: int) -> Taps:
        met = ((t, s * y + d * t - before) for t in range(slide.kernel[axis]))
        return [(t, x) for t, x in met if 0 <= x < slide.inside[axis]]

    return _runs(range(slide.out[axis]), taps)


def of_input(slide: Frame, axis: int) -> list[Segment]:
    """The segments of the transpose, whose results are as many as the convolution's inputs."""
    s, d, before = slide.stride[axis], slide.dilation[axis], slide.padding[axis][0]

    def taps(x: int) -> Taps:
        met = ((t, x + before - d * t) for t in range(slide.kernel[axis]))
        return [(t, y // s) for t, y in met if y % s == 0 and 0 <= y // s < slide.out[axis]]

    size = slide.inside[axis]
    return [run for r in range(min(s, size)) for run in _runs(range(r, size, s), taps)]


def _runs(places: Sequence[int], taps: Callable[[int], Taps]) -> list[Segment]:
    """Neighbours that see the same taps, as segments."""
    made: list[Segment] = []
    step = places[1] - places[0] if len(places) > 1 else 1
    seen: Taps = []
    for place in places:
        met = taps(place)
        if made and [t for t, _ in met] == [t for t, _ in seen]:
            move = met[0][1] - seen[0][1] if met and made[-1].count == 1 else made[-1].move
            made[-1] = made[-1]._replace(count=made[-1].count + 1, move=move)
        else:
            made.append(_alone(place, step, met))
        seen = met
    return made


def _alone(place: int, step: int, met: Taps) -> Segment:
    if not met:
        return Segment(place, 1, step, 0, 0, 1, 0, 1, 0)
    tap, source = met[0]
    if len(met) == 1:
        return Segment(place, 1, step, tap, 1, 1, source, 1, 0)
    further, beside = met[1]
    return Segment(
        place, 1, step, tap, len(met), further - tap, source, 1, beside - source
    )
