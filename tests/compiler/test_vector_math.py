"""The compiler's vector mathematics: error bounds, special values, and the machine code made."""

import importlib.util
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mpmath
import numpy as np
import pytest

pytest.importorskip("llvmlite")

from llvmlite import ir

from chainrule.compiler import target, vector_coefficients, vector_math
from chainrule.compiler.vector_trigonometry import LARGEST
from chainrule.errors import DtypeError
from tests.compiler.jitted import Jitted, loop_around, machine_for, optimised

ROOT = Path(__file__).resolve().parent.parent.parent
DTYPES = ("float32", "float64")
INFINITY = (-math.inf, math.inf)
LONG = np.finfo(np.longdouble).nmant >= 63
"""Whether there is a format here that is longer than a double."""


@dataclass(frozen=True)
class Case:
    """A function, its meaning in mpmath and in NumPy, and the arguments where its bound holds.

    `wide` works in a longer format than that of the function; `own` is NumPy's own function, whose
    special values are to be met. `range` is where most of the function's life is.
    """

    exact: Callable
    wide: Callable | None
    own: Callable
    range: tuple[float, float] = (-10.0, 10.0)
    limit: dict[str, float] | None = None
    highest: float = math.inf

    def allows(self, x: np.ndarray) -> np.ndarray:
        """Which numbers the function is for: all special ones, too."""
        size = self.limit[str(x.dtype)] if self.limit else math.inf
        return ~(np.isfinite(x) & (np.abs(x) > size)) & ~(x > self.highest)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _cbrt(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.sign(x) * mpmath.cbrt(abs(x))


def _exact_erfc(x: mpmath.mpf) -> mpmath.mpf:
    """Of numbers that mpmath is able to take."""
    return mpmath.erfc(1000 if x > 1000 else x)


_erf = np.vectorize(math.erf, otypes=["float64"])
_erfc = np.vectorize(math.erfc, otypes=["float64"])
_SMALL = dict(zip(DTYPES, LARGEST.values(), strict=True))
CASES = {
    "arccos": Case(mpmath.acos, np.arccos, np.arccos, (-1.0, 1.0)),
    "arccosh": Case(mpmath.acosh, np.arccosh, np.arccosh, (1.0, 4.0)),
    "arcsin": Case(mpmath.asin, np.arcsin, np.arcsin, (-1.0, 1.0)),
    "arcsinh": Case(mpmath.asinh, np.arcsinh, np.arcsinh),
    "arctan": Case(mpmath.atan, np.arctan, np.arctan, (-3.0, 3.0)),
    "arctanh": Case(mpmath.atanh, np.arctanh, np.arctanh, (-1.0, 1.0)),
    "cbrt": Case(_cbrt, np.cbrt, np.cbrt),
    "cos": Case(mpmath.cos, np.cos, np.cos, (-10.0, 10.0), _SMALL),
    "cosh": Case(mpmath.cosh, np.cosh, np.cosh),
    "erf": Case(mpmath.erf, None, _erf, (-6.0, 6.0)),
    "erfc": Case(_exact_erfc, None, _erfc, (-6.0, 27.3)),
    "exp": Case(mpmath.exp, np.exp, np.exp, (-104.0, 89.0)),
    "exp2": Case(lambda x: mpmath.mpf(2) ** x, np.exp2, np.exp2, (-150.0, 128.0)),
    "exp_of_nonpositive": Case(mpmath.exp, np.exp, np.exp, (-104.0, 0.0), highest=0.0),
    "expm1": Case(mpmath.expm1, np.expm1, np.expm1, (-20.0, 89.0)),
    "log": Case(mpmath.log, np.log, np.log, (0.0, 4.0)),
    "log10": Case(mpmath.log10, np.log10, np.log10, (0.0, 4.0)),
    "log1p": Case(mpmath.log1p, np.log1p, np.log1p, (-1.0, 4.0)),
    "log2": Case(lambda x: mpmath.log(x, 2), np.log2, np.log2, (0.0, 4.0)),
    "reciprocal": Case(lambda x: 1 / x, np.reciprocal, np.reciprocal),
    "rsqrt": Case(
        lambda x: 1 / mpmath.sqrt(x), lambda x: 1 / np.sqrt(x), lambda x: 1 / np.sqrt(x), (0.0, 4.0)
    ),
    "sigmoid": Case(lambda x: 1 / (1 + mpmath.exp(-x)), _sigmoid, _sigmoid, (-104.0, 40.0)),
    "sin": Case(mpmath.sin, np.sin, np.sin, (-10.0, 10.0), _SMALL),
    "sinh": Case(mpmath.sinh, np.sinh, np.sinh),
    "softplus": Case(lambda x: mpmath.log1p(mpmath.exp(x)), _softplus, _softplus, (-104.0, 40.0)),
    "sqrt": Case(mpmath.sqrt, np.sqrt, np.sqrt, (0.0, 4.0)),
    "tan": Case(mpmath.tan, np.tan, np.tan, (-10.0, 10.0), _SMALL),
    "tanh": Case(mpmath.tanh, np.tanh, np.tanh, (-20.0, 20.0)),
}
PAIRS = {
    "arctan2": (np.arctan2, mpmath.atan2),
    "hypot": (np.hypot, mpmath.hypot),
    "power": (np.power, mpmath.power),
}


@pytest.fixture(autouse=True)
def _quiet() -> object:
    with np.errstate(all="ignore"), mpmath.workprec(160):
        yield


def bound(name: str, dtype: str, *, fused: bool) -> float:
    """The error that the function's docstring states, in units in the last place."""
    text = " ".join(str(getattr(vector_math, name).__doc__).split())
    form = r"Error: (\S+) ULP in 32 bits, (\S+) in 64(; not fused (\S+), (\S+))?\."
    stated = re.search(form, text)
    assert stated, f"{name} states no error"
    place = DTYPES.index(dtype)
    return float(stated[4 + place] if stated[3] and not fused else stated[1 + place])


def ulps(got: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Distances in units in the last place of the format of `got`, at least its smallest number.

    Infinite where one is NaN and the other is not; 0 where both are, or are the same infinity.
    """
    nearest = wanted.astype(got.dtype)
    unit = np.spacing(np.maximum(np.abs(nearest), np.finfo(got.dtype).tiny))
    distance = np.abs(got.astype(wanted.dtype) - wanted) / unit.astype(wanted.dtype)
    same = (got == nearest) | (np.isnan(got) & np.isnan(nearest))
    settled = same & ~np.isfinite(distance.astype(float))
    return np.where(settled, 0.0, np.nan_to_num(distance.astype(float), nan=math.inf))


def every_exponent(dtype: str, each: int, seed: int) -> np.ndarray:
    """Numbers of both signs with every exponent, some with the smallest and largest mantissas."""
    mantissa = np.finfo(dtype).nmant
    integer = np.dtype(f"uint{np.dtype(dtype).itemsize * 8}")
    exponents = np.arange(1 << (integer.itemsize * 8 - 1 - mantissa), dtype=integer)
    draw = np.random.default_rng(seed)
    parts = draw.integers(0, 1 << mantissa, (exponents.size, each), dtype=integer)
    parts[:, :4] = [0, 1, (1 << mantissa) - 1, (1 << mantissa) - 2]
    positive = ((exponents[:, None] << mantissa) | parts).ravel().view(dtype)
    return np.concatenate([positive, -positive])


def arguments(case: Case, dtype: str, *, each: int, dense: int, seed: int = 0) -> np.ndarray:
    """All exponents, the function's main range, and what lies around bounds between formulas."""
    draw = np.random.default_rng(seed)
    low, high = case.range
    bounds = [1.0, 0.5, 0.63, math.sqrt(0.5), math.sqrt(2.0), 5.93, 19.5]
    bounds += [math.log(2) * k / 2 for k in (*range(1, 12), 23, 24, 25, 47, 48, 49, 52, 53, 54)]
    bounds += [math.pi / 4 * k for k in range(1, 10)]
    bounds += [np.log(np.finfo(dtype).max), -np.log(np.finfo(dtype).smallest_subnormal)]
    close = np.outer(bounds, 1 + draw.uniform(-1, 1, dense // 100) * 1e-3).ravel()
    parts = [every_exponent(dtype, each, seed), close, -close, draw.uniform(low, high, dense)]
    parts += [draw.uniform(-1, 1, dense // 4), draw.uniform(-746, 710, dense // 4)]
    x = np.concatenate([part.astype(dtype) for part in parts])
    return x[case.allows(x)]


def exactly(function: Callable, *arrays: np.ndarray) -> np.ndarray:
    """Rounded from 160 bits to the longest format; NaN where mpmath gives no real number."""

    def one(*numbers: np.floating) -> np.longdouble:
        try:
            result = function(*(mpmath.mpf(float(number)) for number in numbers))
        except ZeroDivisionError:
            return np.longdouble(math.nan)
        if not isinstance(result, mpmath.mpf):
            return np.longdouble(math.nan)
        # What is beyond a double by far need not be told apart from 0 and infinity.
        if not mpmath.mpf(2) ** -1080 <= abs(result) <= mpmath.mpf(2) ** 1030:
            return np.longdouble(float(result))
        return np.longdouble(mpmath.nstr(result, 30))

    return np.array([one(*numbers) for numbers in zip(*arrays, strict=True)], np.longdouble)


def largest_error(name: str, dtype: str, *, fused: bool, each: int, dense: int) -> tuple:
    """The largest error found, in units in the last place, and where."""
    case = CASES[name]
    x = arguments(case, dtype, each=each, dense=dense)
    reference = case.own if case.wide is None and dtype == "float32" else case.wide
    if reference is None or (dtype == "float64" and not LONG):
        x = x[:: x.size // 4000]
        wanted = exactly(case.exact, x)
    else:
        wanted = reference(x.astype(np.float64 if dtype == "float32" else np.longdouble))
    error = ulps(Jitted(getattr(vector_math, name), dtype, fused=fused)(x), wanted)
    return error.max(), x[error.argmax()]


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "apart"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_error_stays_within_what_the_docstring_states(name: str, dtype: str, fused: bool) -> None:
    if fused and not target.host().fused:
        pytest.skip("this processor has no fused instruction")
    stated = bound(name, dtype, fused=fused)
    assert stated <= (2.0 if fused else 2.5)
    found, where = largest_error(name, dtype, fused=fused, each=100, dense=20_000)
    assert found <= stated, f"{name}({where!r}) is off by {found:.3f} ULP"


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_error_over_many_more_numbers(name: str, dtype: str) -> None:
    fused = target.host().fused
    found, where = largest_error(name, dtype, fused=fused, each=400, dense=200_000)
    stated = bound(name, dtype, fused=fused)
    assert found <= stated, f"{name}({where!r}) is off by {found:.3f} ULP"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_error_against_mpmath(name: str, dtype: str) -> None:
    # NumPy, the referee of the dense sweep, is itself refereed here.
    case = CASES[name]
    x = arguments(case, dtype, each=4, dense=2_000, seed=1)
    x = x[:: max(1, x.size // 150)]
    x = x[np.isfinite(case.own(x)) & (x != 0)]
    error = ulps(Jitted(getattr(vector_math, name), dtype)(x), exactly(case.exact, x))
    stated = bound(name, dtype, fused=target.host().fused)
    assert error.max() <= stated, f"{name}({x[error.argmax()]!r}) is off by {error.max():.3f} ULP"


def special_values(dtype: str) -> np.ndarray:
    """Zeros, infinities, NaN, the ends of the normal and of all numbers, and round numbers."""
    info = np.finfo(dtype)
    values = [0.0, math.inf, math.nan, info.smallest_subnormal, info.tiny, info.max, 1.0, 2.0, 0.5]
    values += [float(info.tiny) / 2, 3.0, 1000.0, 1e30]
    positive = np.array(values, dtype)
    return np.concatenate([positive, -positive])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_special_values_are_those_of_numpy(name: str, dtype: str) -> None:
    case = CASES[name]
    x = special_values(dtype)
    x = x[case.allows(x)]
    got, wanted = Jitted(getattr(vector_math, name), dtype)(x), case.own(x).astype(dtype)
    # NumPy's own functions may be off by a few units, but not where they give 0 or no number.
    plain = np.isfinite(wanted) & (wanted != 0)
    assert ulps(got[plain], wanted[plain]).max() <= 4
    assert np.array_equal(got[~plain], wanted[~plain], equal_nan=True), (x[~plain], got[~plain])
    numbers = ~np.isnan(wanted)
    assert np.array_equal(np.signbit(got[numbers]), np.signbit(wanted[numbers]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PAIRS)
def test_special_pairs_are_those_of_numpy(name: str, dtype: str) -> None:
    x = np.concatenate([special_values(dtype), np.array([0.3, -0.3, 7.0, -7.0, 1e15], dtype)])
    x, y = (part.ravel() for part in np.meshgrid(x, x))
    got = Jitted(getattr(vector_math, name), dtype, arguments=2)(x, y)
    wanted = PAIRS[name][0](x, y)
    plain = np.isfinite(wanted) & (wanted != 0)
    assert ulps(got[plain], wanted[plain]).max() <= 4
    wrong = ~plain & ~((got == wanted) | (np.isnan(got) & np.isnan(wanted)))
    assert not wrong.any(), (x[wrong], y[wrong], got[wrong], wanted[wrong])
    numbers = ~np.isnan(wanted)
    assert np.array_equal(np.signbit(got[numbers]), np.signbit(wanted[numbers]))


def pairs(name: str, dtype: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    if name == "power":
        # Exponents such that the results are spread over all exponents, also below the normal ones.
        x = np.concatenate([np.exp(draw.normal(0, 2, count)), 1 + draw.normal(0, 1e-3, count)])
        most = 100 if dtype == "float32" else 740
        y = draw.uniform(-1, 1, 2 * count) * most / np.maximum(np.abs(np.log(x)), 1e-6)
        return x.astype(dtype), y.astype(dtype)
    sizes = np.exp(draw.uniform(-80, 80, (2, count)))
    close = draw.normal(0, 1, (2, count))
    x, y = np.concatenate([sizes * draw.choice([-1, 1], (2, count)), close], axis=1)
    return x.astype(dtype), y.astype(dtype)


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "apart"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PAIRS)
def test_error_of_functions_of_two_arguments(name: str, dtype: str, fused: bool) -> None:
    if fused and not target.host().fused:
        pytest.skip("this processor has no fused instruction")
    numpy_own, exact = PAIRS[name]
    x, y = pairs(name, dtype, 20_000 if dtype == "float32" or LONG else 500)
    if dtype == "float32":
        wanted = numpy_own(x.astype(np.float64), y.astype(np.float64))
    elif LONG:
        wanted = numpy_own(x.astype(np.longdouble), y.astype(np.longdouble))
    else:
        wanted = exactly(exact, x, y)
    got = Jitted(getattr(vector_math, name), dtype, arguments=2, fused=fused)(x, y)
    error = ulps(got, wanted)
    worst = error.argmax()
    stated = bound(name, dtype, fused=fused)
    assert stated <= 2.0
    assert error[worst] <= stated, f"{name}({x[worst]!r}, {y[worst]!r}): {error[worst]:.3f}"


@pytest.mark.parametrize("dtype", DTYPES)
def test_logaddexp_is_good_to_its_largest_part(dtype: str) -> None:
    x, y = np.random.default_rng(0).normal(0, 10, (2, 20_000)).astype(dtype)
    y[:1000] = -np.log(np.abs(np.expm1(-np.abs(x[:1000]))))
    got = Jitted(vector_math.logaddexp, dtype, arguments=2)(x, y)
    wide = np.float64 if dtype == "float32" else np.longdouble
    wanted = np.logaddexp(x.astype(wide), y.astype(wide))
    unit = np.spacing(np.maximum(np.maximum(np.abs(x), np.abs(y)), np.abs(got)))
    assert (np.abs(got - wanted) / unit).max() <= bound("logaddexp", dtype, fused=True)
    ends = np.array([math.inf, -math.inf, math.inf, -math.inf, math.nan, 1.0], dtype)
    others = np.array([math.inf, -math.inf, -math.inf, 2.0, 1.0, math.nan], dtype)
    got = Jitted(vector_math.logaddexp, dtype, arguments=2)(ends, others)
    assert np.array_equal(got, np.logaddexp(ends, others), equal_nan=True)


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_turns_beyond_the_limit_give_numbers_in_range(name: str, dtype: str) -> None:
    x = every_exponent(dtype, 20, seed=0)
    got = Jitted(getattr(vector_math, name), dtype)(x)
    assert np.array_equal(np.isnan(got), ~np.isfinite(x))
    if name != "tan":
        assert np.nanmax(np.abs(got)) <= 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_lanes_gives_the_same_bits(dtype: str) -> None:
    x, y = np.random.default_rng(0).normal(0, 3, (2, 50)).astype(dtype)
    for name in vector_math.__all__:
        inputs = (x, y) if name in (*PAIRS, "logaddexp") else (x,)
        function = getattr(vector_math, name)
        scalar, *others = (
            Jitted(function, dtype, arguments=len(inputs), lanes=lanes)(*inputs)
            for lanes in (0, 1, 3, 16)
        )
        for other in others:
            assert np.array_equal(scalar, other, equal_nan=True), name


@pytest.mark.parametrize("cpu", ["x86-64", "haswell", "skylake-avx512", "znver5", "neoverse-n1"])
def test_machine_code_neither_calls_nor_branches(cpu: str) -> None:
    processor = target.named(cpu)
    machine = machine_for(processor)
    jumps = re.compile(r"^\s*(call\w*|bl|blr|br|j\w+|b|b\.\w+|cbn?z|tbn?z)\s", re.MULTILINE)
    for dtype in DTYPES:
        lanes = processor.lanes(np.dtype(dtype).itemsize)
        for name in vector_math.__all__:
            count = 2 if name in (*PAIRS, "logaddexp") else 1
            text = loop_around(
                getattr(vector_math, name),
                dtype,
                arguments=count,
                lanes=lanes,
                fused=processor.fused,
            )
            code = machine.emit_assembly(optimised(text, machine))
            found = jumps.findall(code)
            assert len(found) == 1, f"{name} on {cpu}, {dtype}: {found}, expected only the loop's"


def test_what_is_no_float_is_refused() -> None:
    kind = ir.VectorType(ir.IntType(32), 4)
    function = ir.Function(ir.Module(), ir.FunctionType(kind, [kind]), "f")
    b = ir.IRBuilder(function.append_basic_block())
    with pytest.raises(DtypeError, match=r"<4 x i32>, expected float, double .* sitofp"):
        vector_math.exp(b, function.args[0])


def test_the_coefficients_are_those_of_good_polynomials() -> None:
    spec = importlib.util.spec_from_file_location("minimax", ROOT / "tools" / "minimax.py")
    assert spec
    assert spec.loader
    minimax = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(minimax)
    for problem in minimax.PROBLEMS:
        for kind, count in problem.count.items():
            coefficients = getattr(vector_coefficients, problem.name)[kind]
            assert len(coefficients) == count
            numbers = [mpmath.mpf(np.float32(c).item()) for c in coefficients]
            if kind == "double":
                numbers = [mpmath.mpf(c) for c in coefficients]
            assert abs(minimax.errors(problem, numbers, kind)).max() < 0.25, (problem.name, kind)
