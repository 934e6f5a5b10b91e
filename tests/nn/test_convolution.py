"""Layers of convolution, pooling and padding: what they refuse, and how they are written."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import OptionError, ShapeError


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2d(0, 4, 3), "Conv2d: in_channels is 0; expected an integer of 1 or more"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "groups is 2; expected a divisor of in_channels"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), "groups is 2; expected a divisor of out_channels"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), "expected one number, or 2 of them"),
        (lambda: nn.Conv1d(3, 4, 3, stride=0), "Conv1d: stride is 0; expected an integer"),
        (lambda: nn.Conv2d(3, 4, 3, padding=-1), "padding is -1; expected an integer of 0 or more"),
        (lambda: nn.Conv2d(3, 4, 3, padding="smae"), "'smae'. Did you mean 'same'"),
        (lambda: nn.Conv2d(3, 4, 3, 2, "same"), "expected a stride of 1, for only then"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding="same"), "'same'; expected numbers"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, 2, output_padding=2), "expected less than one of"),
        (lambda: nn.ConvTranspose1d(3, 4, 3, groups=2), "ConvTranspose1d: groups is 2; expected a"),
        (lambda: nn.ConvTranspose3d(3, 4, 3, padding_mode="reflect"), "expected 'zeros', for a tr"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), "padding_mode of Conv2d 'mirror'"),
        (lambda: nn.Conv2d(3, 4, 2.5), "kernel_size is 2.5; expected an integer of 1 or more"),
        (lambda: nn.Conv2d(3, 4, 3, stride=(1, -1)), "stride is -1; expected an integer"),
        (lambda: nn.Conv3d(3, 4, 3, dilation=True), "dilation is True; expected an integer"),
        (lambda: nn.ZeroPad2d((1, 1)), "expected one number, or 4 of them: a pair .* last axis"),
        (lambda: nn.ReflectionPad1d(-1), "ReflectionPad1d: padding is -1; expected an integer"),
        (lambda: nn.ConstantPad1d(1, "0"), "ConstantPad1d: value is '0'; expected a finite number"),
        (lambda: nn.AvgPool2d(2, divisor_override=0), "AvgPool2d: divisor_override is 0"),
        (lambda: nn.AdaptiveMaxPool2d((None, 0)), "AdaptiveMaxPool2d: output_size is 0"),
        (lambda: nn.AdaptiveAvgPool1d((None, 1)), r"output_size is \(None, 1\); expected one"),
        (lambda: nn.LPPool2d(-2, 2), "LPPool2d: norm_type is -2; expected a number above 0"),
        (lambda: nn.Unfold(2, stride=0), "Unfold: stride is 0"),
        (lambda: nn.Fold(2, 0), "Fold: kernel_size is 0"),
        (nn.Upsample, "Upsample: got neither of size and scale_factor"),
        (lambda: nn.Upsample(2, 2), "Upsample: got both of size and scale_factor"),
        (lambda: nn.Upsample(2, mode="cubic"), "unknown mode of Upsample 'cubic'"),
        (lambda: nn.Upsample((2, 0)), "Upsample: size is 0"),
        (lambda: nn.Upsample(scale_factor="2"), "Upsample: scale_factor is '2'; expected a number"),
        (lambda: nn.Upsample(2, align_corners=True), "no weights to align"),
        (lambda: nn.PixelShuffle(0), "PixelShuffle: upscale_factor is 0"),
        (lambda: nn.PixelUnshuffle(1.5), "PixelUnshuffle: downscale_factor is 1.5"),
        (lambda: nn.MaxPool2d(0), "MaxPool2d: kernel_size is 0"),
        (lambda: nn.AvgPool2d((2, 2, 2)), "AvgPool2d: kernel_size is .* or 2 of them"),
        (lambda: nn.AdaptiveAvgPool2d(0), "AdaptiveAvgPool2d: output_size is 0"),
    ],
)
def test_what_cannot_be_made(make: Callable, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.Conv2d(3, 4, 3), (2, 8, 8, 3), r"stand last \(NHWC\).*transpose\(\(0, 3, 1, 2\)\)"),
        (nn.Conv2d(3, 4, 3), (2, 5, 8, 8), r"has 5 channels on axis 1 of shape \(2, 5, 8, 8\)"),
        (nn.Conv2d(3, 4, 3), (3, 8, 8), r"expected .* \(N, 3, H, W\), not of 3 .* write x\[None\]"),
        (nn.Conv2d(1, 4, 3), (5, 64), r"become such arrays with x.reshape\(-1, 1, H, W\)"),
        (nn.Conv1d(1, 4, 3), (5, 1, 8, 8), r"expected an input of shape \(N, 1, L\)"),
        (nn.Conv2d(1, 4, 5), (2, 1, 3, 9), r"\(3 \+ 2\*0 - 1\*\(5 - 1\) - 1\)/1 \+ 1 is below 1"),
        (nn.Conv2d(3, 4, 3), (2, 5, 8, 8), r"expected 3\. in_channels=5 would fit this input"),
        (nn.Conv2d(1, 4, 3), (5, 8, 8), r"Is the channel axis missing\? Write x\[:, None\]"),
        (nn.Conv2d(1, 4, 3), (1, 8, 8), r"Is the batch axis missing\?.* write x\[None\]"),
        (nn.Conv2d(3, 4, 9, padding=4, padding_mode="reflect"), (2, 8, 4, 3), "NHWC"),
        (
            nn.Conv2d(3, 4, 9, padding=4, padding_mode="reflect"),
            (2, 3, 8, 4),
            "'reflect' cannot add 4 to axis -1 of size 4; expected 3 at most",
        ),
        (nn.ConvTranspose2d(3, 4, 3), (2, 5, 8, 8), "the input has 5 channels on axis 1 of shape"),
        (nn.ConvTranspose1d(3, 4, 3), (2, 8, 3), r"stand last .*x\.transpose\(\(0, 2, 1\)\)"),
        (nn.BatchNorm(3), (2, 8, 8, 3), r"stand last \(NHWC\).*x\.transpose\(\(0, 3, 1, 2\)\)"),
        (nn.GroupNorm(2, 4), (2, 8, 4), r"stand last \(NLC\), not after .* \(NCL\)"),
        (nn.InstanceNorm(3), (2, 8, 8, 5), "num_features=8 would fit this input"),
        (nn.ReflectionPad2d((1, 1, 2, 0)), (2, 3, 2, 8), "cannot add 2 to axis -2 of size 2"),
        (nn.CircularPad1d(4), (2, 3, 3), "expected 3 at most, for the other end has no more"),
        (nn.ReplicationPad3d(1), (2, 3, 4, 4), r"of shape \(N, C, D, H, W\), not of 4 axes"),
        (nn.MaxPool2d(4, 2, ceil_mode=True), (1, 1, 1, 4), "the input has size 1 and the kernel"),
        (nn.LPPool1d(2, 5), (1, 1, 4), r"\(4 \+ 2\*0 - 1\*\(5 - 1\) - 1\)/5 \+ 1 is below 1"),
        (nn.AdaptiveMaxPool1d(2), (1, 1, 0), "expected one element or more on each axis"),
        (nn.GlobalMaxPool(), (2, 3), r"expected \(N, C, \.\.\.\)"),
        (nn.Unfold(3), (2, 3, 2, 8), "the input has size 2 and the kernel size 3"),
        (nn.Fold((4, 4), 3), (2, 9, 5), r"columns of shape \(N, C\*9, 4\)"),
        (nn.Upsample(2), (3, 4), r"expected \(N, C, \.\.\.\)"),
        (nn.Upsample(2, mode="bilinear"), (2, 3, 4), "expected mode 'linear' for these"),
        (nn.Upsample(scale_factor=0.3), (1, 1, 3, 4), r"\(3, 4\) would become \(0, 1\)"),
        (nn.PixelShuffle(2), (1, 3, 2, 2), "has 3 channels .* a multiple of 4"),
        (nn.LocalResponseNorm(3), (2, 3), r"expected \(N, C, \.\.\.\)"),
        (nn.Dropout2d(), (3, 8, 8), r"\(N, C, H, W\), not of 3 axes"),
        (nn.MaxPool2d(2), (3, 8, 8), r"expected an input of shape \(N, C, H, W\)"),
        (nn.MaxPool2d(3), (2, 3, 2, 8), "the input has size 2 and the kernel size 3"),
        (nn.AvgPool2d(2, padding=2), (2, 3, 8, 8), "expected half of the size at most"),
        (nn.GlobalAvgPool(), (2, 3), r"expected \(N, C, \.\.\.\)"),
    ],
)
def test_inputs_that_do_not_fit(layer: nn.Module, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        layer(np.ones(shape, np.float32))


def test_layers_are_written_as_pytorch_writes_them() -> None:
    assert repr(nn.Conv2d(3, 8, 3)) == "Conv2d(3, 8, kernel_size=(3, 3))"
    layer = nn.Conv2d(4, 8, (3, 1), 2, "valid", (2, 1), 2, bias=False)
    assert repr(layer) == (
        "Conv2d(4, 8, kernel_size=(3, 1), stride=(2, 2), padding='valid', dilation=(2, 1), "
        "groups=2, bias=False)"
    )
    layer = nn.Conv1d(1, 2, 3, padding=1, padding_mode="circular")
    assert repr(layer) == "Conv1d(1, 2, kernel_size=(3,), padding=(1,), padding_mode='circular')"
    assert repr(nn.ReflectionPad1d(2)) == "ReflectionPad1d(padding=(2, 2))"
    assert repr(nn.MaxPool1d(2, ceil_mode=True)).endswith("dilation=(1,), ceil_mode=True)")


def test_biases_begin_by_the_inputs_of_a_window() -> None:
    layer = nn.Conv2d(4, 1000, 5, groups=2).initialize()
    bound = 1 / np.sqrt(2 * 25)
    largest = np.abs(layer.bias.numpy()).max()
    assert 0.95 * bound < largest <= bound
    assert np.abs(layer.weight.numpy()).max() <= np.sqrt(6) * bound


def test_every_size_of_same_padding_keeps_the_size() -> None:
    x = np.ones((1, 1, 6, 7), np.float32)
    for kernel in ((1, 2), (3, 4), (5, 1)):
        for dilation in (1, 2):
            layer = nn.Conv2d(1, 2, kernel, padding="same", dilation=dilation)
            assert layer(x).shape == (1, 2, 6, 7)


def test_options_of_numpy_s_numbers_go_into_descriptions() -> None:
    three, half = np.int64(3), np.float64(0.5)
    for layer in (
        nn.Upsample((three, three)),
        nn.Upsample(scale_factor=half),
        nn.AvgPool2d(three, divisor_override=three),
        nn.AdaptiveMaxPool2d((None, three)),
        nn.ReflectionPad2d(three),
    ):
        again = nn.from_config(json.loads(json.dumps(nn.to_config(layer))))
        assert repr(again) == repr(layer)
