"""The rules of the house that a machine can check, read off the syntax of every file in src/.

`FLOORS` is the one table of what stands on what. A rule is a function from a `File` to the
problems in it. `test_layers.py` runs them on the package, and on files that break them.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Iterator

from tests.house_files import ROOT, SOURCE, File, Function, Problem, last_line

FLOORS = (
    ("errors", "aval", "tree", "rng", "writing", "settings"),
    ("ops", "notebook"),
    ("operators", "tensor", "random"),
    ("grad",),
    ("graph",),
    ("compiler",),
    ("nn", "optim", "data"),
    ("models", "train", "io", "distributed"),
    ("explain", "doctor", "vis", "adapters", "tune"),
    ("cli", "web"),
    ("__main__",),
)
"""A file imports only from lower floors. Folders on one floor do not import each other; single
files on one floor may. `chainrule/__init__.py` is the roof: it imports what it shows."""

FLOOR = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}
USES_THE_ROOF = ("cli", "web", "__main__")
LLVM = ("compiler", "llvmlite")
CORE_PACKAGES = ("chainrule", "numpy")
FILE_LINES, FUNCTION_LINES = 400, 50
STATE_ALLOWED = {
    "ops.table": {
        "OPS": "the op table, filled when the package is imported",
        "new_level": "numbers that only have to differ",
    }
}

Rule = Callable[[File], Iterator[Problem]]


def imports_point_down(file: File) -> Iterator[Problem]:
    if file.name == "__init__":
        return
    if file.part not in FLOOR:
        yield Problem(
            1, f"{file.part!r} stands on no floor: give it one in FLOORS and in the design"
        )
        return
    for line, name in file.imports:
        package, _, rest = name.partition(".")
        if package != "chainrule":
            continue
        part = rest.partition(".")[0]
        if part == file.part:
            continue
        if part not in FLOOR:
            if file.part not in USES_THE_ROOF:
                yield Problem(
                    line, f"imports {name} from the roof: name the file that it stands in"
                )
            continue
        same_floor_files = FLOOR[part] == FLOOR[file.part] and _is_file(part, file)
        if FLOOR[part] >= FLOOR[file.part] and not same_floor_files:
            yield Problem(
                line,
                f"{file.part} (floor {FLOOR[file.part]}) imports {part} (floor {FLOOR[part]}): "
                "only lower floors may be imported. Move what both need down a floor, or pass it "
                "in as an argument",
            )


def _is_file(part: str, importer: File) -> bool:
    return not (SOURCE / part).is_dir() and "." not in importer.name


def imports_are_absolute(file: File) -> Iterator[Problem]:
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield Problem(node.lineno, "a relative import: write the whole name, from chainrule...")


def imports_stand_on_top(file: File) -> Iterator[Problem]:
    for function in file.functions:
        lazy_front = file.name.endswith("__init__") and function.name == "__getattr__"
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield Problem(
                    node.lineno,
                    f"{function.name} imports inside: move it to the top of the file, or for an "
                    "optional package use chainrule.errors.import_extra",
                )
            elif isinstance(node, ast.Call):
                dynamic = _called(node) in ("import_module", "__import__")
                if not dynamic or file.name == "errors" or lazy_front:
                    continue
                yield Problem(
                    node.lineno,
                    f"{function.name} imports by name: only a package's own __getattr__ does that, "
                    "and chainrule.errors.import_extra for optional packages",
                )


def only_numpy_is_required(file: File) -> Iterator[Problem]:
    home, llvm = LLVM
    for line, name in file.imports:
        package = name.partition(".")[0]
        if package == llvm and file.part == home and not file.name.endswith("__init__"):
            continue
        if package not in CORE_PACKAGES and package not in sys.stdlib_module_names:
            yield Problem(
                line,
                f"imports {package}: the core needs NumPy alone. For an optional package write "
                f"import_extra({package!r}, extra=..., purpose=...)",
            )


def extras_are_declared(file: File) -> Iterator[Problem]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.Call) or _called(node) != "import_extra":
            continue
        for keyword in node.keywords:
            if keyword.arg == "extra" and isinstance(keyword.value, ast.Constant):
                extra = keyword.value.value
                if extra not in project["optional-dependencies"]:
                    yield Problem(node.lineno, f"extra {extra!r} is not declared in pyproject.toml")


def llvm_stays_in_the_compiler(file: File) -> Iterator[Problem]:
    home, package = LLVM
    if file.part == home:
        return
    named = [
        (node.lineno, node.value)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    for line, name in file.imports + named:
        if re.fullmatch(rf"{package}(\.\w+)*", name):
            yield Problem(line, f"{package} is named in {file.part}: only {home}/ knows it")


def environment_is_read_in_cli(file: File) -> Iterator[Problem]:
    if file.part == "cli":
        return
    names = {"environ", "environb", "getenv", "getenvb", "putenv"}
    used = [
        (node.lineno, node.attr)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os"
    ]
    for line, name in used + [(n, name.removeprefix("os.")) for n, name in file.imports]:
        if name in names:
            yield Problem(
                line, f"os.{name}: environment variables are read in cli/; take an argument"
            )


def nothing_is_asserted(file: File) -> Iterator[Problem]:
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Assert):
            yield Problem(node.lineno, "assert vanishes under python -O: raise an error that tells")


def randomness_comes_from_keys(file: File) -> Iterator[Problem]:
    if file.name == "rng":
        return
    for line, name in file.imports:
        if name.partition(".")[0] in ("random", "secrets") or name.startswith("numpy.random"):
            yield Problem(line, f"imports {name}: draw from a key, see chainrule.rng")
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("np.random", "numpy.random"):
            yield Problem(node.lineno, "np.random: draw from a key, see chainrule.rng")


def files_and_functions_are_short(file: File) -> Iterator[Problem]:
    lines = file.text.count("\n")
    if lines >= FILE_LINES:
        yield Problem(
            1, f"{lines} lines, under {FILE_LINES} expected: a file holds one idea; split it"
        )
    for function in file.functions:
        length = last_line(function) - function.lineno + 1 - _docstring_lines(function)
        if length >= FUNCTION_LINES:
            yield Problem(
                function.lineno,
                f"{function.name} has {length} lines without its docstring, under "
                f"{FUNCTION_LINES} expected: name its steps and call them",
            )


def _docstring_lines(function: Function) -> int:
    if ast.get_docstring(function) is None:
        return 0
    return last_line(function.body[0]) - function.body[0].lineno + 1


_PASS_IT = "keep state in an object and pass it in"
_CONTAINERS = ("list", "dict", "set", "bytearray", "defaultdict", "OrderedDict", "Counter", "deque")
_ITERATORS = ("count", "cycle", "iter", "open", "local", "Lock", "RLock", "ContextVar")
_CHANGES = ("append", "add", "clear", "discard", "extend", "insert", "pop", "popitem", "remove")
_CHANGES += ("setdefault", "sort", "update")


def modules_keep_no_state(file: File) -> Iterator[Problem]:
    """No counters or locks, no containers to be filled later, none that a function changes."""
    allowed = STATE_ALLOWED.get(file.name, {})
    containers = set()
    for node in file.tree.body:
        for name, value in _bound(node):
            if name in allowed:
                continue
            if _is_iterator(value):
                yield Problem(node.lineno, f"{name} remembers at module level: {_PASS_IT}")
            elif _is_empty(value):
                yield Problem(
                    node.lineno, f"{name} is an empty container, to be filled: {_PASS_IT}"
                )
            elif _is_container(value):
                containers.add(name)
    for function in file.functions:
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                yield Problem(node.lineno, f"global {', '.join(node.names)}: {_PASS_IT}")
            name = _changed_name(node)
            if name in containers and name not in _own_names(function):
                yield Problem(
                    function.lineno, f"{function.name} changes {name} of the module: {_PASS_IT}"
                )


def _bound(node: ast.stmt) -> list[tuple[str, ast.expr]]:
    """The names that a statement binds, each with its value."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return []
    value = node.value
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [(target.id, value) for target in targets if isinstance(target, ast.Name)]


def _called(value: ast.expr) -> str:
    return ast.unparse(value.func).split(".")[-1] if isinstance(value, ast.Call) else ""


def _is_iterator(value: ast.expr) -> bool:
    inner = value.value if isinstance(value, ast.Attribute) else value
    return isinstance(inner, ast.GeneratorExp) or _called(inner) in _ITERATORS


def _is_empty(value: ast.expr) -> bool:
    if isinstance(value, ast.List | ast.Set):
        return not value.elts
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.Call):
        return _called(value) in _CONTAINERS and not (value.args or value.keywords)
    return False


def _is_container(value: ast.expr) -> bool:
    displays = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
    return isinstance(value, displays) or _called(value) in _CONTAINERS


def _changed_name(node: ast.AST) -> str:
    """The name of the container that a node changes in place, or nothing."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return ast.unparse(node.value).partition("[")[0]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return ast.unparse(node.func.value) if node.func.attr in _CHANGES else ""
    return ""


def _own_names(function: Function) -> set[str]:
    stored = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return stored | {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}


RULES: tuple[Rule, ...] = (
    imports_point_down,
    imports_are_absolute,
    imports_stand_on_top,
    only_numpy_is_required,
    extras_are_declared,
    llvm_stays_in_the_compiler,
    environment_is_read_in_cli,
    nothing_is_asserted,
    randomness_comes_from_keys,
    files_and_functions_are_short,
    modules_keep_no_state,
)
