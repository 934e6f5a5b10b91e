"""The documents tell the truth: every example in them runs.

In the Markdown files, blocks marked `python` run in order in one namespace, `pycon` blocks are
doctests in the same namespace, and in `console` blocks each command is run, and compared with the
output shown, if any. `<!-- test: skip because ... -->` above a block leaves it out. All of it
happens in an empty folder that holds `digit.png`, a 7 of MNIST's test set, black on white.
"""

import doctest
import importlib
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

ROOT = Path(__file__).resolve().parent.parent
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
DOCUMENTS = [ENGLISH, CHINESE, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(cr.__path__, "chainrule.")
    if not module.name.endswith("__main__")
)
PUBLIC = ("data", "models", "nn", "optim", "random", "train")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

BLOCK = re.compile(
    r"(?:^<!-- test: skip because (?P<reason>[^>]+) -->\n+)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
COMMENT = re.compile(r"<!-- test:.*")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@dataclass(frozen=True)
class Block:
    """A fenced piece of code; `line` is that of its first line in the file."""

    language: str
    text: str
    line: int
    skipped: bool


def blocks_of(document: str) -> list[Block]:
    return [
        Block(
            match["language"],
            match["text"],
            document.count("\n", 0, match.start("text")) + 1,
            match["reason"] is not None,
        )
        for match in BLOCK.finditer(document)
    ]


def heading_levels(document: str) -> list[str]:
    return re.findall(r"^(#+) ", BLOCK.sub("", document), re.MULTILINE)


def code_of(document: str) -> list[tuple[str, str]]:
    return [(block.language, block.text) for block in blocks_of(document)]


def run_python(block: Block, path: Path, names: dict) -> None:
    code = compile("\n" * (block.line - 1) + block.text, str(path), "exec")
    exec(code, names)


def run_session(block: Block, path: Path, names: dict) -> None:
    test = doctest.DocTestParser().get_doctest(
        block.text, names, path.name, str(path), block.line - 1
    )
    lines: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(test, out=lines.append, clear_globs=False)
    names.update(test.globs)
    assert runner.failures == 0, "".join(lines)


def run_commands(block: Block, path: Path, folder: Path) -> None:
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        words = shlex.split(command)
        programs = {"python": sys.executable, "chainrule": _beside_python("chainrule")}
        assert words[0] in programs, f"{path.name}:{block.line}: cannot run {command!r} in a test"
        done = subprocess.run(
            [programs[words[0]], *words[1:]],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{path.name}:{block.line}: $ {command}\n{done.stderr}"
        told = not expected or doctest.OutputChecker().check_output(expected, done.stdout, FLAGS)
        assert told, f"{path.name}:{block.line}: $ {command}\nprints\n{done.stdout}not\n{expected}"


def _beside_python(program: str) -> str:
    suffix = ".exe" if os.name == "nt" else ""
    return str(Path(sys.executable).with_name(program + suffix))


def op_names() -> dict:
    """The names in the op modules: methods made from ops carry the docstrings of these."""
    names: dict = {}
    for module in MODULES:
        if module.startswith("chainrule.ops."):
            names |= vars(importlib.import_module(module))
    return names


def write_digit(path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    _, test = cr.data.mnist()
    ink = np.asarray(test.x[0]).reshape(28, 28)
    image.fromarray(np.pad(255 - ink, 8, constant_values=255)).resize((176, 176)).save(path)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_code_in_documents_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_digit(tmp_path / "digit.png")
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "__main__"}
    for block in blocks_of(path.read_text(encoding="utf-8")):
        if block.skipped:
            continue
        if block.language == "python":
            run_python(block, path, names)
        elif block.language == "pycon":
            run_session(block, path, names)
        elif block.language == "console":
            run_commands(block, path, tmp_path)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    names = op_names() | vars(module)
    lines: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, globs=names):
        runner.run(test, out=lines.append)
    assert runner.failures == 0, "".join(lines)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_programs_run(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout, "prints nothing"


@pytest.mark.parametrize("name", ["chainrule", *(f"chainrule.{part}" for part in PUBLIC)])
def test_public_names_say_what_they_are(name: str) -> None:
    front = importlib.import_module(name)
    things = {public: getattr(front, public) for public in front.__all__}
    silent = [public for public, thing in things.items() if callable(thing) and not thing.__doc__]
    assert not silent


def test_the_chinese_readme_is_in_step() -> None:
    english, chinese = (path.read_text(encoding="utf-8") for path in (ENGLISH, CHINESE))
    assert heading_levels(english) == heading_levels(chinese)
    assert code_of(english) == code_of(chinese)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    text = BLOCK.sub("", path.read_text(encoding="utf-8"))
    broken = [link for link in LINK.findall(text) if not (path.parent / link).exists()]
    assert not broken


def test_blocks_are_found_with_their_lines() -> None:
    text = "# T\n\n```python\na = 1\n```\n\n<!-- test: skip because slow -->\n```sh\nls\n```\n"
    first, second = blocks_of(text)
    assert first == Block("python", "a = 1\n", 4, skipped=False)
    assert second == Block("sh", "ls\n", 9, skipped=True)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_skip_is_understood(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    skipped = [block for block in blocks_of(text) if block.skipped]
    assert len(skipped) == len(COMMENT.findall(text))


def test_wrong_examples_are_caught(tmp_path: Path) -> None:
    path = tmp_path / "wrong.md"
    with pytest.raises(ZeroDivisionError):
        run_python(Block("python", "1 / 0\n", 7, skipped=False), path, {})
    with pytest.raises(AssertionError, match="Expected"):
        run_session(Block("pycon", ">>> 1 + 1\n3\n", 1, skipped=False), path, {})
    lie = Block("console", "$ python -c 'print(1)'\n2\n", 1, skipped=False)
    with pytest.raises(AssertionError, match="prints"):
        run_commands(lie, path, tmp_path)
    with pytest.raises(AssertionError, match="cannot run"):
        run_commands(Block("console", "$ rm x\n", 1, skipped=False), path, tmp_path)
