"""What is typed wrong meets the nearest right word, and exit status 2."""

import subprocess
import sys
from collections.abc import Callable

import pytest

import chainrule as cr

COMMANDS = (
    *("train", "resume", "evaluate", "predict", "summary", "certify", "datasets", "models"),
    *("explain", "show", "find-lr", "sweep", "bench", "cache"),
)


def test_help_lists_every_command(call: Callable) -> None:
    result = call("--help")
    assert result.status == 0
    assert result.error == ""
    for command in COMMANDS:
        assert f"\n    {command} " in result.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, call: Callable) -> None:
    result = call(command, "--help")
    assert result.status == 0
    assert result.out.startswith(f"usage: chainrule {command}")
    assert "--json" in result.out


def test_the_version(call: Callable) -> None:
    assert call("--version").out == f"chainrule {cr.__version__}\n"


def test_the_module_is_the_program(program: Callable) -> None:
    assert program("--version").out == f"chainrule {cr.__version__}\n"


def test_help_loads_no_part_that_it_does_not_need() -> None:
    """What this costs in seconds is measured by benchmarks/import_time.py."""
    code = "import sys, chainrule.cli as c; c.main(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    parts = {f"chainrule.{name}" for name in ("data", "nn", "optim", "models", "train")}
    assert not loaded & parts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "a command is needed: train, resume"),
        ("trian mnist", "unknown command 'trian'. Did you mean 'train'?"),
        ("mnist", "unknown command 'mnist'. Known: train"),
        ("--versoin", "unknown option --versoin. Did you mean '--version'?"),
        ("train", "the following arguments are required: DATASET"),
        ("train mnist --epoch 3", "unknown option --epoch. Did you mean '--epochs'?"),
        ("train mnist --batchsize=3", "unknown option --batchsize=3. Did you mean '--batch-size'?"),
        ("train mnist extra words", "too many arguments: extra words"),
        ("train mnits", "unknown data set 'mnits'. Did you mean 'mnist'?"),
        ("train moons --model mpl", "unknown model 'mpl'. Did you mean 'mlp'?"),
        ("train moons --optimizer adm", "unknown optimizer 'adm'. Did you mean 'adam'?"),
        ("train moons --activation rellu", "unknown activation 'rellu'. Did you mean 'relu'?"),
        ("train moons --loss crossentropy", "unknown loss 'crossentropy'. Did you mean 'cross_"),
        ("train moons --model perceptron --hidden 3", "unknown option of perceptron 'hidden'"),
        (
            "train moons --hidden 25,x",
            "'25,x' is no list of widths; expected integers of 1 or more",
        ),
        ("train moons --hidden 25,0", "'25,0' is no list of widths"),
        ("train moons --hidden 25,-3", "'25,-3' is no list of widths"),
        ("train moons --hidden ,", "is no list of widths"),
        ("train moons --epochs -1", "argument --epochs: '-1': expected an integer of 0 or more"),
        ("train moons --epochs 1.5", "argument --epochs: '1.5': expected an integer"),
        ("train moons --batch-size 0", "argument --batch-size: '0': expected an integer of 1 or"),
        ("train moons --lr 0", "argument --lr: '0': expected a number above 0"),
        ("train moons --lr -0.1", "argument --lr: '-0.1': expected a number above 0"),
        ("train moons --lr nan", "argument --lr: 'nan': expected a number above 0"),
        ("train moons --lr inf", "argument --lr: 'inf': expected a number above 0"),
        ("train moons --lr fast", "argument --lr: 'fast': expected a number above 0"),
        ("train moons --weight-decay -1", "'-1': expected a number of 0 or more"),
        ("train moons --clip-norm 0", "argument --clip-norm: '0': expected a number above 0"),
        ("train moons --patience 0", "argument --patience: '0': expected an integer of 1 or more"),
        ("train moons --seed -1", "argument --seed: '-1': expected an integer of 0 or more"),
        ("train moons --seed 18446744073709551616", "seed is 18446744073709551616"),
        ("train moons --hold-out 1.5", "hold_out is 1.5; expected a share"),
        ("train moons --target words", "invalid choice: 'words'"),
        ("evaluate runs/x --which first", "invalid choice: 'first'"),
        ("predict runs/x", "the following arguments are required: IMAGE"),
    ],
)
def test_mistyped_commands(arguments: str, message: str, call: Callable) -> None:
    result = call(*arguments.split())
    assert result.status == 2
    assert message in result.error
    assert "chainrule" in result.error.splitlines()[-1]
    assert ": error: " in result.error
    assert result.out == ""
    assert "Traceback" not in result.error


def test_the_debug_option_shows_the_traceback(call: Callable) -> None:
    result = call("train", "mnits", "--debug")
    assert result.status == 2
    assert "Traceback (most recent call last)" in result.error
    assert result.error.splitlines()[-1].startswith("chainrule: error: unknown data set 'mnits'")
