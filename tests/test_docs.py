"""The documents and docstrings tell the truth: every example in them runs. See `documents`."""

import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from tests import documents
from tests.documents import Block, WrongExampleError, blocks_of, headings_of

ROOT = Path(__file__).resolve().parent.parent
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
DOCUMENTS = [ENGLISH, CHINESE, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# The experiments take minutes; tests/examples runs their quick form.
EXAMPLES = [
    path
    for path in sorted((ROOT / "examples").glob("*.py"))
    if "[--quick]" not in path.read_text(encoding="utf-8")
]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(cr.__path__, "chainrule.")
    if not module.name.endswith("__main__")
)
PUBLIC = ("data", "models", "nn", "optim", "random", "train")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess:
    """Run Python in a folder, with this checkout's tests in reach, warnings as errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder but for `digit.png`: a 7 of MNIST's test set, enlarged, black on white."""
    image = pytest.importorskip("PIL.Image")
    _, test = cr.data.mnist()
    ink = np.pad(np.asarray(test.x[0]).reshape(28, 28), 8)
    image.fromarray(255 - ink).resize((176, 176)).save(tmp_path / "digit.png")
    return tmp_path


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if p != CHINESE], ids=lambda p: p.name)
def test_code_in_documents_runs(path: Path, folder: Path) -> None:
    # The Chinese README shows the same code, see test_the_chinese_readme_is_in_step.
    done = run("-m", "tests.documents", str(path), folder=folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_programs_run(path: Path, folder: Path) -> None:
    done = run(str(path), folder=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout, "prints nothing"


def op_names() -> dict:
    """The names in the op modules: methods made from ops carry the docstrings of these."""
    names: dict = {}
    for module in MODULES:
        if module.startswith("chainrule.ops."):
            names |= vars(importlib.import_module(module))
    return names


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    names = op_names() | vars(module)
    lines: list[str] = []
    runner = doctest.DocTestRunner(optionflags=documents.FLAGS)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, globs=names):
        runner.run(test, out=lines.append)
    assert runner.failures == 0, "".join(lines)


@pytest.mark.parametrize("name", ["chainrule", *(f"chainrule.{part}" for part in PUBLIC)])
def test_public_names_say_what_they_are(name: str) -> None:
    front = importlib.import_module(name)
    things = {public: getattr(front, public) for public in front.__all__}
    silent = [public for public, thing in things.items() if callable(thing) and not thing.__doc__]
    assert not silent


def test_the_chinese_readme_is_in_step() -> None:
    english, chinese = (path.read_text(encoding="utf-8") for path in (ENGLISH, CHINESE))
    assert headings_of(english) == headings_of(chinese)
    shown = [[(block.language, block.text) for block in blocks_of(t)] for t in (english, chinese)]
    assert shown[0] == shown[1]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    text = documents.BLOCK.sub("", path.read_text(encoding="utf-8"))
    assert [link for link in LINK.findall(text) if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_comment_to_the_test_is_understood(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    obeyed = [block for block in blocks_of(text) if block.skipped or block.needs]
    assert len(obeyed) == text.count("<!-- test:")


def test_blocks_are_found_with_their_lines() -> None:
    text = "# T\n\n```python\na = 1\n```\n\n<!-- test: skip because slow -->\n```sh\nls\n```\n"
    text += "<!-- test: needs torch -->\n```pycon\n>>> 1\n```\n"
    assert blocks_of(text) == [
        Block("python", "a = 1\n", 4),
        Block("sh", "ls\n", 9, skipped=True),
        Block("pycon", ">>> 1\n", 13, needs="torch"),
    ]


def test_a_missing_package_is_an_excuse_but_not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    block = Block("python", "", needs="no_such_package")
    monkeypatch.delenv("CI", raising=False)
    assert not block.runs_here
    monkeypatch.setenv("CI", "true")
    assert block.runs_here
    assert not Block("python", "", skipped=True).runs_here


def test_wrong_examples_are_caught(tmp_path: Path) -> None:
    path = tmp_path / "wrong.md"
    with pytest.raises(ZeroDivisionError):
        documents.run_python(Block("python", "1 / 0\n"), path, {})
    with pytest.raises(WrongExampleError, match="Expected"):
        documents.run_session(Block("pycon", ">>> 1 + 1\n3\n"), path, {})
    with pytest.raises(WrongExampleError, match="prints"):
        documents.run_commands(Block("console", "$ python -c 'print(1)'\n2\n"), path)
    with pytest.raises(WrongExampleError, match="exits with 3"):
        documents.run_commands(Block("console", "$ python -c 'exit(3)'\n"), path)
    with pytest.raises(WrongExampleError, match="cannot be run"):
        documents.run_commands(Block("console", "$ rm x\n"), path)


def test_a_document_runs_as_one_story(tmp_path: Path) -> None:
    path = tmp_path / "story.md"
    path.write_text("```python\na = 20\n```\n```pycon\n>>> b = a + 1\n```\n```python\nb / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as caught:
        documents.run_document(path)
    assert caught.traceback[-1].lineno == 7
