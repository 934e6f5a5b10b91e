"""`import chainrule` is light: NumPy and the ground floors, the rest when it is named."""

import subprocess
import sys

import pytest

import chainrule as cr

LAZY = tuple(
    f"chainrule.{part}"
    for part in ("cli", "data", "doctor", "graph", "models", "nn", "optim", "train")
)
HEAVY = (
    "argparse",
    "asyncio",
    "concurrent.futures",
    "csv",
    "email",
    "http",
    "json",
    "logging",
    "lzma",
    "multiprocessing",
    "pydoc",
    "shutil",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tarfile",
    "tempfile",
    "tomllib",
    "unittest",
    "urllib.request",
    "xml",
    "zipfile",
)
OPTIONAL = (
    *("PIL", "llvmlite", "matplotlib", "onnx", "scipy", "sklearn", "sympy", "tensorboard"),
    *("threadpoolctl", "torch"),
)

REPORT = """
import sys
import numpy
before = set(sys.modules)
{code}
print(*sorted(set(sys.modules) - before))
"""


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter loads for `code` beyond those that NumPy loads."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", REPORT.format(code=code)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    return loaded_by("import chainrule")


def test_numpy_is_the_only_third_party_package(loaded: set[str]) -> None:
    assert packages(loaded) - sys.stdlib_module_names == {"chainrule"}


def test_numpy_parts_that_are_not_needed_stay_out(loaded: set[str]) -> None:
    assert loaded & {"numpy.f2py", "numpy.polynomial", "numpy.testing"} == set()


def test_no_heavy_standard_module_is_loaded(loaded: set[str]) -> None:
    assert loaded & set(HEAVY) == set()


def test_larger_parts_wait_until_they_are_named(loaded: set[str]) -> None:
    assert loaded & set(LAZY) == set()
    assert "chainrule.nn" in loaded_by("import chainrule as cr; cr.nn")


def test_no_part_loads_an_optional_package() -> None:
    names = [name for name in cr.__all__ if name != "compile"]
    code = f"import chainrule as cr; [getattr(cr, name) for name in {names}]"
    assert packages(loaded_by(code)) & set(OPTIONAL) == set()
    assert "llvmlite" in packages(loaded_by("import chainrule as cr; cr.compile"))


@pytest.mark.parametrize("name", cr.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(cr, name) is not None
    assert name in dir(cr)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nnn'"):
        cr.nnn  # noqa: B018


def test_submodules_can_be_imported_directly() -> None:
    assert {"chainrule.nn", "chainrule.optim"} <= loaded_by("from chainrule import nn, optim")
