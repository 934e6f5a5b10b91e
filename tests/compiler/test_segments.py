"""Which places of a kernel meet which elements along an axis: segments beside a plain count."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.compiler.segments import Segment, of_input, of_output
from chainrule.errors import ShapeError
from chainrule.ops.window import Frame, frame

Meeting = tuple[int, int, int]
"""A result, a place of the kernel, and the element of the argument that it meets."""


def meetings(slide: Frame) -> set[Meeting]:
    """All of a convolution along its one axis, by its definition: x = s y + d t - p."""
    (s,), (d,), ((before, _),) = slide.stride, slide.dilation, slide.padding
    pairs = itertools.product(range(slide.out[0]), range(slide.kernel[0]))
    met = ((y, t, s * y + d * t - before) for y, t in pairs)
    return {(y, t, x) for y, t, x in met if 0 <= x < slide.inside[0]}


def written_out(segments: list[Segment]) -> tuple[list[int], list[Meeting]]:
    """The results that segments compute, and what these meet."""
    results, met = [], []
    for part in segments:
        for q in range(part.count):
            result = part.first + part.step * q
            results.append(result)
            for t in range(part.taps):
                source = part.source + part.move * q + part.tap_move * t
                met.append((result, part.tap + part.tap_step * t, source))
    return results, met


def check(slide: Frame) -> None:
    """Every result is computed once, and meets what it must, once."""
    wanted = meetings(slide)
    results, met = written_out(of_output(slide, 0))
    assert sorted(results) == list(range(slide.out[0]))
    assert sorted(met) == sorted(wanted)
    results, met = written_out(of_input(slide, 0))
    assert sorted(results) == list(range(slide.inside[0]))
    assert sorted(met) == sorted((x, t, y) for y, t, x in wanted)


def framed(n: int, k: int, s: int, d: int, padding: tuple[int, int]) -> Frame | None:
    """The windows; None where they do not fit."""
    try:
        return frame("conv", (n,), (k,), stride=s, padding=(padding,), dilation=d)
    except ShapeError:
        return None


PADDINGS = tuple(itertools.product((0, 1, 2), (0, 1, 3)))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_segments_of_small_convolutions(kernel, stride):
    sizes = itertools.product((1, 2, 5, 8, 9), (1, 2, 3), PADDINGS)
    slides = [framed(n, kernel, stride, dilation, padding) for n, dilation, padding in sizes]
    fitting = [slide for slide in slides if slide is not None]
    assert len(fitting) > 50
    for slide in fitting:
        check(slide)


@given(
    st.integers(1, 40),
    st.integers(1, 12),
    st.integers(1, 13),
    st.integers(1, 6),
    st.tuples(st.integers(0, 15), st.integers(0, 15)),
)
def test_segments_of_any_convolution(n, kernel, stride, dilation, padding):
    slide = framed(n, kernel, stride, dilation, padding)
    if slide is not None:
        check(slide)


def test_the_middle_of_a_picture_is_one_segment():
    slide = frame("conv", (28,), (5,), padding=((2, 2),))
    assert [part.count for part in of_output(slide, 0)] == [1, 1, 24, 1, 1]
    assert [part.count for part in of_input(slide, 0)] == [1, 1, 24, 1, 1]
    bare = frame("conv", (28,), (5,))
    assert [part.count for part in of_output(bare, 0)] == [24]


def test_a_stride_gives_the_transpose_runs_of_every_so_many_results():
    segments = of_input(frame("conv", (16,), (4,), stride=2, padding=((1, 1),)), 0)
    assert {part.step for part in segments if part.count > 1} == {2}
    assert max(part.count for part in segments) == 7


def test_rows_of_samples_are_longer_runs():
    slide = frame("conv", (6,), (3,), padding=((1, 1),))
    for part in of_output(slide, 0):
        wide = part.times(10)
        assert (wide.first, wide.count, wide.source) == (
            10 * part.first,
            10 * part.count,
            10 * part.source,
        )
        assert (wide.tap, wide.taps, wide.tap_step) == (part.tap, part.taps, part.tap_step)
