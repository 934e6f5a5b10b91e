"""`chainrule sweep`: its options, and what it shows."""

import argparse
import shlex
import tomllib
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

import chainrule as cr
from chainrule.cli.commands import INTERRUPTED
from chainrule.cli.console import Console
from chainrule.cli.environment import Environment
from chainrule.cli.values import count, positive, positive_count
from chainrule.errors import DataError, OptionError, unknown

_PARAMETERS = (
    *("model", "hidden", "activation", "init", "norm", "dropout", "epochs", "batch-size", "loss"),
    *("optimizer", "lr", "weight-decay", "wrap", "schedule", "clip-norm", "clip-value"),
    *("l1", "l2", "max-norm", "mixup"),
)
"""What may be searched and `chainrule train` takes under the same name."""

_TRIALS = 20
_EPILOG = """\
What is searched: a range, log:1e-4..1e-1 or 8..256 (for a grid with the number of its points,
0.1..0.9/5), or choices, relu|tanh. One value alone is fixed.

  chainrule sweep mnist --lr log:1e-4..1e-1 --hidden '25,25|100' --epochs 2 --trials 20
  chainrule sweep moons --optimizer momentum --set optimizer.momentum=0.5..0.99 --method tpe
  chainrule sweep --file sweep.toml --workers 2 --storage sweep.journal --plot sweep.png

In the file stand the same: data = "mnist", trials = 20, ..., and a table [space] with
lr = "log:1e-4..1e-1", hidden = ["25,25", "100"], epochs = 2, ...
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `chainrule sweep`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "dataset", metavar="DATASET", nargs="?", help="as for train; may stand in the file"
    )
    space = parser.add_argument_group("what is searched, or fixed")
    for name in _PARAMETERS:
        space.add_argument(f"--{name}", metavar="DOMAIN")
    space.add_argument(
        "--set",
        metavar="NAME=DOMAIN",
        type=assignment,
        action="append",
        help="another setting of the training, or of the optimizer: optimizer.beta1=0.8..0.99",
    )
    search = parser.add_argument_group("search")
    search.add_argument("--file", metavar="TOML", help="read options from a file, too")
    search.add_argument(
        "--method", metavar="NAME", help="random (default), grid, or Optuna's tpe, cma_es, gp"
    )
    search.add_argument(
        "--trials", metavar="N", type=positive_count, help=f"default: {_TRIALS}; a whole grid"
    )
    search.add_argument("--workers", metavar="N", type=positive_count, help="default: 1")
    search.add_argument(
        "--pruner", metavar="NAME", help="end hopeless trials early: median, hyperband, halving"
    )
    search.add_argument("--seed", metavar="N", type=count, help="of the search; default: 0")
    search.add_argument("--metric", metavar="NAME", help="default: val_accuracy, or val_loss")
    search.add_argument(
        "--hold-out", metavar="SHARE", type=positive, help="of the training part; default: 0.2"
    )
    kept = parser.add_argument_group("what is kept and shown")
    kept.add_argument(
        "--storage",
        metavar="PATH",
        help="keep the results, and go on with them: a .journal or .sqlite file, or a URL",
    )
    kept.add_argument("--name", metavar="NAME", help="of the study in the storage; default: sweep")
    kept.add_argument("--plot", metavar="FILE", help="draw the outcome: .png, .svg, .pdf")
    kept.add_argument("--quiet", action="store_true", help="show no progress")


def assignment(text: str) -> tuple[str, str]:
    """A name and a domain.

    >>> assignment("optimizer.beta1=0.8..0.99")
    ('optimizer.beta1', '0.8..0.99')
    """
    name, sign, value = text.partition("=")
    if not (name.strip() and sign and value.strip()):
        raise argparse.ArgumentTypeError(f"{text!r}: expected such as seed=1|2|3")
    return name.strip(), value.strip()


def sweep(options: Namespace, console: Console, environment: Environment) -> int:
    """`chainrule sweep`."""
    asked = {} if options.file is None else _read(options.file)
    space = dict(asked.pop("space", {}))
    typed = {name.replace("-", "_"): value for name, value in vars(options).items()}
    space |= {n: typed[n] for n in (p.replace("-", "_") for p in _PARAMETERS) if typed[n]}
    space |= dict(options.set or ())
    asked |= {name: typed[name] for name in _KNOWN if typed.get(name) is not None}
    data = options.dataset or asked.get("data")
    if data is None:
        raise OptionError("a sweep needs a data set, such as: chainrule sweep mnist --lr ...")
    if asked.get("method") != "grid":
        asked.setdefault("trials", _TRIALS)
    training = cr.tune.Training(
        data,
        metric=asked.get("metric"),
        hold_out=asked.get("hold_out", 0.2),
        cache=environment.cache,
    )
    plan = {name: value for name, value in asked.items() if name not in _OF_TRAINING}
    found = cr.sweep(training, space, show=not options.quiet, **plan)
    if found.interrupted:
        kept = "the same command goes on" if "storage" in plan else "with --storage it could go on"
        console.warn(f"interrupted; {kept}")
        if not found.done:
            return INTERRUPTED
    if options.plot is not None:
        found.plot(options.plot)
        console.note(f"drawn in {shlex.quote(options.plot)}")
    fixed = {name: value for name, value in space.items() if name not in found.space}
    command = train_command(data, {**fixed, **found.best.parameters})
    console.answer({**found.to_dict(), "command": command}, found.table())
    if command:
        console.note(f"to train with the best: {command}")
    return INTERRUPTED if found.interrupted else 0


_OF_TRAINING = ("data", "metric", "hold_out")
_KNOWN = (*_OF_TRAINING, *("method", "trials", "workers", "storage", "name", "pruner", "seed"))


def _read(path: str) -> dict[str, Any]:
    """The options in a file.

    Raises:
        DataError: it cannot be read.
        OptionError: an unknown option.
    """
    try:
        with open(path, "rb") as file:
            document = tomllib.load(file)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path} cannot be read as TOML ({error}).") from error
    for name in document:
        if name not in (*_KNOWN, "space"):
            raise unknown(f"option in {path}", name, (*_KNOWN, "space"))
    if not isinstance(document.get("space", {}), Mapping):
        raise OptionError(f"{path}: space is {document['space']!r}; expected a table [space].")
    return document


def train_command(data: str, parameters: Mapping[str, Any]) -> str | None:
    """What to type to train with these parameters; None where that cannot be typed.

    >>> train_command("moons", {"lr": 0.01, "hidden": "25,25", "optimizer.beta1": 0.8})
    "chainrule train moons --lr 0.01 --hidden 25,25 --optimizer 'adam(beta1=0.8)'"
    """
    inside = {n.removeprefix("optimizer."): v for n, v in parameters.items() if "." in n}
    words = {n: v for n, v in parameters.items() if "." not in n}
    if inside:
        if "(" in str(words.get("optimizer", "")):
            return None
        settings = ", ".join(f"{name}={value}" for name, value in inside.items())
        words["optimizer"] = f"{words.get('optimizer', 'adam')}({settings})"
    if any(name.replace("_", "-") not in (*_PARAMETERS, "seed") for name in words):
        return None
    typed = [part for n, v in words.items() for part in (f"--{n.replace('_', '-')}", _typed(v))]
    return shlex.join(["chainrule", "train", data, *typed])


def _typed(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
