"""The files of the package as the rules of the house see them: names, imports, functions."""

import ast
import graphlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "chainrule"

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Problem(NamedTuple):
    """A line that breaks a rule, and what to do about it."""

    line: int
    text: str


@dataclass(frozen=True)
class File:
    """One source file; `name` is its dotted name inside the package, such as `ops.table`."""

    name: str
    text: str

    @property
    def part(self) -> str:
        """The folder or single file below `chainrule/` that this file belongs to."""
        return self.name.partition(".")[0]

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def imports(self) -> list[tuple[int, str]]:
        """Line and full dotted name of everything that is imported, `chainrule.ops.exp`."""
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
        return found

    @property
    def typing_lines(self) -> set[int]:
        """The lines below `if TYPE_CHECKING:`, which no interpreter runs."""
        blocks = [
            node
            for node in self.tree.body
            if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        ]
        return {line for node in blocks for line in range(node.lineno, last_line(node) + 1)}

    @property
    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


def last_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def read_source() -> dict[str, File]:
    files = {}
    for path in sorted(SOURCE.rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        files[name] = File(name, path.read_text(encoding="utf-8"))
    return files


def find_cycle(imports: dict[str, set[str]]) -> list[str]:
    """One circle of files that import each other, or nothing."""
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def imported_files(files: dict[str, File]) -> dict[str, set[str]]:
    """Which files each file imports when it runs, `chainrule/__init__.py` left out."""

    def owner(name: str) -> str | None:
        inside = name.removeprefix("chainrule.")
        for candidate in (inside, f"{inside}.__init__", inside.rpartition(".")[0]):
            if candidate in files:
                return candidate
        front = f"{inside.rpartition('.')[0]}.__init__"
        return front if front in files else None

    graph = {}
    for name, file in files.items():
        typing_lines = file.typing_lines
        found = {
            owner(full)
            for line, full in file.imports
            if full.startswith("chainrule.") and line not in typing_lines
        }
        graph[name] = {other for other in found if other and other != name}
    graph.pop("__init__", None)
    return {name: others - {"__init__"} for name, others in graph.items()}
