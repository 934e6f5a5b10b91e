"""Layers of pictures against PyTorch to second order, by their inputs and their parameters."""

from typing import Any

import numpy as np
import pytest

from chainrule import nn
from tests.nn.cases import Case
from tests.nn.picture_cases import PICTURES
from tests.ops.against_torch import agree, numbers

TWINS = {name: case for name, case in PICTURES.items() if case.twin}


@pytest.mark.parametrize("case", TWINS.values(), ids=TWINS)
def test_derivatives_of_first_and_second_order_are_pytorch_s(case: Case, torch: Any) -> None:
    model, twin = case.make(np.float64).initialize(5), case.twin(torch).double()
    state = model.state_dict()

    def ours(x: Any, *values: Any) -> Any:
        return nn.functional_call(model, dict(zip(state, values, strict=True)), x)

    def theirs(x: Any, *values: Any) -> Any:
        return torch.func.functional_call(twin, dict(zip(state, values, strict=True)), x)

    agree(torch, ours, theirs, numbers(case.into, 1), *state.values())


def test_all_layers_of_convolutional_nets_have_a_case() -> None:
    kinds = {name.split(",")[0].split(" ")[0] for name in PICTURES}
    parts = ("Conv", "Pool", "Pad", "Fold", "Unfold", "Upsample", "Pixel", "Dropout")
    known = {name for name in nn.__all__ if any(part in name for part in parts)}
    assert known - kinds == {"Dropout"}
