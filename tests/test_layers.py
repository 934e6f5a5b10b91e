"""The house stands as the design says: see `house_rules` for the rules and the table of floors."""

import re

import pytest

from tests.house_files import File, find_cycle, imported_files, read_source
from tests.house_rules import FLOORS, RULES, Rule

FILES = read_source()
RULE_BY_NAME = {rule.__name__: rule for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_source_keeps_the_rule(rule: Rule) -> None:
    problems = [
        f"src/chainrule/{name.replace('.', '/')}.py:{line}: {text}"
        for name, file in FILES.items()
        for line, text in rule(file)
    ]
    assert not problems, "\n".join([f"{rule.__name__}:", *problems])


def test_no_files_import_each_other_in_a_circle() -> None:
    circle = find_cycle(imported_files(FILES))
    assert not circle, f"import circle: {' -> '.join(circle)}; move what they share down"


def test_the_package_was_found() -> None:
    assert {"errors", "ops.table", "tensor", "__init__"} <= FILES.keys()


def test_each_part_stands_on_one_floor() -> None:
    parts = [part for floor in FLOORS for part in floor]
    assert len(parts) == len(set(parts))


LONG = "\n" * 400
LONG_FUNCTION = "def f():\n" + "    x = 1\n" * 49
LONG_DOCSTRING = 'def f():\n    """Say.\n' + "\n" * 60 + '    """\n    return 1\n'

BROKEN = [
    ("imports_point_down", "ops.table", "from chainrule.nn import Linear", "ops .* imports nn"),
    ("imports_point_down", "nn.layers", "from chainrule import optim", "nn .* imports optim"),
    ("imports_point_down", "nn.layers", "import chainrule.optim.adam", "nn .* imports optim"),
    ("imports_point_down", "grad.reverse", "from chainrule import Tensor", "roof"),
    ("imports_point_down", "train.loop", "import chainrule as cr", "roof"),
    ("imports_point_down", "tensor", "from chainrule.grad import vjp", "only lower floors"),
    ("imports_point_down", "surprise.x", "", "no floor"),
    ("imports_are_absolute", "nn.layers", "from . import init", "relative"),
    ("imports_are_absolute", "nn.layers", "from ..errors import unknown", "relative"),
    ("imports_stand_on_top", "nn.layers", "def f():\n    import json", "f imports inside"),
    ("imports_stand_on_top", "nn.x", "class A:\n  def f(self):\n    from a import b", "inside"),
    ("imports_stand_on_top", "nn.x", "def f():\n    importlib.import_module('a')", "by name"),
    ("imports_stand_on_top", "nn.x", "def f():\n    return __import__('a')", "by name"),
    ("only_numpy_is_required", "data.x", "import PIL.Image", "import_extra"),
    ("only_numpy_is_required", "data.x", "try:\n    from scipy import io\nexcept E: pass", "scipy"),
    ("extras_are_declared", "data.x", "import_extra('PIL', extra='img', purpose='x')", "'img'"),
    ("llvm_stays_in_the_compiler", "grad.x", "import llvmlite.binding as llvm", "compiler/"),
    ("llvm_stays_in_the_compiler", "nn.x", "import_extra('llvmlite', extra='jit')", "compiler/"),
    ("environment_is_read_in_cli", "data.x", "import os\nos.environ['HOME']", "take an argument"),
    ("environment_is_read_in_cli", "data.x", "from os import getenv", "os.getenv"),
    ("nothing_is_asserted", "nn.x", "def f(x):\n    assert x", "python -O"),
    ("randomness_comes_from_keys", "nn.init", "x = np.random.default_rng(0)", "from a key"),
    ("randomness_comes_from_keys", "nn.init", "import random", "from a key"),
    ("randomness_comes_from_keys", "nn.init", "from numpy.random import normal", "from a key"),
    ("files_and_functions_are_short", "nn.x", LONG, "400 lines"),
    ("files_and_functions_are_short", "nn.x", LONG_FUNCTION, "f has 50 lines"),
    ("modules_keep_no_state", "nn.x", "_CACHE = {}", "empty container"),
    ("modules_keep_no_state", "nn.x", "_SEEN: set[int] = set()", "empty container"),
    ("modules_keep_no_state", "nn.x", "_ids = itertools.count()", "remembers"),
    ("modules_keep_no_state", "nn.x", "_lock = threading.Lock()", "remembers"),
    ("modules_keep_no_state", "nn.x", "x = 1\ndef f():\n    global x\n    x = 2", "global x"),
    ("modules_keep_no_state", "nn.x", "T = {1: 2}\ndef f():\n    T[1] = 3", "f changes T"),
    ("modules_keep_no_state", "nn.x", "T = {1: {}}\ndef f():\n    T[1][2] = 3", "f changes T"),
    ("modules_keep_no_state", "nn.x", "T = [1]\ndef f():\n    T.append(2)", "f changes T"),
]

SOUND = [
    ("imports_point_down", "tensor", "from chainrule.operators import ArrayBox"),
    ("imports_point_down", "nn.layers", "from chainrule.nn.module import Module"),
    ("imports_point_down", "train.loop", "from chainrule import nn, optim, rng"),
    ("imports_point_down", "cli.train", "import chainrule as cr"),
    ("imports_point_down", "__init__", "from chainrule.train import fit"),
    ("imports_stand_on_top", "data.__init__", "def __getattr__(n):\n  return import_module(n)"),
    ("only_numpy_is_required", "nn.x", "import json\nimport numpy as np"),
    ("extras_are_declared", "nn.x", "import_extra('PIL.Image', extra='image', purpose='x')"),
    ("llvm_stays_in_the_compiler", "compiler.x", "import llvmlite"),
    ("only_numpy_is_required", "compiler.x", "from llvmlite import ir"),
    ("environment_is_read_in_cli", "cli.x", "import os\nos.environ['HOME']"),
    ("randomness_comes_from_keys", "nn.x", "from chainrule.random import normal"),
    ("files_and_functions_are_short", "nn.x", LONG_DOCSTRING),
    ("modules_keep_no_state", "nn.x", "T = [1]\ndef f(T):\n    T.append(2)"),
    ("modules_keep_no_state", "nn.x", "T = {1: 2}\ndef f():\n    t = {}\n    t[1] = T[1]"),
]


@pytest.mark.parametrize(("rule", "name", "text", "message"), BROKEN)
def test_a_rule_sees_what_breaks_it(rule: str, name: str, text: str, message: str) -> None:
    problems = "\n".join(problem for _, problem in RULE_BY_NAME[rule](File(name, text)))
    assert re.search(message, problems), problems


@pytest.mark.parametrize(("rule", "name", "text"), SOUND)
def test_a_rule_lets_sound_code_pass(rule: str, name: str, text: str) -> None:
    assert list(RULE_BY_NAME[rule](File(name, text))) == []


def test_every_rule_is_shown_to_bite() -> None:
    assert {row[0] for row in BROKEN} == RULE_BY_NAME.keys()


def test_a_circle_is_found() -> None:
    files = {
        "a.__init__": File("a.__init__", "from chainrule.a.one import f"),
        "a.one": File("a.one", "from chainrule.a.two import g"),
        "a.two": File("a.two", "from chainrule import a"),
        "b": File("b", "from chainrule.a import f"),
    }
    circle = find_cycle(imported_files(files))
    assert circle[0] == circle[-1]
    assert set(circle) == {"a.__init__", "a.one", "a.two"}
    files["a.two"] = File("a.two", "if TYPE_CHECKING:\n    from chainrule import a")
    assert find_cycle(imported_files(files)) == []
