"""The architectures written once more in torch.nn, with torchvision's names of parts.

They are the referees: `load_state_dict` must take their weights by name, and outputs, losses and
updated weights must be theirs. Dropout is left out, for its masks cannot be the same.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Net(nn.Module):
    """Features, means of so many parts of them, and a classifier."""

    def __init__(self, features: nn.Module, side: int, classifier: nn.Module):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d(side)
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def _full(features: int, classes: int, first: int) -> nn.Sequential:
    """Three full layers at torchvision's places, among which `first` is the first one's."""
    steps: list[nn.Module] = [nn.Identity() for _ in range(7)]
    widths = (features, 4096, 4096, classes)
    places = (first, first + 3, 6)
    for place, inputs, outputs in zip(places, widths, widths[1:], strict=False):
        steps[place] = nn.Linear(inputs, outputs)
        if place < 6:
            steps[place + 1] = nn.ReLU()
    return nn.Sequential(*steps)


def alexnet(classes: int = 1000) -> Net:
    conv = nn.Conv2d
    features = nn.Sequential(
        *(conv(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(conv(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(conv(192, 384, 3, padding=1), nn.ReLU()),
        *(conv(384, 256, 3, padding=1), nn.ReLU()),
        *(conv(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)),
    )
    return Net(features, 6, _full(256 * 36, classes, first=1))


def vgg(plan: Sequence[int | str], norm: bool = False, classes: int = 1000) -> Net:
    def steps() -> Iterator[nn.Module]:
        before = 3
        for item in plan:
            if isinstance(item, str):
                yield nn.MaxPool2d(2)
            else:
                yield nn.Conv2d(before, item, 3, padding=1)
                if norm:
                    yield nn.BatchNorm2d(item)
                yield nn.ReLU()
                before = item

    return Net(nn.Sequential(*steps()), 7, _full(512 * 49, classes, first=0))


VGG16 = (64, 64, "M", 128, 128, "M", *(256,) * 3, "M", *(512,) * 3, "M", *(512,) * 3, "M")


class Block(nn.Module):
    """A residual block of the kernels given; the stride is that of the first 3x3."""

    def __init__(self, before: int, widths: Sequence[int], stride: int, padded: bool = False):
        super().__init__()
        self.count = len(widths)
        kernels = (3, 3) if self.count == 2 else (1, 3, 1)
        inputs, step = before, stride
        for i, (kernel, wide) in enumerate(zip(kernels, widths, strict=True), start=1):
            here = step if kernel == 3 else 1
            conv = nn.Conv2d(inputs, wide, kernel, here, kernel // 2, bias=False)
            setattr(self, f"conv{i}", conv)
            setattr(self, f"bn{i}", nn.BatchNorm2d(wide))
            inputs, step = wide, step if kernel == 1 else 1
        self.stride, self.added = stride, inputs - before
        self.downsample = None
        if not padded and (stride != 1 or self.added):
            shortcut = nn.Conv2d(before, inputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(inputs))

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for i in range(1, self.count + 1):
            out = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(out))
            out = torch.relu(out) if i < self.count else out
        if self.downsample is not None:
            return torch.relu(out + self.downsample(x))
        past = x[:, :, :: self.stride, :: self.stride]
        return torch.relu(out + functional.pad(past, (0, 0, 0, 0, 0, self.added)))


class ResNet(nn.Module):
    """ImageNet's residual nets where `first` pools, and else CIFAR's."""

    def __init__(
        self, blocks: Sequence[int], bottleneck: bool, small: bool, classes: int, channels: int = 3
    ):
        super().__init__()
        before = 16 if small else 64
        first = (3, 1, 1) if small else (7, 2, 3)
        self.conv1 = nn.Conv2d(channels, before, *first, bias=False)
        self.bn1 = nn.BatchNorm2d(before)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        self.stages = len(blocks)
        for i, count in enumerate(blocks):
            base = (16 if small else 64) * 2**i
            widths = (base, base, 4 * base) if bottleneck else (base, base)
            steps = []
            for number in range(count):
                stride = 2 if i and not number else 1
                steps.append(Block(before, widths, stride, padded=small))
                before = widths[-1]
            setattr(self, f"layer{i + 1}", nn.Sequential(*steps))
        self.fc = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for i in range(self.stages):
            x = getattr(self, f"layer{i + 1}")(x)
        return self.fc(x.mean(dim=(2, 3)))


resnet50 = functools.partial(ResNet, (3, 4, 6, 3), bottleneck=True, small=False, classes=1000)
resnet18 = functools.partial(ResNet, (2, 2, 2, 2), bottleneck=False, small=False, classes=1000)
resnet20 = functools.partial(ResNet, (3, 3, 3), bottleneck=False, small=True, classes=10)


class _Normed(nn.Module):
    def __init__(self, before: int, wide: int, kernel: int = 1, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(before, wide, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(wide, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.conv(x)))


class _Inception(nn.Module):
    def __init__(self, before: int, *widths: int):
        super().__init__()
        one, three_less, three, five_less, five, pooled = widths
        self.branch1 = _Normed(before, one)
        self.branch2 = nn.Sequential(_Normed(before, three_less), _Normed(three_less, three, 3))
        self.branch3 = nn.Sequential(_Normed(before, five_less), _Normed(five_less, five, 3))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), _Normed(before, pooled))

    def forward(self, x: Tensor) -> Tensor:
        parts = (self.branch1, self.branch2, self.branch3, self.branch4)
        return torch.cat([part(x) for part in parts], 1)


class _Head(nn.Module):
    def __init__(self, before: int, classes: int):
        super().__init__()
        self.conv = _Normed(before, 128)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(functional.adaptive_avg_pool2d(x, 4))
        return self.fc2(torch.relu(self.fc1(torch.flatten(x, 1))))


class GoogLeNet(nn.Module):
    """In training it gives the outputs of its three heads."""

    def __init__(self, classes: int = 1000):
        super().__init__()
        pool = functools.partial(nn.MaxPool2d, ceil_mode=True)
        self.conv1, self.maxpool1 = _Normed(3, 64, 7, 2), pool(3, 2)
        self.conv2, self.conv3, self.maxpool2 = _Normed(64, 64), _Normed(64, 192, 3), pool(3, 2)
        self.inception3a = _Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = _Inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = pool(3, 2)
        self.inception4a = _Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = _Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = _Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = _Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = _Inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = pool(2, 2)
        self.inception5a = _Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = _Inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1, self.aux2 = _Head(512, classes), _Head(528, classes)
        self.fc = nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> Any:
        x = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        early = self.inception4a(x)
        late = self.inception4d(self.inception4c(self.inception4b(early)))
        x = self.inception5b(self.inception5a(self.maxpool4(self.inception4e(late))))
        last = self.fc(x.mean(dim=(2, 3)))
        return (last, self.aux2(late), self.aux1(early)) if self.training else last
