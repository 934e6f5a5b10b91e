"""The same bits for any number of threads, and use from several Python threads and after a fork."""

import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import chainrule as cr
from tests.compiler.machine import compiled, same_bits
from tests.compiler.steps import STEPS
from tests.compiler.test_random_programs import SIZES
from tests.programs import random_program

THREADS = (1, 2, 3, 4)


@pytest.mark.parametrize("name", ["W1", pytest.param("deep", marks=pytest.mark.slow)])
def test_steps_have_the_same_bits_for_any_number_of_threads(name):
    step = STEPS[name]()
    program = step.program()
    assert max(phase.tasks for phase in program.schedule.phases) > 1
    results = []
    for threads in THREADS:
        program.run(step.fresh(), threads)
        program.run_steps(0, 20, threads)
        results.append([array.copy() for array in program.buffers.values()])
    assert all(same_bits(result, results[0]) for result in results)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_programs_have_the_same_bits_for_any_number_of_threads(seed):
    function, arrays = random_program(seed, 100)
    step = cr.value_and_grad(function)
    alone, shared = (compiled(step, threads=threads).program(*arrays) for threads in (1, 2))
    results = [alone.run(arrays), *(shared.run(arrays, threads) for threads in THREADS)]
    assert all(same_bits(result, results[0]) for result in results)


def slope(x, w):
    return cr.value_and_grad(lambda w: cr.sum(cr.square(cr.tanh(cr.matmul(x, w)))))(w)


def inputs(seed):
    random = np.random.default_rng(seed)
    return random.standard_normal((64, 33)), random.standard_normal((33, 17))


def expected(count):
    alone = compiled(slope)
    return [alone(*inputs(seed)) for seed in range(count)]


@pytest.mark.parametrize("threads", [1, 2])
def test_several_threads_may_call_one_function(threads):
    function, wanted = compiled(slope, threads=threads), expected(8)

    def call(seed):
        return all(same_bits(function(*inputs(seed)), wanted[seed]) for _ in range(20))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(call, range(8)))


def test_several_threads_may_compile_at_once():
    def call(size):
        x = np.linspace(-1.0, 1.0, size)
        return np.allclose(compiled(cr.sigmoid)(x), 1 / (1 + np.exp(-x)))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(call, SIZES))


def test_threads_that_call_with_one_array_do_not_mix_their_results():
    square = compiled(lambda x: x * x)
    starts = threading.Barrier(4)

    def call(number):
        x = np.full(1000, float(number))
        starts.wait()
        return all((square(x) == number * number).all() for _ in range(200))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(call, range(4)))


def test_a_fault_in_one_thread_is_not_another_ones():
    chosen = compiled(lambda x, i: x[i])
    x, right, wrong = np.arange(5.0), np.array([0, 4]), np.array([0, 5])

    def call(ids):
        for _ in range(50):
            if ids is wrong:
                with pytest.raises(cr.errors.ShapeError, match="index 5 is outside axis 0"):
                    chosen(x, ids)
            else:
                assert (chosen(x, ids) == [0.0, 4.0]).all()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(call, [right, wrong, right, wrong]))


def test_what_one_thread_compiled_another_runs():
    function, made = compiled(slope, threads=2), []
    first = threading.Thread(target=function, args=inputs(0))
    first.start()
    first.join()
    second = threading.Thread(target=lambda: made.append(function(*inputs(1))))
    second.start()
    second.join()
    assert same_bits(made, expected(2)[1:])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_after_a_fork_both_go_on():
    function, wanted = compiled(slope, threads=2), expected(3)
    assert same_bits(function(*inputs(0)), wanted[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other tests may have left threads
        child = os.fork()
    if child == 0:
        fresh = compiled(slope)(*inputs(2))
        good = same_bits(function(*inputs(1)), wanted[1]) and same_bits(fresh, wanted[2])
        os._exit(0 if good else 1)
    assert same_bits(function(*inputs(1)), wanted[1])
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
