"""Object files laid out by hand: code that runs, and files that are left to LLVM."""

import ctypes
import struct
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler import linking
from chainrule.compiler.program import Program
from chainrule.compiler.target import named, names
from tests.compiler.steps import STEPS

LINUX = sys.platform.startswith("linux")
FLAGS, KIND = 8, 4
"""Where in a section's header these numbers stand."""


def layer(x, weight):
    return cr.softmax(cr.tanh(x @ weight), axis=-1)


def object_of(name: str) -> bytes:
    graph = cr.trace(layer)(np.zeros((40, 30), np.float32), np.zeros((30, 20), np.float32))
    return Program(graph, target=named(name)).code.object


@pytest.fixture(scope="module")
def code() -> bytes:
    return object_of("haswell")


def section(code: bytes, title: bytes) -> int:
    """Where the header of a section begins."""
    start, size, count, names = (
        struct.unpack_from(form, code, at)[0]
        for form, at in (("<Q", 40), ("<H", 58), ("<H", 60), ("<H", 62))
    )
    text = struct.unpack_from("<Q", code, start + names * size + 24)[0]
    for number in range(count):
        at = start + number * size
        name = text + struct.unpack_from("<I", code, at)[0]
        if code[name : code.index(b"\0", name)] == title:
            return at
    raise LookupError(title)


@pytest.mark.skipif(not LINUX, reason="other systems have other object files")
@pytest.mark.parametrize("step", ["W1", pytest.param("deep", marks=pytest.mark.slow)])
def test_it_is_the_code_that_llvm_loads(step):
    """Byte for byte, but for the distances; and the functions lie where they lay."""
    program = STEPS[step]().program()
    image = linking.linked(program.code.object)
    assert image is not None
    assert {"alone0", "together0", "kernel0"} <= image.functions.keys()
    at = section(program.code.object, b".text")
    offset, size = struct.unpack_from("<QQ", program.code.object, at + 24)
    text = program.code.object[offset : offset + size]
    start = image.content.find(text[:16])
    changed = [i for i in range(size) if image.content[start + i] != text[i]]
    relocations = section(program.code.object, b".rela.text")
    offset, size = struct.unpack_from("<QQ", program.code.object, relocations + 24)
    filled = {
        struct.unpack_from("<Q", program.code.object, offset + entry)[0] + byte
        for entry in range(0, size, 24)
        for byte in range(4)
    }
    assert set(changed) <= filled


@pytest.mark.parametrize(
    "name", [name for name in names() if not named(name).triple.startswith("x")]
)
def test_other_processors_are_left_to_llvm(name):
    assert linking.linked(b"\x7fELF" + bytes(100)) is None
    assert linking.linked(object_of_other(name)) is None


def object_of_other(name: str) -> bytes:
    """An object file that is made and not loaded."""
    graph = cr.trace(layer)(np.zeros((4, 3), np.float32), np.zeros((3, 2), np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chainrule.compiler.machine_code.MachineCode.function", lambda *_: None)
        return Program(graph, target=named(name)).code.object


@pytest.mark.skipif(not LINUX, reason="other systems have other object files")
@pytest.mark.parametrize(
    ("title", "field", "number"),
    [(b".text", FLAGS, 0x7), (b".text", KIND, 8), (b".symtab", KIND, 1)],
    ids=["memory to write to", "memory without contents", "no symbols"],
)
def test_files_that_need_more_are_left_to_llvm(code, title, field, number):
    assert linking.linked(code) is not None
    damaged = bytearray(code)
    form = "<Q" if field == FLAGS else "<I"
    struct.pack_into(form, damaged, section(code, title) + field, number)
    assert linking.linked(bytes(damaged)) is None


@pytest.mark.skipif(not LINUX, reason="other systems have other object files")
@pytest.mark.parametrize("what", ["kind", "symbol"])
def test_so_are_relocations_that_are_no_distance_inside(code, what):
    at = section(code, b".rela.text")
    offset = struct.unpack_from("<Q", code, at + 24)[0]
    damaged = bytearray(code)
    # A 64-bit address in the first case; in the second the symbol that is nowhere.
    kind, symbol = (1, None) if what == "kind" else (2, 0)
    info = struct.unpack_from("<Q", code, offset + 8)[0]
    symbol = info >> 32 if symbol is None else symbol
    struct.pack_into("<Q", damaged, offset + 8, symbol << 32 | kind)
    assert linking.linked(bytes(damaged)) is None


@pytest.mark.skipif(not LINUX, reason="other systems protect memory in other ways")
def test_code_cannot_be_written_to(code):
    loaded = linking.load(code)
    assert loaded is not None
    start = loaded.address("alone0")
    with open("/proc/self/maps") as maps:
        for line in maps:
            first, last = (int(end, 16) for end in line.split()[0].split("-"))
            if first <= start < last:
                assert line.split()[1] == "r-xp"
                return
    raise AssertionError("the code is nowhere")


@pytest.mark.skipif(not LINUX, reason="LLVM loads all code on other systems")
def test_llvm_loads_what_is_left_to_it(monkeypatch):
    x, weight = np.random.default_rng(0).random((2, 20, 20))
    expected = cr.compile(layer)(x, weight)
    monkeypatch.setattr(linking, "load", lambda code: None)
    assert np.array_equal(cr.compile(layer)(x, weight), expected)


def test_a_function_is_called_where_it_lies():
    """mov (%rdi), %rax; add $5, %rax; mov %rax, (%rdi); ret."""
    if not LINUX or linking.load(object_of("x86-64")) is None:
        pytest.skip("another processor")
    image = linking.Image(bytes.fromhex("90488b074883c005488907c3"), {"add": 1})
    number = ctypes.c_int64(37)
    loaded = linking.Linked(image)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(loaded.address("add"))(ctypes.byref(number))
    assert number.value == 42
