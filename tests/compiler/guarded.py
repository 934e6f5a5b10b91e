"""Programs whose every buffer touches memory that may not be touched: an overrun ends the process.

`python -m tests.compiler.guarded WHERE WHAT` runs them with a forbidden page right behind each
buffer ("behind") or right before it ("before"), and names each on a line before it runs; WHAT is
"programs" or "convolutions", or "overrun", which reads one byte too many, to show that the guard is
on watch. Linux only.
"""

import ctypes
import mmap
import sys
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import numpy as np

import chainrule as cr
from chainrule import tree
from chainrule.compiler import geometry, planning, program, tiles
from chainrule.compiler.arena import Plan
from tests.compiler.nets import NETS
from tests.compiler.test_convolutions import CONVOLUTIONS, Numbered, paged, paged_step
from tests.compiler.test_products import ALL, SCHEMES, products
from tests.compiler.test_random_programs import DTYPES, SIZES
from tests.programs import random_program

PAGE = mmap.PAGESIZE
PROGRAMS, PRODUCTS = 4, 9


class Guard:
    """Gives arrays that end, or begin, at a forbidden page."""

    def __init__(self, where: str):
        self._where = where
        self._maps: list[mmap.mmap] = []
        self._protect = ctypes.CDLL(None, use_errno=True).mprotect

    def __call__(self, shape: Sequence[int], dtype: Any, boundary: int = 64) -> np.ndarray:
        dtype = np.dtype(dtype)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        room = -(-max(size, 1) // PAGE) * PAGE
        pages = mmap.mmap(-1, room + 2 * PAGE)
        self._maps.append(pages)
        memory = np.frombuffer(pages, np.uint8)
        for forbidden in (0, PAGE + room):
            address = ctypes.c_void_p(memory.ctypes.data + forbidden)
            if self._protect(address, ctypes.c_size_t(PAGE), 0):
                raise OSError(ctypes.get_errno(), "mprotect")
        start = PAGE if self._where == "before" else PAGE + room - size
        return memory[start : start + size].view(dtype).reshape(shape)

    def holding(self, array: Any) -> np.ndarray:
        array = np.asarray(array)
        held = self(array.shape, array.dtype)
        held[...] = array
        return held


def run_guarded(guard: Guard, told: str, function: Callable, *args: Any) -> None:
    """Run a function with each of its buffers in guarded memory of its own."""
    print(told, flush=True)
    graph = cr.trace(function)(*args)
    alone = mock.patch.object(planning, "plan_memory", return_value=Plan({}, 0, 0))
    with alone, mock.patch.object(program, "aligned", guard):
        made = program.Program(graph)
    made.run([guard.holding(value) for value in tree.flatten(args)[0]])


def run_all(guard: Guard) -> None:
    for seed in range(PROGRAMS):
        function, arrays = random_program(seed, SIZES[seed % len(SIZES)])
        step = cr.value_and_grad(function, argnums=tuple(range(len(arrays))))
        args = [array.astype(DTYPES[seed % 2]) for array in arrays]
        run_guarded(guard, f"random program {seed}", step, *args)
    random = np.random.default_rng(0)
    sizes = [ALL[i] for i in random.integers(len(ALL), size=PRODUCTS)]
    for number, product in enumerate(products(sizes, 3)):
        scheme = list(SCHEMES)[number % len(SCHEMES)]

        def choose(problem: tiles.Problem, target: Any, scheme: str = scheme) -> tiles.Tile:
            options = tiles.possible(problem, target)
            return next(filter(SCHEMES[scheme], options), options[0])

        with mock.patch.object(tiles, "choose", choose):
            run_guarded(guard, f"{scheme}: {product.told}", product, *product.args)
    for size in (1, 5, 15, 16, 17, 33, 100):
        x = random.standard_normal((3, size)).astype(np.float32)
        ids = random.integers(0, size, 7)
        told = f"rows and columns of {size}"
        run_guarded(guard, told, lambda x: (cr.softmax(x), cr.sum(x, axis=0), x > 0, x.T), x)
        run_guarded(guard, told + " chosen", lambda x, i: (x[:, i], x.T[i], x[0][i]), x, ids)


def run_convolutions(guard: Guard) -> None:
    """Each kind forward and both ways back, in some tile; poolings; planes that are put apart."""
    batches, dtypes = (17, 1, 16, 3), ("float32", "float64", "float32")
    for number, (name, case) in enumerate(CONVOLUTIONS.items()):
        batch, dtype = batches[number % len(batches)], dtypes[number % len(dtypes)]
        with mock.patch.object(geometry, "cheapest", Numbered(7 * number)):
            told = f"convolution, {name}, {batch} samples, {dtype}"
            run_guarded(guard, told, case, *case.arrays(batch, dtype))
    for number, (name, net) in enumerate(NETS.items()):
        batch = batches[number % len(batches)]
        told = f"net, {name}, {batch} samples"
        run_guarded(guard, told, net.step(), *net.arrays(batch, "float32"))
    for name in dtypes[:2]:
        run_guarded(guard, f"planes of whole pages, {name}", paged_step, *paged(name))


def overrun(guard: Guard) -> None:
    memory = guard((3,), np.float32)
    ctypes.string_at(memory.ctypes.data, memory.nbytes + 1)


RUNS = {"programs": run_all, "convolutions": run_convolutions, "overrun": overrun}

if __name__ == "__main__":
    where, what = sys.argv[1:]
    RUNS[what](Guard(where))
    print("nothing outside was touched")
