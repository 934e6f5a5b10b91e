"""What each augmentation makes of digits: a row for each, the digit itself first.

Writes augmentation.png into FOLDER, here if none is named. The picture in docs/images is made with

    python examples/augmentation.py docs/images
"""

import sys
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule.errors import import_extra

VERSIONS = 7
ROWS = (
    "shift=3",
    "rotate=20",
    "zoom=0.3",
    "shear=20",
    "elastic",
    "shift=2, rotate=10, zoom=0.1, elastic",
    "crop=4",
    "horizontal_flip",
    "noise=40",
    "brightness=0.6, contrast=0.6",
    "cutout=10",
    "erasing(p=1)",
)


def versions(digit: np.ndarray, text: str, number: int) -> np.ndarray:
    """One digit and what an augmentation makes of it: a strip of pictures side by side."""
    changed = cr.data.augmented(np.repeat(digit[None], VERSIONS, 0), text, cr.random.key(number))
    return np.concatenate([digit, *changed], axis=1)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    _, test = cr.data.mnist()
    digits = test.x.reshape(-1, 28, 28)
    strips = {text: versions(digits[number], text, number) for number, text in enumerate(ROWS)}
    for text, strip in strips.items():
        pixels = strip.reshape(28, 1 + VERSIONS, 28).astype(float)
        change = np.abs(pixels[:, 1:] - pixels[:, :1]).mean()
        print(f"{text:<38}  changes a pixel by {change:4.1f} of 255 on average")
    figures = import_extra("matplotlib.figure", extra="plot", purpose="the picture")
    figure = figures.Figure(figsize=(8, 9), layout="constrained")
    for axes, (text, strip) in zip(figure.subplots(len(ROWS), 1), strips.items(), strict=True):
        axes.imshow(strip, cmap="gray_r", vmin=0, vmax=255)
        axes.axvline(27.5, color="tab:red", linewidth=1)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_ylabel(text.replace(", ", ",\n"), rotation=0, ha="right", va="center")
    figure.savefig(folder / "augmentation.png", dpi=80, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
