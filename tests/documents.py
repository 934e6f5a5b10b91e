"""Run the code in a Markdown file: `python -m tests.documents README.md`, in the folder to use.

Blocks marked `python` run in order in one namespace, `pycon` blocks are doctests in the same
namespace, and in `console` blocks each command is run, and its output compared with what is shown
below it, if anything is. Above a block, `<!-- test: skip because ... -->` leaves it out, and
`<!-- test: needs torch -->` leaves it out where that package is missing and CI=true is not set.
"""

import doctest
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
BLOCK = re.compile(
    r"(?:^<!-- test: (?:skip because (?P<reason>[^>]+)|needs (?P<package>\w+)) -->\n+)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class WrongExampleError(Exception):
    """What a document shows is not what happens."""


@dataclass(frozen=True)
class Block:
    """A fenced piece of code; `line` is that of its first line in the file."""

    language: str
    text: str
    line: int = 1
    skipped: bool = False
    needs: str = ""

    @property
    def runs_here(self) -> bool:
        if self.skipped:
            return False
        there = not self.needs or importlib.util.find_spec(self.needs) is not None
        return there or os.environ.get("CI") == "true"


def blocks_of(document: str) -> list[Block]:
    return [
        Block(
            match["language"],
            match["text"],
            document.count("\n", 0, match.start("text")) + 1,
            match["reason"] is not None,
            match["package"] or "",
        )
        for match in BLOCK.finditer(document)
    ]


def headings_of(document: str) -> list[str]:
    """The level of each heading, such as `##`."""
    return re.findall(r"^(#+) ", BLOCK.sub("", document), re.MULTILINE)


def run_python(block: Block, path: Path, names: dict) -> None:
    exec(compile("\n" * (block.line - 1) + block.text, str(path), "exec"), names)


def run_session(block: Block, path: Path, names: dict) -> None:
    parser = doctest.DocTestParser()
    test = parser.get_doctest(block.text, names, path.name, str(path), block.line - 1)
    lines: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(test, out=lines.append, clear_globs=False)
    names.update(test.globs)
    if runner.failures:
        raise WrongExampleError("".join(lines))


def run_commands(block: Block, path: Path) -> None:
    suffix = ".exe" if os.name == "nt" else ""
    chainrule = Path(sys.executable).with_name("chainrule" + suffix)
    programs = {"python": sys.executable, "chainrule": str(chainrule)}
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        where = f"{path.name}:{block.line}: $ {command}"
        name, *arguments = shlex.split(command)
        if name not in programs:
            raise WrongExampleError(f"{where}\nmark the block `sh`: {name} cannot be run in a test")
        done = subprocess.run(
            [programs[name], *arguments], capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode:
            raise WrongExampleError(f"{where}\nexits with {done.returncode}:\n{done.stderr}")
        if expected and not doctest.OutputChecker().check_output(expected, done.stdout, FLAGS):
            raise WrongExampleError(f"{where}\nprints\n{done.stdout}not\n{expected}")


def run_document(path: Path) -> None:
    names: dict = {"__name__": "__main__"}
    for block in blocks_of(path.read_text(encoding="utf-8")):
        if not block.runs_here:
            continue
        if block.language == "python":
            run_python(block, path, names)
        elif block.language == "pycon":
            run_session(block, path, names)
        elif block.language == "console":
            run_commands(block, path)


if __name__ == "__main__":
    run_document(Path(sys.argv[1]))
