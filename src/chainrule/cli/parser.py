"""What can be typed: commands, options, and the words for a mistyped one."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

import chainrule as cr
from chainrule.cli import compiling, showing, sweeping
from chainrule.cli.values import (
    column,
    count,
    entries,
    group,
    not_negative,
    positive,
    positive_count,
    widths,
)
from chainrule.errors import suggestion, unknown

_EPILOG = """\
examples:
  chainrule train mnist --hidden 25,25 --epochs 5 --out runs/first
  chainrule evaluate runs/first
  chainrule predict runs/first digit.png photo.jpg
  chainrule train moons --activation tanh

Each command has more to say: chainrule train --help
Exit status: 0 done, 1 an error, 2 a mistyped command, 130 Ctrl-C, 143 terminated.
"""
_DATASET = """\
a data set by name (see: chainrule datasets), or the path of a CSV or .npz file, of an IDX file, or
of a folder with a folder of pictures for each class"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of one command.

    Raises:
        SystemExit: with 2 for what cannot be understood, with 0 after --help and --version.
    """
    parser, commands = _build()
    first = arguments[0] if arguments else "-"
    if not first.startswith("-") and first not in commands:
        parser.error(str(unknown("command", first, commands)))
    options, rest = parser.parse_known_args(arguments)
    if rest:
        _refuse(getattr(options, "refusing", None) or commands.get(options.command, parser), rest)
    if options.command is None:
        parser.error(f"a command is needed: {', '.join(commands)}")
    return options


def _refuse(command: argparse.ArgumentParser, rest: Sequence[str]) -> NoReturn:
    """Refuse arguments that the command does not take, with the nearest that it does."""
    wrong = next((word for word in rest if word.startswith("-")), None)
    if wrong is None:
        command.error(f"too many arguments: {' '.join(rest)}")
    names = [name for name in command._option_string_actions if name.startswith("--")]
    command.error(f"unknown option {wrong}. {suggestion(wrong.partition('=')[0], names)}")


def _build() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(
        prog="chainrule",
        description="Train, evaluate and use neural networks.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {cr.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON document")
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def command(name: str, operands: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=text,
            usage=" ".join(f"%(prog)s {operands} [OPTION ...]".split()),
            description=f"{text[0].upper()}{text[1:]}.",
            parents=[common],
            allow_abbrev=False,
        )

    _train(command("train", "DATASET", "train a model on a data set"))
    _resume(command("resume", "DIR", "go on with an interrupted run"))
    _evaluate(command("evaluate", "DIR", "measure a run's accuracy on a data set"))
    _predict(command("predict", "DIR IMAGE [IMAGE ...]", "say what is on pictures"))
    _folder(command("summary", "DIR", "show a run's model, settings and history"))
    _certify(command("certify", "DIR", "differentiate a run's model four ways and compare"))
    _explain(command("explain", "DIR", "show a training step with all its numbers"))
    showing.add_options(command("show", "DIR PICTURE", "draw what a run has learnt, and how"))
    _find_lr(command("find-lr", "DATASET", "look for a learning rate before training"))
    sweeping.add_options(command("sweep", "[DATASET]", "search for the best settings"))
    command("datasets", "", "list the data sets that have a name")
    command("models", "", "list what has a name: models, losses, optimizers, schedules")
    _bench(command("bench", "DATASET|DIR", "time a compiled training step, group by group"))
    compiling.add_cache_options(command("cache", "", "show what is kept, and clear it"))
    return parser, dict(commands.choices)


def _train(parser: argparse.ArgumentParser) -> None:
    _trained(parser)
    training = parser.add_argument_group("training")
    training.add_argument("--epochs", metavar="N", type=count, help="default: 5")
    training.add_argument(
        "--schedule",
        metavar="NAME",
        help="of the learning rate, such as cosine, 'one_cycle(warmup=100)', "
        "'step(2, gamma=0.5, by=epoch)', plateau; see: chainrule models",
    )
    training.add_argument(
        "--patience",
        metavar="N",
        type=positive_count,
        help="stop when the loss on the test part has not improved for N epochs",
    )
    compiling.add_options(parser)
    kept = parser.add_argument_group("what is kept and shown")
    kept.add_argument("--out", metavar="DIR", help="a new folder to keep the run in")
    kept.add_argument(
        "--checkpoint-seconds",
        metavar="X",
        type=not_negative,
        help="how often to write a checkpoint within an epoch; default: 30",
    )
    kept.add_argument("--quiet", action="store_true", help="show no progress")


def _find_lr(parser: argparse.ArgumentParser) -> None:
    _trained(parser)
    search = parser.add_argument_group("search")
    search.add_argument("--low", metavar="X", type=positive, default=1e-6, help="default: 1e-6")
    search.add_argument("--high", metavar="X", type=positive, default=10.0, help="default: 10")
    search.add_argument(
        "--steps", metavar="N", type=positive_count, default=100, help="default: 100"
    )
    search.add_argument("--plot", metavar="FILE", help="draw loss against rate: .png, .svg, .pdf")
    search.add_argument("--quiet", action="store_true", help="show no progress")


def _bench(parser: argparse.ArgumentParser) -> None:
    _trained(parser, "DATASET|DIR", "the folder of a run, or what to train a new one on")
    timing = parser.add_argument_group("timing")
    timing.add_argument("--profile", action="store_true", help="each fusion group, and its bound")
    timing.add_argument(
        "--steps", metavar="N", type=positive_count, default=200, help="in a call; default: 200"
    )
    compiling.add_kernels(timing)


def _trained(
    parser: argparse.ArgumentParser, operand: str = "DATASET", text: str = _DATASET
) -> None:
    """What is trained, on what, and how each step is taken."""
    parser.add_argument("dataset", metavar=operand, help=text)
    model = parser.add_argument_group("model")
    model.add_argument("--model", metavar="NAME", default="mlp", help="default: mlp")
    model.add_argument(
        "--hidden", metavar="N,N", type=widths, help="widths of the hidden layers; default: 25,25"
    )
    model.add_argument(
        "--activation",
        metavar="NAME",
        help="between the layers, such as gelu or leaky_relu(0.2); default: relu",
    )
    model.add_argument(
        "--init",
        metavar="NAME",
        help="of the weights, such as he_normal; default: the activation's",
    )
    model.add_argument("--norm", metavar="NAME", help="before each activation: batch, layer, rms")
    model.add_argument("--dropout", metavar="P", type=not_negative, help="default: 0")
    _trained_by(parser)
    _train_regularization(parser)
    _train_data(parser)


def _trained_by(parser: argparse.ArgumentParser) -> None:
    steps = parser.add_argument_group("steps")
    steps.add_argument("--batch-size", metavar="N", type=positive_count, help="default: 100")
    steps.add_argument(
        "--loss", metavar="NAME", help="default: cross_entropy for classes, mse for numbers"
    )
    steps.add_argument(
        "--optimizer",
        metavar="NAME",
        default="adam",
        help="such as sgd, muon, 'adamw(beta2=0.99)'; see: chainrule models; default: adam",
    )
    steps.add_argument("--lr", metavar="X", type=positive, help="default: the optimizer's own")
    steps.add_argument(
        "--weight-decay",
        metavar="X",
        type=not_negative,
        help="of weights, not of biases and norms; default: the optimizer's own",
    )
    steps.add_argument(
        "--group",
        metavar="PATTERN:SETTINGS",
        type=group,
        action="append",
        help="other settings for some parameters, such as '*.bias: lr=0.01'; may be repeated",
    )
    steps.add_argument(
        "--wrap",
        metavar="NAME",
        action="append",
        help="around the optimizer: 'lookahead(k=5)', 'ema(decay=0.99)', 'swa(first=500)'",
    )
    steps.add_argument("--clip-norm", metavar="X", type=positive, help="largest gradient norm")
    steps.add_argument("--clip-value", metavar="X", type=positive, help="its largest element")
    steps.add_argument("--seed", metavar="N", type=count, default=0, help="default: 0")


def _train_regularization(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("regularisation (see also --dropout, --weight-decay)")
    for name, text in (("--l1", "rate of sum(|w|)"), ("--l2", "rate of sum(w^2) / 2")):
        group.add_argument(name, metavar="X", type=not_negative, help=f"{text}; default: 0")
    group.add_argument("--max-norm", metavar="X", type=positive, help="of a unit's weights")
    group.add_argument(
        "--mixup", metavar="ALPHA", type=not_negative, help="mix samples in pairs; default: 0"
    )
    group.add_argument(
        "--augment", metavar="LIST", help="of pictures, such as shift=2,rotate=10,elastic"
    )


def _train_data(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("data given by a path")
    data.add_argument("--test", metavar="PATH", help="the test part, where it lies elsewhere")
    data.add_argument(
        "--hold-out",
        metavar="SHARE",
        type=positive,
        default=0.2,
        help="share of the samples to test on, where there is no test part; default: 0.2",
    )
    data.add_argument(
        "--label", metavar="COLUMN", type=column, default=-1, help="of a table; default: the last"
    )
    data.add_argument(
        "--target",
        choices=("auto", "classes", "numbers"),
        default="auto",
        help="of a table: what the labels are",
    )


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the folder of a run")


def _resume(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument(
        "--epochs", metavar="N", type=count, help="go on up to another number of epochs"
    )
    compiling.add_options(parser)
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def _evaluate(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument(
        "--data", metavar="DATASET", help="a name or a path; default: the run's own test part"
    )
    _which(parser)


def _certify(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument(
        "--samples",
        metavar="N",
        type=positive_count,
        default=8,
        help="of the test part; default: 8",
    )
    parser.add_argument(
        "--entries",
        metavar="N",
        type=entries,
        default=32,
        help="of each parameter, for the modes that take one pass an entry, or all; default: 32",
    )
    _which(parser)


def _explain(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument(
        "--sample", metavar="N", type=count, default=0, help="of the test part; default: 0"
    )
    parser.add_argument(
        "--step",
        metavar="N",
        type=positive_count,
        help="the number of the step; default: the one after the run's last",
    )
    parser.add_argument("--weight", metavar="W", help="follow one weight, such as 0.weight[3,200]")
    parser.add_argument("--detail", choices=("brief", "normal", "full"), help="default: normal")
    parser.add_argument("--lang", metavar="L", help="en or zh; default: en")
    written = parser.add_argument_group("files to write; with none of them, the terminal is used")
    written.add_argument("--html", metavar="F", help="a page of its own")
    written.add_argument("--latex", metavar="F", help="a LaTeX document")
    written.add_argument("--markdown", metavar="F", help="a page of notes")
    _which(parser)


def _predict(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="PNG, JPEG, ... of any size")
    _which(parser)


def _which(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--which",
        choices=("last", "best"),
        default="last",
        help="the last weights (default), or those of the best epoch",
    )
