"""Code for other processors: run where this one can, and at least made where it cannot."""

import struct
from typing import Any
from unittest import mock

import numpy as np
import pytest
from llvmlite import binding as llvm

import chainrule as cr
from chainrule import optim
from chainrule.compiler import machine_code
from chainrule.compiler.program import Program
from chainrule.compiler.target import host, named, names
from tests.compiler.machine import judge
from tests.compiler.steps import perceptron
from tests.compiler.test_convolutions import CONVOLUTIONS
from tests.compiler.test_ops import calls, some
from tests.compiler.test_products import ALL, judge_all, products
from tests.ops.cases import NAMES
from tests.programs import random_program

AVX2 = {"avx2", "fma", "bmi2", "f16c", "lzcnt", "movbe"}
AVX512 = AVX2 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
ZEN4 = AVX512 | {"avx512bf16", "avx512vbmi2", "avx512vnni", "gfni", "vaes", "vpclmulqdq"}
NEEDED = {
    "x86-64": set(),
    "haswell": AVX2,
    "skylake-avx512": AVX512,
    "znver4": ZEN4,
    "znver5": ZEN4 | {"avxvnni", "avx512vp2intersect"},
    "cortex-a72": set(),
    "neoverse-n1": {"lse", "fullfp16"},
    "apple-m1": {"lse", "fullfp16"},
}
"""What a processor must have so that code for another of its kind runs on it."""
REGISTER = {
    "x86-64": "%xmm",
    "haswell": "%ymm",
    "skylake-avx512": "%zmm",
    "znver4": "%zmm",
    "znver5": "%zmm",
    "cortex-a72": "fmla\tv",
    "neoverse-n1": "fmla\tv",
    "apple-m1": "fmla.4s",
}
"""What stands in the assembly of a matrix product for the widest vectors of each."""

FUSED = {"x86_64": "vfmadd", "aarch64": "fmla", "arm64": "fmla"}
"""How a multiplication with an addition is called."""


def runs_here(name: str) -> bool:
    here = {feature for feature, present in llvm.get_host_cpu_features().items() if present}
    kind, system = (triple.split("-")[::2] for triple in (named(name).triple, host().triple))
    return kind[0] == system[0] and NEEDED[name] <= here


def test_every_processor_is_known_here():
    assert set(names()) == set(NEEDED) == set(REGISTER)


RUNNABLE = [name for name in names() if runs_here(name)]
HERE = pytest.mark.parametrize("name", RUNNABLE)


@pytest.mark.parametrize(
    "name", [*RUNNABLE[:1], *(pytest.param(name, marks=pytest.mark.slow) for name in RUNNABLE[1:])]
)
def test_products(name):
    random = np.random.default_rng(2)
    judge_all(products([ALL[i] for i in random.integers(len(ALL), size=4)], 4), target=named(name))


@pytest.mark.slow
@HERE
def test_a_random_program(name):
    program, arrays = random_program(2, 17)
    judge(cr.value_and_grad(program), *arrays, told=str(program), target=named(name))


@pytest.mark.slow
@HERE
def test_a_training_step(name):
    step = perceptron((97, 33, 31, 7), optim.AdamW(lr=1e-3), "tanh", batch=61)
    judge(step.function, *step.args, target=named(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ("x86-64", "haswell") if runs_here(name)])
def test_ops(name):
    for op in NAMES:
        function, values = some(calls(op))[-1]
        judge(function, *values, told=op, target=named(name))


def kind_of(code: bytes) -> str:
    """The processor that an object file says it is for."""
    if code[:4] == b"\x7fELF":
        return {62: "x86_64", 183: "aarch64"}[struct.unpack_from("<H", code, 18)[0]]
    magic, processor = struct.unpack_from("<II", code)
    assert magic == 0xFEEDFACF
    return {0x0100000C: "arm64"}[processor]


@pytest.mark.parametrize("name", names())
def test_an_object_file_is_made(name):
    target = named(name)
    shapes = (40, 50), (30, 50), (30,)
    graph = cr.trace(layer)(*(np.zeros(shape, np.float32) for shape in shapes))
    with mock.patch.object(machine_code.MachineCode, "function", return_value=None):
        code = Program(graph, target=target).code
    assert kind_of(code.object) == target.triple.split("-")[0]
    assert REGISTER[name] in code.asm


def layer(x: Any, weight: Any, bias: Any) -> Any:
    return cr.softmax(cr.tanh(cr.linear(x, weight, bias)))


@pytest.mark.slow
@HERE
def test_convolutions(name):
    for kind in ("padded", "in groups", "stride and dilation", "three axes"):
        case = CONVOLUTIONS[kind]
        judge(case, *case.arrays(19, "float32"), told=kind, target=named(name))


@pytest.mark.parametrize("name", ["haswell", "skylake-avx512", "cortex-a72", "apple-m1"])
def test_an_object_file_of_a_convolution_is_made(name):
    """Its sums are in the widest vectors, and its tiles are those that the registers hold."""
    target, case = named(name), CONVOLUTIONS["padded"]
    graph = cr.trace(case)(*case.arrays(32, "float32"))
    with mock.patch.object(machine_code.MachineCode, "function", return_value=None):
        code = Program(graph, target=target).code
    assert kind_of(code.object) == target.triple.split("-")[0]
    assert REGISTER[name] in code.asm
    assert FUSED[target.triple.split("-")[0]] in code.asm
