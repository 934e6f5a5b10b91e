"""`chainrule show`: its pictures, and what is typed for each."""

import argparse
import shlex
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import chainrule as cr
from chainrule.cli.console import Console
from chainrule.cli.environment import Environment
from chainrule.cli.values import count, not_negative, positive_count
from chainrule.errors import OptionError, RunError


def places(text: str) -> tuple[int, ...]:
    """Numbers of units, such as 0,3.

    >>> places("0,3")
    (0, 3)
    """
    return tuple(count(part.strip()) for part in text.split(","))


_OPTIONS: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {
        "layer": {"metavar": "PATH", "help": "such as 3; see: chainrule summary DIR"},
        "sample": {"metavar": "N", "type": count, "help": "of the test part; default: 0"},
        "image": {"metavar": "FILE", "help": "a picture of your own, in place of a sample"},
        "target": {"metavar": "N", "type": count, "help": "the output; default: the largest"},
        "units": {"metavar": "N,N", "type": places, "help": "default: the first ones"},
        "count": {"metavar": "N", "type": positive_count, "help": "how many pictures"},
        "size": {"metavar": "N", "type": positive_count, "help": "of the square; default: 5"},
        "stride": {"metavar": "N", "type": positive_count, "help": "of the square; default: 1"},
        "noise": {
            "metavar": "X",
            "type": not_negative,
            "help": "SmoothGrad: the mean over images with noise, such as 0.15; default: 0",
        },
        "samples": {"metavar": "N", "type": positive_count, "help": "how many samples are used"},
        "steps": {"metavar": "N", "type": positive_count, "help": "more are more exact"},
        "method": {"choices": ("pca", "tsne"), "help": "default: pca; tsne needs scikit-learn"},
        "points": {"metavar": "N", "type": positive_count, "help": "along each side; default: 15"},
        "seed": {"metavar": "N", "type": count, "help": "of what is random; default: 0"},
    }
)
_ONE = ("sample", "image", "target")


class _Picture(NamedTuple):
    """A picture: its line in the list, what one sees in it, its options, and who draws it."""

    text: str
    sees: str
    options: tuple[str, ...]
    draw: Callable[["_Shown"], Any]


class _Shown(NamedTuple):
    """A run to show, and what was asked for."""

    run: Any
    options: Namespace
    console: Console
    environment: Environment
    path: Path

    def given(self, *names: str) -> dict[str, Any]:
        """The options of these names that were typed, and where the picture goes."""
        typed = {name: getattr(self.options, name) for name in names}
        return {"path": self.path} | {k: v for k, v in typed.items() if v is not None}

    @property
    def test(self) -> Any:
        """The test part of the run's data."""
        where = {"cache": self.environment.cache, "progress": self.console.download}
        return self.run.reopen(**where)[1]

    @property
    def image(self) -> Any:
        """The image that was asked for, as the training data holds it."""
        if self.options.image is not None:
            if self.options.sample is not None:
                raise OptionError("give --sample or --image, not both.")
            return self.run.read_picture(self.options.image)
        place, data = self.options.sample or 0, self.test
        if place >= len(data):
            raise OptionError(
                f"--sample is {place}, and {data.name!r} has {len(data):,} samples; expected 0 to "
                f"{len(data) - 1}."
            )
        return data.x[place]


def _filters(shown: _Shown) -> Any:
    try:
        before = cr.vis.initial_weights(shown.run)
    except RunError as error:
        shown.console.note(f"without the filters before training: {error}")
        before = None
    return cr.vis.filters(shown.run, before=before, **shown.given("layer"))


_PICTURES: MappingProxyType[str, _Picture] = MappingProxyType(
    {
        "filters": _Picture(
            "the weights of a layer, before and after training",
            "Each small picture is what a unit of the layer looks for: red where it wants bright "
            "pixels, blue where dark ones. The first layer of a trained net often has edges and "
            "strokes; what stays noise has learnt little. The weights before training are drawn "
            "again from the run's seed, as `chainrule train` drew them.",
            ("layer",),
            _filters,
        ),
        "maps": _Picture(
            "what each channel of a layer makes of an image",
            "One small picture for each channel: bright where it finds what it looks for. Deeper "
            "layers have smaller pictures of larger things.",
            ("layer", "sample", "image"),
            lambda shown: cr.vis.maps(shown.run, shown.image, **shown.given("layer")),
        ),
        "patches": _Picture(
            "the parts of images that excite units of a layer most",
            "A row for each unit: the parts of test images for which it gives the largest numbers, "
            "cut to what it sees. What they have in common is what the unit stands for.",
            ("layer", "units", "count"),
            lambda shown: cr.vis.patches(
                shown.run, shown.test, **shown.given("layer", "units", "count")
            ),
        ),
        "occlusion": _Picture(
            "how an output falls when a part of the image is covered",
            "Red where covering a square takes from the output: what the decision rests on. Blue "
            "where it adds to it.",
            (*_ONE, "size", "stride"),
            lambda shown: cr.vis.occlusion(
                shown.run, shown.image, **shown.given("target", "size", "stride")
            ),
        ),
        "saliency": _Picture(
            "the pixels that move an output most",
            "Bright where a small change of a pixel changes the output most, by the gradient; with "
            "--noise the mean over noisy images, which is less spotted.",
            (*_ONE, "noise", "samples"),
            lambda shown: cr.vis.saliency(
                shown.run, shown.image, **shown.given("target", "noise", "samples")
            ),
        ),
        "integrated": _Picture(
            "what each pixel adds to an output",
            "Red for pixels that add to the output, blue for those that take from it, against a "
            "black image; together they are the whole difference (integrated gradients).",
            (*_ONE, "steps"),
            lambda shown: cr.vis.integrated(
                shown.run, shown.image, **shown.given("target", "steps")
            ),
        ),
        "gradcam": _Picture(
            "where the last maps of a convolutional net speak for an output",
            "Bright where the maps of a layer, each weighted by how it moves the output, are "
            "large: where in the image the net sees the class (Grad-CAM).",
            (*_ONE, "layer"),
            lambda shown: cr.vis.gradcam(shown.run, shown.image, **shown.given("target", "layer")),
        ),
        "maximise": _Picture(
            "the images that units would like best",
            "Images made from noise by following the gradient of a unit, kept smooth: an ideal 7, "
            "as the net has it. Strokes at the right places say that it has learnt the shape.",
            ("layer", "units"),
            lambda shown: cr.vis.maximise(shown.run, **shown.given("layer", "units")),
        ),
        "embedding": _Picture(
            "how a layer lays out the data in a plane",
            "A dot for each sample in the colour of its class. Classes that lie apart are told "
            "apart; dots among another colour are the hard ones.",
            ("layer", "method", "samples", "seed"),
            lambda shown: cr.vis.embedding(
                shown.run, shown.test, **shown.given("layer", "method", "samples", "seed")
            ),
        ),
        "confusion": _Picture(
            "which classes are taken for which",
            "Rows are the truth, columns what it was taken for; the darker, the more of the class.",
            (),
            lambda shown: cr.vis.confusion(shown.run, shown.test, **shown.given()),
        ),
        "mistakes": _Picture(
            "the mistakes that the net is surest of",
            "Test images with what they are, what they were taken for, and how surely. Some are "
            "hard for people, too; others show what the net has not learnt.",
            ("count",),
            lambda shown: cr.vis.mistakes(shown.run, shown.test, **shown.given("count")),
        ),
        "surface": _Picture(
            "the loss from the first weights to the last, and around the last",
            "Left the way that training could have gone straight, right a plane through the "
            "weights along two random directions of the filters' lengths: flat and round is easy "
            "ground, narrow and steep is hard.",
            ("points", "samples", "seed"),
            lambda shown: cr.vis.surface(
                shown.run, data=shown.test, **shown.given("points", "samples", "seed")
            ),
        ),
        "curves": _Picture(
            "loss and accuracy by epoch",
            "Training and validation part where the net learns by heart what does not carry over.",
            (),
            lambda shown: cr.vis.curves(shown.run, **shown.given()),
        ),
    }
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The pictures of `chainrule show`, each with its options."""
    parser.add_argument("folder", metavar="DIR", help="the folder of a run")
    pictures = parser.add_subparsers(
        dest="picture",
        metavar="PICTURE",
        required=True,
        title="pictures",
        prog="chainrule show DIR",
    )
    for name, picture in _PICTURES.items():
        one = pictures.add_parser(
            name, help=picture.text, description=picture.sees, allow_abbrev=False
        )
        one.set_defaults(refusing=one)
        for option in picture.options:
            one.add_argument(f"--{option}", **_OPTIONS[option])
        one.add_argument(
            "--out", metavar="FILE", help=f"a .png, .svg or .pdf; default: {name}.png in DIR"
        )
        one.add_argument(
            "--which", choices=("last", "best"), default="last", help="weights; default: last"
        )
        for flag, text in (("--json", "print one JSON document"), ("--debug", "show tracebacks")):
            # What was typed before the picture's name stays.
            one.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=text)


def show(options: Namespace, console: Console, environment: Environment) -> int:
    """`chainrule show`."""
    run = cr.load_run(options.folder, which=options.which)
    path = Path(options.out or Path(options.folder) / f"{options.picture}.png")
    cr.vis.check_target(path)
    _PICTURES[options.picture].draw(_Shown(run, options, console, environment, path))
    document = {"picture": options.picture, "file": str(path)}
    console.answer(document, f"drawn in {shlex.quote(str(path))}")
    return 0
