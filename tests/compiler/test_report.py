"""What a compiled function says of its groups: their tiles and their work."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.report import Entry, Report
from tests.compiler.machine import compiled
from tests.compiler.test_convolutions import CONVOLUTIONS


def entries(name: str, batch: int) -> list[Entry]:
    case = CONVOLUTIONS[name]
    return Report(compiled(case).program(*case.arrays(batch, "float32"))).entries


def products(name: str, batch: int) -> int:
    """The products that meet no padding, counted by a convolution of ones."""
    case = CONVOLUTIONS[name]
    ones = [np.ones(shape) for shape in ((batch, *case.sample), case.weight)]
    return int(np.sum(cr.conv(*ones, **case.options)))


@pytest.mark.parametrize(
    "name", ["padded", "in groups", "stride and dilation", "larger than the picture", "three axes"]
)
def test_the_work_of_convolutions_is_counted(name):
    heavy = [entry for entry in entries(name, 17) if entry.kind in ("convolution", "slope")]
    assert sorted(entry.kind for entry in heavy) == ["convolution", "convolution", "slope"]
    for entry in heavy:
        assert entry.flops == 2 * products(name, 17)


def test_the_bytes_are_those_of_arguments_and_result():
    case, batch = CONVOLUTIONS["padded"], 17
    sizes = [math.prod(array.shape) for array in case.arrays(batch, "float32")]
    heavy = [e for e in entries("padded", batch) if e.kind in ("convolution", "slope")]
    assert [entry.bytes for entry in heavy] == [4 * sum(sizes)] * 3


def test_the_tiles_are_shown():
    found = {entry.kind: entry.tile.split(" x ") for entry in entries("padded", 64)}
    assert len(found["convolution"]) == 2
    assert len(found["slope"]) == 3
    assert all(int(size) > 0 for tile in ("convolution", "slope") for size in found[tile])


def test_convolutions_of_many_channels_are_bound_by_computing():
    x, w = np.ones((64, 16, 8, 8), np.float32), np.ones((32, 16, 3, 3), np.float32)
    text = str(compiled(lambda x, w: cr.conv(x, w, padding=1)).explain(x, w))
    (line,) = (line for line in text.splitlines() if " convolution " in line)
    assert " compute " in line
    assert "conv_batch_last" in line
