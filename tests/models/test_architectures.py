"""The classical architectures: published sizes, shapes, and what is said of unfitting pictures."""

import json
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import models, nn, rng
from chainrule.errors import OptionError, ShapeError

PUBLISHED = {
    "lenet": 61_706,
    "nin": 966_986,
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "vgg11_bn": 132_868_840,
    "vgg13_bn": 133_053_736,
    "vgg16_bn": 138_365_992,
    "vgg19_bn": 143_678_248,
    "googlenet": 6_624_904,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "mobilenet_v2": 3_504_872,
    "densenet121": 7_978_856,
    "densenet161": 28_681_000,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "resnet20": 269_722,
    "resnet32": 464_154,
    "resnet44": 658_586,
    "resnet56": 853_018,
    "resnet110": 1_727_962,
}
"""torchvision's counts; of NIN the sum over its layers, of the CIFAR nets that of option A, which
the paper rounds to 0.27, 0.46, 0.66, 0.85 and 1.7 million."""

LEAST = {
    "cnn": 6,
    "lenet": 16,
    "deep": 4,
    "alexnet": 63,
    "vgg16": 32,
    "googlenet": 15,
    "densenet121": 29,
}
"""The smallest pictures of the models that do not take any."""


def test_the_list_counts_what_was_published() -> None:
    listed = {row.name: row.parameters for row in models.list()}
    assert list(listed) == list(models.names())
    assert {name: listed[name] for name in PUBLISHED} == PUBLISHED
    # 16 (9 + 1) + 16 (144 + 1) + 32 (144 + 1) + 32 (288 + 1) + 64 (288 + 1) + 64 (576 + 1)
    # + 50 (64 4^2 + 1) + 10 (50 + 1)
    assert listed["deep"] == 123_552


def test_the_list_is_a_table() -> None:
    lines = str(models.list()).splitlines()
    assert len(lines) == len(models.list()) + 2
    row = next(line for line in lines if line.startswith("vgg16 "))
    assert row.split()[:4] == ["vgg16", "3x224x224", "1000", "138,357,544"]
    assert "Simonyan and Zisserman 2015" in row


@pytest.mark.parametrize("name", ["resnet34", "resnet50", "mobilenet_v2", "resnet32"])
def test_pictures_of_other_sizes_and_channels_give_other_numbers_of_classes(name: str) -> None:
    model = models.by_name(name, in_shape=(2, 33, 40), classes=7)
    assert model.summary((2, 33, 40)).rows[-1].shape == "(N, 7)"
    own = dict(model.named_parameters())
    assert next(iter(own.values())).shape[1] == 2


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_the_smallest_pictures_fit_and_smaller_ones_are_refused(name: str, least: int) -> None:
    model = models.by_name(name, in_shape=(1, least, least), classes=3)
    assert model.summary((1, least, least)).rows[-1].shape == "(N, 3)"
    with pytest.raises(ShapeError) as caught:
        models.by_name(name, in_shape=(1, least + 9, least - 1), classes=3)
    message = str(caught.value)
    assert f"shape (1, {least + 9}, {least - 1}); expected sides of {least} or more" in message
    assert "x.repeat(2, axis=2).repeat(2, axis=3), or take the model" in message


def test_the_error_tells_by_how_much_to_enlarge() -> None:
    with pytest.raises(ShapeError, match=r"3 times with\s+x.repeat\(3, axis=2\)"):
        models.by_name("alexnet", in_shape=(1, 28, 28), classes=10)
    models.by_name("alexnet", in_shape=(1, 3 * 28, 3 * 28), classes=10)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet21", {}, "unknown model 'resnet21'"),
        ("resnet50", {"depth": 18}, "unknown option of resnet50 'depth'"),
        ("resnet20", {"shortcut": "identity"}, "unknown shortcut of CifarResNet 'identity'"),
        ("resnet20", {"init": "kaiming"}, "unknown initialiser 'kaiming'"),
        ("mobilenet_v2", {"width": 0.0}, "width is 0.0; expected"),
        ("vgg16", {"dropout": 1.0}, "p is 1.0; expected"),
    ],
)
def test_what_cannot_be_made(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        models.by_name(name, in_shape=(3, 32, 32), classes=10, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.CifarResNet((3, 32, 32), 10, depth=21), "such as 20 or 26"),
        (lambda: models.CifarResNet((3, 32, 32), 10, depth=2), "depth is 2"),
        (lambda: models.VGG((3, 32, 32), 10, depth=12), "unknown depth of VGG 12"),
        (lambda: models.ResNet((3, 32, 32), 10, depth=20), "unknown depth of ResNet 20"),
        (lambda: models.DenseNet((3, 32, 32), 10, depth=20), "unknown depth of DenseNet 20"),
        (lambda: models.by_name("resnet20", classes=10), r"needs in_shape, such as in_shape=\(3"),
    ],
)
def test_depths_that_there_are_not(make: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()


def test_the_deep_net_is_the_book_s() -> None:
    model = models.deep((1, 28, 28), 10)
    convolutions = [step for step in model if isinstance(step, nn.Conv2d)]
    assert [step.out_channels for step in convolutions] == [16, 16, 32, 32, 64, 64]
    assert [step.padding[0] for step in convolutions] == [1, 1, 1, 2, 1, 1]
    assert [type(step).__name__ for step in model][-4:] == ["Linear", "ReLU", "Dropout", "Linear"]
    shapes = [row.shape for row in model.summary((1, 28, 28)).rows if row.kind == "MaxPool2d"]
    assert shapes == ["(N, 16, 14, 14)", "(N, 32, 8, 8)", "(N, 64, 4, 4)"]
    assert {weight.init for weight in model.parameters() if weight.ndim > 1} == {"kaiming_uniform"}


@pytest.mark.parametrize(
    "name",
    [
        "alexnet",
        "vgg11_bn",
        "googlenet",
        "resnet18",
        "mobilenet_v2",
        "densenet121",
        "resnet20",
        "nin",
        "deep",
    ],
)
def test_they_are_described_by_their_options(name: str) -> None:
    options: dict[str, Any] = {"init": "xavier_uniform"}
    if name in ("alexnet", "googlenet", "mobilenet_v2", "nin", "deep"):
        options["dropout"] = 0.25
    model = models.by_name(name, in_shape=(1, 63, 64), classes=5, **options)
    described = json.loads(json.dumps(nn.to_config(model)))
    again = nn.from_config(described)
    assert repr(again) == repr(model)
    assert nn.to_config(again) == nn.to_config(model)
    assert [p.init for p in again.parameters()] == [p.init for p in model.parameters()]


def test_an_architecture_with_another_part_is_not_described_as_the_usual_one() -> None:
    model = models.ResNet((3, 32, 32), 10, depth=18)
    assert nn.to_config(model) is not None
    model.avgpool = nn.Function(lambda x: cr.max(x, axis=(2, 3)))
    assert nn.to_config(model) is None


def test_the_heads_of_googlenet() -> None:
    model = models.GoogLeNet((3, 224, 224), 1000, aux_logits=True)
    assert model.parameter_count == 13_004_888  # torchvision's, with both heads
    small = models.GoogLeNet((1, 15, 15), 3, aux_logits=True, dropout=0.0, dropout_aux=0.0)
    x = rng.normal(rng.key(0), (2, 1, 15, 15))
    assert small.eval()(x).shape == (2, 3)
    with nn.keyed(small.train(), cr.random.key(0)):
        heads = small(x)
    assert isinstance(heads, nn.Heads)
    assert [output.shape for output in heads.outputs] == [(2, 3)] * 3
    assert heads.weights == (1.0, 0.3, 0.3)


@pytest.mark.parametrize("shortcut", ["padding", "projection", "none"])
def test_shortcuts_of_the_small_residual_nets(shortcut: Any) -> None:
    model = models.CifarResNet((1, 8, 8), 3, depth=14, shortcut=shortcut).initialize(0)
    extra = 2_752 if shortcut == "projection" else 0  # 16 32 + 64, and 32 64 + 128
    plain = models.CifarResNet((1, 8, 8), 3, depth=14).parameter_count
    assert model.parameter_count == plain + extra
    for _, block in model.named_modules():
        if isinstance(block, models.BasicBlock):
            # The last norm of each block at 0: what is left is what goes past it.
            block.bn2.weight.assign(np.zeros(block.bn2.weight.shape, np.float32))
    x = np.abs(rng.normal(rng.key(0), (2, 1, 8, 8)))
    outputs = model.eval()(x).numpy()
    if shortcut == "none":
        np.testing.assert_array_equal(outputs[0], outputs[1])
    else:
        assert np.abs(outputs[0] - outputs[1]).max() > 0.01


def test_padding_shortcuts_take_every_second_pixel_and_add_zeros() -> None:
    model = models.CifarResNet((1, 8, 8), 3, depth=8)
    x = rng.normal(rng.key(0), (2, 16, 8, 8))
    past = np.asarray(model.layer2[0].downsample(x))
    np.testing.assert_array_equal(past[:, :16], x[:, :, ::2, ::2])
    np.testing.assert_array_equal(past[:, 16:], 0.0)


def test_the_width_of_mobilenet() -> None:
    model = models.MobileNetV2((3, 224, 224), 1000, width=0.5)
    assert model.parameter_count == 1_968_680  # as Keras and torchvision count


def test_the_summary_of_resnet50() -> None:
    summary = models.by_name("resnet50", in_shape=(3, 64, 64), classes=1000).summary((3, 64, 64))
    rows = {row.path: row for row in summary.rows}
    assert summary.parameters == sum(row.parameters for row in summary.rows) == 25_557_032
    assert sum(row.kind == "Conv2d" for row in summary.rows) == 53
    assert rows["conv1"].shape == "(N, 64, 32, 32)"
    assert rows["layer1.0.downsample.0"].shape == "(N, 256, 16, 16)"
    assert rows["layer4.2.conv3"].shape == "(N, 2048, 2, 2)"
    assert rows["fc"].parameters == 2_049_000
    assert "?" not in {row.shape for row in summary.rows}
