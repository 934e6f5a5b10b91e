"""Programs from the cache: nothing is planned, LLVM stays away, and the results are the same."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import compiler
from chainrule.compiler.layout import Layout, Slot, packed, unpacked
from chainrule.compiler.program import Program
from chainrule.ops.lowering import OnFloats
from chainrule.ops.table import make_op
from tests.compiler.steps import STEPS

TRAINS = """
import sys
import numpy as np
import chainrule as cr
from chainrule import nn, optim
x = np.random.default_rng(0).random((90, 12), np.float32)
data = x, (x.sum(axis=1) > 6).astype(np.int64)
model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 2))
run = cr.fit(model, data, batch_size=30, epochs=2, show=False, compile=True, kernels=sys.argv[1])
print(repr(run.history[-1]["loss"]), repr(run.evaluate(data).loss))
print(*sorted(sys.modules))
"""


def train(folder: Path) -> tuple[str, set[str]]:
    """What a fresh process prints, and the modules that it loads."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", TRAINS, str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    losses, modules = done.stdout.splitlines()
    return losses, set(modules.split())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere LLVM loads the code")
def test_the_second_process_does_without_llvm(tmp_path):
    first, loaded = train(tmp_path)
    assert {"llvmlite.binding", "llvmlite.ir", "chainrule.compiler.planning"} <= loaded
    second, loaded = train(tmp_path)
    assert second == first
    assert not {"llvmlite.binding", "llvmlite.ir", "chainrule.compiler.planning"} & loaded


@pytest.mark.parametrize("threads", [1, 2])
def test_a_kept_step_gives_the_same_bits(tmp_path, threads):
    step, cache = STEPS["W1"](), compiler.ObjectCache(tmp_path)
    results = []
    for _ in range(2):
        program = step.program(cache=cache, shared=threads > 1)
        results.append(program.run(step.fresh(), threads))
    assert cache.kept().files == 1
    for made, kept in zip(*results, strict=True):
        assert np.array_equal(made, kept)


def test_of_a_kept_program_all_can_be_asked(tmp_path):
    cache, x = compiler.ObjectCache(tmp_path), np.ones((3, 4), np.float32)
    told = [str(cr.compile(cr.softmax, cache=cache).explain(x)) for _ in range(2)]
    assert told[0] == told[1]
    program = cr.compile(cr.softmax, cache=cache).program(x)
    assert "define" in program.code.llvm
    assert "ret" in program.code.asm
    assert program.buffers.keys() <= program.planning.slots.keys()


def test_ops_that_the_interpreter_runs_are_planned_again(tmp_path):
    cache, x = compiler.ObjectCache(tmp_path), np.arange(6.0)[::-1].copy()
    for _ in range(2):
        program = cr.compile(lambda x: cr.argsort(x * 2.0) + 1, cache=cache).program(x)
        assert not program.native
        (made,) = program.run([x])
        assert made.tolist() == [6, 5, 4, 3, 2, 1]
    assert cache.kept().files == 1


@pytest.mark.parametrize("size", [5, 20_000], ids=["few", "too many to keep"])
def test_constants_are_those_of_the_graph(tmp_path, size):
    cache, x = compiler.ObjectCache(tmp_path), np.linspace(1.0, 2.0, size)
    for constant in (np.arange(size, dtype=float), np.arange(size) ** 2.0):
        for _ in range(2):
            made = cr.compile(lambda x, c=constant: x * c, cache=cache)(x)
            assert np.array_equal(made, x * constant)
    assert cache.kept().files == 2


def test_an_op_of_the_users_own_is_not_kept(tmp_path):
    """Its name says nothing of what it does."""
    cache, x = compiler.ObjectCache(tmp_path), np.array([1.0, 2.0])
    for factor in (2.0, 3.0):
        op = make_op(
            "scaled",
            np=lambda x, factor=factor: x * factor,
            infer=lambda x: x,
            emit=OnFloats(lambda b, x, factor=factor: b.multiply(x, b.number(factor))),
            doc="x times a number.",
        )
        assert np.array_equal(cr.compile(lambda x, op=op: op(x), cache=cache)(x), x * factor)
    assert cache.kept().files == 0


@pytest.mark.parametrize("byte", [0, 40, -1])
def test_a_damaged_program_is_made_again(tmp_path, byte):
    cache, x = compiler.ObjectCache(tmp_path), np.ones(3)
    expected = cr.compile(cr.exp, cache=cache)(x)
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    whole = bytes(content)
    content[byte] ^= 1
    file.write_bytes(content)
    assert np.array_equal(cr.compile(cr.exp, cache=cache)(x), expected)
    assert file.read_bytes() == whole


def test_a_layout_comes_back_as_it_was():
    value = np.array([[1, -2], [3, 4]], ">i4")
    slots = (
        Slot("arena", (2, 3), "<f4", start=64),
        Slot("own", (), "|b1"),
        Slot("given", (7,), "<i8"),
        Slot("bundle"),
        Slot("constant", value.shape, value.dtype.str, value=value),
    )
    layout = Layout(slots, 128, (1, -1), (2,), ((2, 1),), (3,))
    found, code = unpacked(packed(layout, b"\x7fELF code"))
    assert code == b"\x7fELF code"
    assert found is not None
    assert found[1:] == layout[1:]
    assert found.slots[:4] == slots[:4]
    kept = found.slots[4].value
    assert kept is not None
    assert kept.dtype == value.dtype
    assert np.array_equal(kept, value)
    assert unpacked(packed(None, b"code")) == (None, b"code")


def test_donated_inputs_and_steps_that_move_on(tmp_path):
    """Two steps of w = w + x, where x moves on and w is written over itself."""
    graph = cr.trace(lambda w, x: (w + x, cr.sum(w)))(np.zeros(3), np.zeros(3))
    options = {"donated": {0: 0}, "moving": [("in", 1), ("out", 1)]}
    for _ in range(2):
        program = Program(graph, cache=compiler.ObjectCache(tmp_path), **options)
        weight, sums = np.zeros(3), np.zeros(2)
        program.bind_input(0, weight)
        program.bind_input(1, np.arange(9.0))
        program.bind_output(1, sums)
        program.run_steps(0, 2)
        assert weight.tolist() == [3.0, 5.0, 7.0]
        assert sums.tolist() == [0.0, 3.0]
