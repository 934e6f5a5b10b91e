"""What the code generator must know of a processor, asked in one place."""

from dataclasses import dataclass
from functools import cache

from llvmlite import binding as llvm

from chainrule.errors import unknown


@dataclass(frozen=True)
class Target:
    """A processor: what LLVM calls it, and how wide and how many its vector registers are.

    `vector_bytes` is the width of a vector register, `registers` their number; `fused` says whether
    it multiplies and adds in one instruction, `masked` whether it loads and stores under a mask.
    """

    triple: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int
    fused: bool
    masked: bool

    def lanes(self, itemsize: int) -> int:
        """How many numbers of that size a vector register holds.

        >>> named("skylake-avx512").lanes(4)
        16
        """
        return max(1, self.vector_bytes // itemsize)


_X86, _ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"
_SHAPES = {
    "avx512": (64, 32, True, True),
    "avx2": (32, 16, True, True),
    "sse2": (16, 16, False, False),
    "neon": (16, 32, True, False),
}
"""Bytes and number of the vector registers, whether it multiplies and adds at once, and masks."""
_NAMED = {
    "x86-64": (_X86, "sse2"),
    "haswell": (_X86, "avx2"),
    "skylake-avx512": (_X86, "avx512"),
    "znver4": (_X86, "avx512"),
    "znver5": (_X86, "avx512"),
    "cortex-a72": (_ARM, "neon"),
    "neoverse-n1": (_ARM, "neon"),
    "apple-m1": ("arm64-apple-macosx", "neon"),
}


def names() -> tuple[str, ...]:
    """The processors that `named` knows."""
    return tuple(_NAMED)


def named(cpu: str) -> Target:
    """A processor by LLVM's name for it, whether or not it is this one.

    Raises:
        OptionError: an unknown name.

    >>> named("haswell").vector_bytes
    32
    """
    if cpu not in _NAMED:
        raise unknown("processor", cpu, _NAMED)
    triple, kind = _NAMED[cpu]
    # LLVM would rather use half of a 512-bit register on Intel's processors.
    features = "-prefer-256-bit" if kind == "avx512" else ""
    return Target(triple, cpu, features, *_SHAPES[kind])


@cache
def host() -> Target:
    """The processor that this program runs on."""
    triple, cpu = llvm.get_process_triple(), llvm.get_host_cpu_name()
    found = llvm.get_host_cpu_features()
    kind = "sse2"
    if triple.startswith(("aarch64", "arm64")):
        kind = "neon"
    elif found.get("avx512f") and found.get("avx512vl") and found.get("avx512bw"):
        kind = "avx512"
    elif found.get("avx2") and found.get("fma"):
        kind = "avx2"
    features = found.flatten()
    if kind == "avx512":
        features += ",-prefer-256-bit"
    return Target(triple, cpu, features, *_SHAPES[kind])
