"""Machine code from an object file into memory, without LLVM: it takes 40 ms only to be loaded.

What the generator makes refers to itself alone, by distances: functions to constants and to each
other. So an object file for 64-bit x86 under Linux (ELF) is laid out in one piece, the distances
are filled in, and that is all. Whatever else a file may ask for is left to LLVM's own loader.

Reference: "System V Application Binary Interface, AMD64 Architecture Processor Supplement", 4.4.
"""

import ctypes
import mmap
import platform
import struct
import sys
from typing import NamedTuple

_HEADER = struct.Struct("<4sBB10xHH20xQ10xHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQq")
_MAGIC, _CLASS_64, _LITTLE, _RELOCATABLE, _X86_64 = b"\x7fELF", 2, 1, 1, 62
_CONTENTS, _SYMBOLS, _RELOCATIONS = 1, 2, 4
_WRITTEN, _LOADED = 1, 2
_DISTANCES = (2, 4)
"""The two relocations that are a distance of 32 bits: R_X86_64_PC32 and, for calls, _PLT32."""
_GLOBAL = 1
_ASIDE = (".eh_frame", ".rela.eh_frame")
"""What unwinding needs; nothing unwinds through these functions."""


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry: int


class Image(NamedTuple):
    """Code that may lie anywhere in memory, and where in it each function begins."""

    content: bytes
    functions: dict[str, int]


def linked(code: bytes) -> Image | None:
    """An object file laid out in one piece; None where it needs more than distances inside.

    >>> linked(b"no object file") is None
    True
    """
    try:
        magic, width, order, kind, machine, start, size, count, names = _HEADER.unpack_from(code)
    except struct.error:
        return None
    if (magic, width, order, kind, machine) != (
        *(_MAGIC, _CLASS_64, _LITTLE),
        *(_RELOCATABLE, _X86_64),
    ):
        return None
    sections = [_Section(*_SECTION.unpack_from(code, start + size * i)) for i in range(count)]
    titles = [_text(code, sections[names].offset + section.name) for section in sections]
    content, places = bytearray(), {}
    for number, section in enumerate(sections):
        if not section.flags & _LOADED or not section.size or titles[number] in _ASIDE:
            continue
        if section.kind != _CONTENTS or section.flags & _WRITTEN:
            return None
        content += bytes(-len(content) % section.alignment)
        places[number] = len(content)
        content += code[section.offset : section.offset + section.size]
    return _filled_in(code, sections, content, places)


def _text(code: bytes, start: int) -> str:
    return code[start : code.index(b"\0", start)].decode()


def _filled_in(
    code: bytes, sections: list[_Section], content: bytearray, places: dict[int, int]
) -> Image | None:
    """The image with its distances; None where a symbol is not in it, or no distance."""
    table = next((section for section in sections if section.kind == _SYMBOLS), None)
    if table is None:
        return None
    symbols = list(_SYMBOL.iter_unpack(code[table.offset : table.offset + table.size]))
    for section in sections:
        if section.kind != _RELOCATIONS or section.info not in places:
            continue
        origin = places[section.info]
        entries = code[section.offset : section.offset + section.size]
        for where, what, addend in _RELOCATION.iter_unpack(entries):
            _, _, _, home, value, _ = symbols[what >> 32]
            if home not in places or what & 0xFFFFFFFF not in _DISTANCES:
                return None
            place = origin + where
            struct.pack_into("<i", content, place, places[home] + value + addend - place)
    texts = sections[table.link].offset
    functions = {
        _text(code, texts + name): places[home] + value
        for name, info, _, home, value, _ in symbols
        if info >> 4 == _GLOBAL and home in places
    }
    return Image(bytes(content), functions)


class Linked:
    """Machine code in memory that can be run, and cannot be written any more."""

    def __init__(self, image: Image):
        self._functions = image.functions
        private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self._memory = mmap.mmap(-1, max(1, len(image.content)), flags=private)
        self._memory[: len(image.content)] = image.content
        self._start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        length = ctypes.c_size_t(-(-len(self._memory) // mmap.PAGESIZE) * mmap.PAGESIZE)
        if protect(ctypes.c_void_p(self._start), length, mmap.PROT_READ | mmap.PROT_EXEC):
            raise OSError(ctypes.get_errno(), "this system lets no program make code")

    def address(self, name: str) -> int:
        return self._start + self._functions[name]


def load(code: bytes) -> Linked | None:
    """An object file as code to run here; None where that is LLVM's business.

    >>> load(b"no object file") is None
    True
    """
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return None
    image = linked(code)
    try:
        return None if image is None else Linked(image)
    except OSError:
        return None
