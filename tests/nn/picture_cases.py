"""The layers of pictures, series and volumes that keep the contract."""

from typing import Any

from chainrule import nn
from tests.nn.cases import IMAGES, Case, same


def padded(kind: str, axes: int, *padding: Any) -> Case:
    """A padding layer, named as PyTorch's, and the shapes that it maps."""
    into = (2, 3, 4, 3, 5)[: axes + 2]
    widths = padding[0] if isinstance(padding[0], tuple) else padding[:1] * (2 * axes)
    added = [before + after for before, after in zip(widths[::2], widths[1::2], strict=True)]
    out = (n + more for n, more in zip(into[2:], added[::-1], strict=True))
    name = f"{kind}Pad{axes}d"
    return Case(
        lambda dtype: getattr(nn, name)(*padding),
        into,
        (*into[:2], *out),
        lambda t: getattr(t.nn, name)(*padding),
    )


_WIDTHS = {1: (2, 1), 2: (1, 0, 2, 1), 3: (0, 2, 1, 1, 2, 0)}
_PADDINGS = {
    f"{kind}Pad{axes}d": padded(kind, axes, widths, *more)
    for kind, more in (
        *(("Zero", ()), ("Constant", (0.5,))),
        *(("Reflection", ()), ("Replication", ()), ("Circular", ())),
    )
    for axes, widths in _WIDTHS.items()
}

PICTURES = {
    "Conv1d": Case(
        lambda dtype: nn.Conv1d(3, 4, 3, stride=2, padding=1, dtype=dtype),
        (5, 3, 6),
        (5, 4, 3),
        lambda t: t.nn.Conv1d(3, 4, 3, stride=2, padding=1),
    ),
    "Conv2d": Case(
        lambda dtype: nn.Conv2d(4, 2, 2, dtype=dtype),
        IMAGES,
        (5, 2, 2, 1),
        lambda t: t.nn.Conv2d(4, 2, 2),
    ),
    "Conv2d in groups, dilated, same": Case(
        lambda dtype: nn.Conv2d(
            4, 6, (2, 3), padding="same", dilation=(2, 1), groups=2, bias=False, dtype=dtype
        ),
        IMAGES,
        (5, 6, 3, 2),
        lambda t: t.nn.Conv2d(4, 6, (2, 3), padding="same", dilation=(2, 1), groups=2, bias=False),
    ),
    "Conv3d": Case(
        lambda dtype: nn.Conv3d(1, 2, (1, 2, 2), padding="valid", dtype=dtype),
        (2, 1, 2, 3, 3),
        (2, 2, 2, 2, 2),
        lambda t: t.nn.Conv3d(1, 2, (1, 2, 2), padding="valid"),
    ),
    "ConvTranspose2d": Case(
        lambda dtype: nn.ConvTranspose2d(
            4, 6, 3, stride=2, padding=1, output_padding=(1, 0), groups=2, dtype=dtype
        ),
        IMAGES,
        (5, 6, 6, 3),
        lambda t: t.nn.ConvTranspose2d(
            4, 6, 3, stride=2, padding=1, output_padding=(1, 0), groups=2
        ),
    ),
    "Conv1d, circular": Case(
        lambda dtype: nn.Conv1d(3, 4, 3, padding=2, padding_mode="circular", dtype=dtype),
        (5, 3, 6),
        (5, 4, 8),
        lambda t: t.nn.Conv1d(3, 4, 3, padding=2, padding_mode="circular"),
    ),
    "Conv2d, reflect": Case(
        lambda dtype: nn.Conv2d(4, 2, 3, 2, (2, 1), groups=2, padding_mode="reflect", dtype=dtype),
        IMAGES,
        (5, 2, 3, 1),
        lambda t: t.nn.Conv2d(4, 2, 3, 2, (2, 1), groups=2, padding_mode="reflect"),
    ),
    "Conv2d, same, replicate": Case(
        lambda dtype: nn.Conv2d(
            4, 2, (2, 4), padding="same", padding_mode="replicate", dtype=dtype
        ),
        IMAGES,
        (5, 2, 3, 2),
        lambda t: t.nn.Conv2d(4, 2, (2, 4), padding="same", padding_mode="replicate"),
    ),
    "Conv3d, replicate": Case(
        lambda dtype: nn.Conv3d(1, 2, 2, padding=1, padding_mode="replicate", dtype=dtype),
        (2, 1, 2, 1, 3),
        (2, 2, 3, 2, 4),
        lambda t: t.nn.Conv3d(1, 2, 2, padding=1, padding_mode="replicate"),
    ),
    "ConvTranspose1d": Case(
        lambda dtype: nn.ConvTranspose1d(
            4, 2, 3, stride=3, padding=1, output_padding=2, dilation=2, groups=2, dtype=dtype
        ),
        (5, 4, 3),
        (5, 2, 11),
        lambda t: t.nn.ConvTranspose1d(
            4, 2, 3, stride=3, padding=1, output_padding=2, dilation=2, groups=2
        ),
    ),
    "ConvTranspose3d": Case(
        lambda dtype: nn.ConvTranspose3d(
            2, 3, (1, 2, 3), stride=(1, 2, 2), output_padding=(0, 1, 0), bias=False, dtype=dtype
        ),
        (2, 2, 2, 1, 2),
        (2, 3, 2, 3, 5),
        lambda t: t.nn.ConvTranspose3d(
            2, 3, (1, 2, 3), stride=(1, 2, 2), output_padding=(0, 1, 0), bias=False
        ),
    ),
    "MaxPool1d": Case(
        lambda dtype: nn.MaxPool1d(2), (5, 4, 5), (5, 4, 2), lambda t: t.nn.MaxPool1d(2)
    ),
    "MaxPool2d": Case(
        lambda dtype: nn.MaxPool2d((2, 3), stride=1, padding=1),
        (5, 4, 3, 4),
        (5, 4, 4, 4),
        lambda t: t.nn.MaxPool2d((2, 3), stride=1, padding=1),
    ),
    "AvgPool1d": Case(
        lambda dtype: nn.AvgPool1d(3, 2, 1), (5, 4, 5), (5, 4, 3), lambda t: t.nn.AvgPool1d(3, 2, 1)
    ),
    "AvgPool2d": Case(
        lambda dtype: nn.AvgPool2d(2, 1, 1, count_include_pad=False),
        IMAGES,
        (5, 4, 4, 3),
        lambda t: t.nn.AvgPool2d(2, 1, 1, count_include_pad=False),
    ),
    "AdaptiveAvgPool2d": Case(
        lambda dtype: nn.AdaptiveAvgPool2d((2, 1)),
        IMAGES,
        (5, 4, 2, 1),
        lambda t: t.nn.AdaptiveAvgPool2d((2, 1)),
    ),
    "GlobalAvgPool": Case(
        lambda dtype: nn.GlobalAvgPool(),
        IMAGES,
        (5, 4),
        lambda t: t.nn.Sequential(t.nn.AdaptiveAvgPool2d(1), t.nn.Flatten()),
    ),
    "MaxPool1d, ceil_mode": Case(
        lambda dtype: nn.MaxPool1d(3, 2, ceil_mode=True),
        (5, 4, 6),
        (5, 4, 3),
        lambda t: t.nn.MaxPool1d(3, 2, ceil_mode=True),
    ),
    "MaxPool3d": Case(
        lambda dtype: nn.MaxPool3d(2, (1, 2, 2), 1, dilation=(2, 1, 1)),
        (2, 3, 2, 3, 4),
        (2, 3, 2, 2, 3),
        lambda t: t.nn.MaxPool3d(2, (1, 2, 2), 1, dilation=(2, 1, 1)),
    ),
    "AvgPool2d, ceil_mode": Case(
        lambda dtype: nn.AvgPool2d(2, 2, 1, True, False),
        IMAGES,
        (5, 4, 2, 2),
        lambda t: t.nn.AvgPool2d(2, 2, 1, True, False),
    ),
    "AvgPool3d": Case(
        lambda dtype: nn.AvgPool3d(2, ceil_mode=True, divisor_override=5),
        (2, 3, 2, 3, 4),
        (2, 3, 1, 2, 2),
        lambda t: t.nn.AvgPool3d(2, ceil_mode=True, divisor_override=5),
    ),
    "LPPool1d": Case(
        lambda dtype: nn.LPPool1d(2, 3, 1), (5, 4, 5), (5, 4, 3), lambda t: t.nn.LPPool1d(2, 3, 1)
    ),
    "LPPool2d": Case(
        lambda dtype: nn.LPPool2d(4.0, (2, 1), ceil_mode=True),
        IMAGES,
        (5, 4, 2, 2),
        lambda t: t.nn.LPPool2d(4.0, (2, 1), ceil_mode=True),
    ),
    "LPPool3d": Case(
        lambda dtype: nn.LPPool3d(2, (1, 2, 2)),
        (2, 3, 2, 3, 4),
        (2, 3, 2, 1, 2),
        lambda t: t.nn.LPPool3d(2, (1, 2, 2)),
    ),
    "AdaptiveAvgPool1d": Case(
        lambda dtype: nn.AdaptiveAvgPool1d(3),
        (5, 4, 7),
        (5, 4, 3),
        lambda t: t.nn.AdaptiveAvgPool1d(3),
    ),
    "AdaptiveAvgPool3d": Case(
        lambda dtype: nn.AdaptiveAvgPool3d((1, None, 3)),
        (2, 3, 2, 3, 4),
        (2, 3, 1, 3, 3),
        lambda t: t.nn.AdaptiveAvgPool3d((1, None, 3)),
    ),
    "AdaptiveMaxPool1d": Case(
        lambda dtype: nn.AdaptiveMaxPool1d(3),
        (5, 4, 7),
        (5, 4, 3),
        lambda t: t.nn.AdaptiveMaxPool1d(3),
    ),
    "AdaptiveMaxPool2d": Case(
        lambda dtype: nn.AdaptiveMaxPool2d((2, None)),
        IMAGES,
        (5, 4, 2, 2),
        lambda t: t.nn.AdaptiveMaxPool2d((2, None)),
    ),
    "AdaptiveMaxPool3d": Case(
        lambda dtype: nn.AdaptiveMaxPool3d((1, 2, 5)),
        (2, 3, 2, 3, 4),
        (2, 3, 1, 2, 5),
        lambda t: t.nn.AdaptiveMaxPool3d((1, 2, 5)),
    ),
    "GlobalMaxPool": Case(
        lambda dtype: nn.GlobalMaxPool(),
        IMAGES,
        (5, 4),
        lambda t: t.nn.Sequential(t.nn.AdaptiveMaxPool2d(1), t.nn.Flatten()),
    ),
    "Unfold": Case(
        lambda dtype: nn.Unfold((2, 1), padding=1, stride=(1, 2)),
        IMAGES,
        (5, 8, 8),
        lambda t: t.nn.Unfold((2, 1), padding=1, stride=(1, 2)),
    ),
    "Fold": Case(
        lambda dtype: nn.Fold((3, 2), 2, dilation=(2, 1), padding=(0, 1)),
        (5, 8, 3),
        (5, 2, 3, 2),
        lambda t: t.nn.Fold((3, 2), 2, dilation=(2, 1), padding=(0, 1)),
    ),
    "Upsample": Case(
        lambda dtype: nn.Upsample((5, 3)), IMAGES, (5, 4, 5, 3), lambda t: t.nn.Upsample((5, 3))
    ),
    "Upsample, linear": Case(
        lambda dtype: nn.Upsample(scale_factor=1.6, mode="linear"),
        (2, 3, 5),
        (2, 3, 8),
        lambda t: t.nn.Upsample(scale_factor=1.6, mode="linear"),
    ),
    "Upsample, bilinear": Case(
        lambda dtype: nn.Upsample(scale_factor=(2, 3), mode="bilinear", align_corners=True),
        IMAGES,
        (5, 4, 6, 6),
        lambda t: t.nn.Upsample(scale_factor=(2, 3), mode="bilinear", align_corners=True),
    ),
    "Upsample, trilinear": Case(
        lambda dtype: nn.Upsample(3, mode="trilinear"),
        (2, 2, 2, 1, 4),
        (2, 2, 3, 3, 3),
        lambda t: t.nn.Upsample(3, mode="trilinear"),
    ),
    "PixelShuffle": Case(
        lambda dtype: nn.PixelShuffle(2), IMAGES, (5, 1, 6, 4), lambda t: t.nn.PixelShuffle(2)
    ),
    "PixelUnshuffle": Case(
        lambda dtype: nn.PixelUnshuffle(2),
        (5, 2, 4, 6),
        (5, 8, 2, 3),
        lambda t: t.nn.PixelUnshuffle(2),
    ),
    "LocalResponseNorm": same(
        lambda dtype: nn.LocalResponseNorm(3, 0.4, 0.6, 1.5),
        lambda t: t.nn.LocalResponseNorm(3, 0.4, 0.6, 1.5),
        IMAGES,
    ),
    "LocalResponseNorm of series": same(
        lambda dtype: nn.LocalResponseNorm(6), lambda t: t.nn.LocalResponseNorm(6), (5, 4, 3)
    ),
    "Dropout1d": same(lambda dtype: nn.Dropout1d(0.3), into=(5, 4, 3)),
    "Dropout2d": same(lambda dtype: nn.Dropout2d(0.3), into=IMAGES),
    "Dropout3d": same(lambda dtype: nn.Dropout3d(0.3), into=(2, 4, 2, 1, 3)),
    "Dropout2d in evaluation": same(
        lambda dtype: nn.Dropout2d(0.3).eval(), lambda t: t.nn.Identity(), IMAGES
    ),
    "ReflectionPad2d with one number": padded("Reflection", 2, 2),
    **_PADDINGS,
}
