"""Derive the polynomials of the compiler's vector mathematics, and write them down.

    python tools/minimax.py [NAME ...] [--write]

Each polynomial is the best one in the weighted maximum norm, found by Remez' exchange algorithm
in 60 digits. Its coefficients are then rounded to the format one by one, from the lowest power up,
and after each rounding the remaining ones are found again, so that they make up for it (the idea of
Brisebarre and Chevillard, "Efficient polynomial L-infinity approximations", ARITH 2007, in its
simplest form). Without `--write` the program prints for each polynomial the largest weighted error
in units of the format's rounding error; with it, the table
`src/chainrule/compiler/vector_coefficients.py` is written anew. Needs mpmath.
"""

import argparse
import os
import struct
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mpmath
import numpy as np
from mpmath import mpf

TABLE = Path(__file__).resolve().parent.parent / "src/chainrule/compiler/vector_coefficients.py"
BITS = {"float": 24, "double": 53}
mpmath.mp.dps = 60
Function = Callable[[mpf], mpf]


@dataclass(frozen=True)
class Problem:
    """The polynomial of `count` coefficients nearest to `function` on an interval.

    What is made small is the largest |weight(x) (polynomial(x) - function(x))|. `about` is written
    beside the coefficients.
    """

    name: str
    about: str
    function: Function
    weight: Function
    interval: tuple[mpf, mpf]
    count: dict[str, int]


def remez(problem: Problem, count: int) -> list[mpf]:
    """The best coefficients, from the constant upwards."""
    grid = _chebyshev(*problem.interval, 16 * (count + 2))
    target = [problem.function(x) for x in grid]
    weight = [problem.weight(x) for x in grid]
    powers = [[x**k for k in range(count)] for x in grid]
    step = (len(grid) - 1) / (count + 1)
    chosen = [round(step * (j + 0.5)) for j in range(count + 1)]
    for _ in range(40):
        found = _level(chosen, powers, weight, target)
        error = [
            mpmath.fdot(row, found) - wanted for row, wanted in zip(powers, target, strict=True)
        ]
        size = [abs(w * e) for w, e in zip(weight, error, strict=True)]
        peaks = _alternating(error, size, count + 1)
        if peaks == chosen:
            return found
        if len(peaks) <= count:
            raise ArithmeticError(
                f"{problem.name}: {len(peaks)} alternating errors, expected {count + 1}. "
                "Take more digits or fewer coefficients."
            )
        chosen = peaks
    return found


def _chebyshev(low: mpf, high: mpf, number: int) -> list[mpf]:
    """An even number of points that lie denser towards both ends, none of them exactly 0."""
    middle, half = (low + high) / 2, (high - low) / 2
    points = [middle - half * mpmath.cospi(mpf(k) / (number - 1)) for k in range(number)]
    return [x if abs(x) > mpf(10) ** -12 else mpf(10) ** -12 for x in points]


def _level(chosen: list[int], powers: list, weight: list, target: list) -> list[mpf]:
    """Coefficients whose weighted errors at the chosen points are equal and alternate in sign."""
    rows = [
        [*powers[j], (-1) ** place / weight[j] if weight[j] else mpf(0)]
        for place, j in enumerate(chosen)
    ]
    solution = mpmath.lu_solve(mpmath.matrix(rows), mpmath.matrix([target[j] for j in chosen]))
    return list(solution)[:-1]


def _alternating(error: list[mpf], size: list[mpf], wanted: int) -> list[int]:
    """The largest error of each stretch of one sign, at most `wanted` of them, side by side."""
    peaks: list[int] = []
    for j, e in enumerate(error):
        if not peaks or (e > 0) != (error[peaks[-1]] > 0):
            peaks.append(j)
        elif size[j] > size[peaks[-1]]:
            peaks[-1] = j
    while len(peaks) > wanted:
        peaks.pop(0 if size[peaks[0]] < size[peaks[-1]] else -1)
    return peaks


def rounded(x: mpf, bits: int, rounding: Function = mpmath.nint) -> mpf:
    """A number of so many bits next to x, the nearest one unless told."""
    mantissa, exponent = mpmath.frexp(x)
    scale = mpf(2) ** bits
    return rounding(mantissa * scale) / scale * mpf(2) ** exponent


def errors(problem: Problem, coefficients: Sequence[mpf], kind: str) -> np.ndarray:
    """The weighted errors at 400 points, in units of the format's rounding error."""
    unit = mpf(2) ** -BITS[kind]
    return np.array(
        [
            float(problem.weight(x) * (mpmath.polyval(coefficients[::-1], x) - y) / unit)
            for x, y in _known(problem)
        ]
    )


def _known(problem: Problem) -> list[tuple[mpf, mpf]]:
    return [(x, problem.function(x)) for x in _chebyshev(*problem.interval, 400)]


def solve(problem: Problem, kind: str) -> list[mpf]:
    """Coefficients that the format can hold."""
    count = problem.count[kind]
    ideal = remez(problem, count)
    unit = mpf(2) ** -BITS[kind]
    slopes = np.array(
        [[float(problem.weight(x) * x**k / unit) for k in range(count)] for x, _ in _known(problem)]
    )
    error = errors(problem, ideal, kind)
    found: list[mpf] = []
    change = np.zeros(count)
    for k in range(count):
        found.append(rounded(ideal[k] + mpf(change[k]), BITS[kind]))
        change[k] = float(found[k] - ideal[k])
        done = error + slopes[:, : k + 1] @ change[: k + 1]
        change[k + 1 :] = _flattest(slopes[:, k + 1 :], done)
    return found


def _flattest(slopes: np.ndarray, error: np.ndarray) -> np.ndarray:
    """The d for which the largest |error + slopes d| is least, by Lawson's reweighting."""
    scale = np.abs(slopes).max(axis=0)
    weight = np.full(len(error), 1.0 / len(error))
    best, least = np.zeros(len(scale)), np.inf
    for _ in range(60):
        root = np.sqrt(weight)
        solution = np.linalg.lstsq(root[:, None] * slopes / scale, -root * error)[0] / scale
        size = np.abs(error + slopes @ solution)
        if size.max() < least:
            best, least = solution, size.max()
        weight = weight * size
        weight /= weight.sum()
    return best


def shortest(x: mpf, kind: str) -> str:
    """The shortest decimal that gives this number in the format."""
    if kind == "double":
        return repr(float(x))
    code = struct.pack("f", float(x))
    for digits in range(1, 10):
        text = f"{float(x):.{digits}g}"
        if struct.pack("f", float(text)) == code:
            return repr(float(text))
    return repr(float(x))


LN2 = mpmath.log(2)
QUARTER = mpmath.pi / 4 * mpf("1.015")
_ROOT = mpmath.sqrt(2)


def _mean_atanh(z: mpf) -> mpf:
    """(atanh(s) / s - 1) 2 / z at z = s^2: the part of ln((1+s)/(1-s)) beyond 2 s, over s z."""
    s = mpmath.sqrt(z)
    return 2 * (mpmath.atanh(s) / s - 1) / z


def _scaled_erfc(t: mpf) -> mpf:
    """(x + 2) e^(x^2) erfc(x) at t = (x - 2) / (x + 2)."""
    x = 2 * (1 + t) / (1 - t)
    return (x + 2) * mpmath.exp(x * x) * mpmath.erfc(x)


def _odd(name: str, label: str, function: Function, largest: mpf, count: dict) -> Problem:
    """The p with function(x) = x + x^3 p(x^2), relative to function(x)."""

    def beyond(z: mpf) -> mpf:
        x = mpmath.sqrt(z)
        return (function(x) / x - 1) / z

    def weight(z: mpf) -> mpf:
        x = mpmath.sqrt(z)
        return x * z / function(x)

    bound = mpmath.nstr(largest, 4)
    about = f"({label}(x) / x - 1) / x^2 at z = x^2, for |x| <= {bound}, relative to {label}(x)"
    return Problem(name, about, beyond, weight, (mpf(10) ** -9, largest**2), count)


PROBLEMS = (
    Problem(
        "EXPM1",
        "(e^r - 1 - r) / r^2 for |r| <= ln 2 / 2, relative to e^r - 1",
        lambda r: (mpmath.expm1(r) - r) / r**2,
        lambda r: r**2 / abs(mpmath.expm1(r)),
        (-LN2 / 2 * mpf("1.001"), LN2 / 2 * mpf("1.001")),
        {"float": 6, "double": 11},
    ),
    Problem(
        "EXP",
        "e^r for |r| <= ln 2 / 2, relative to e^r",
        mpmath.exp,
        lambda r: mpmath.exp(-r),
        (-LN2 / 2 * mpf("1.001"), LN2 / 2 * mpf("1.001")),
        {"float": 7, "double": 12},
    ),
    Problem(
        "EXP_WIDE",
        "e^r for |r| <= ln 2, relative to e^r",
        mpmath.exp,
        lambda r: mpmath.exp(-r),
        (-LN2 * mpf("1.001"), LN2 * mpf("1.001")),
        {"float": 8, "double": 14},
    ),
    Problem(
        "EXPM1_WIDE",
        "(e^r - 1 - r) / r^2 for |r| <= ln 2, relative to e^r - 1",
        lambda r: (mpmath.expm1(r) - r) / r**2,
        lambda r: r**2 / abs(mpmath.expm1(r)),
        (-LN2 * mpf("1.001"), LN2 * mpf("1.001")),
        {"float": 7, "double": 13},
    ),
    Problem(
        "EXP2_WIDE",
        "2^r for |r| <= 1, relative to 2^r",
        lambda r: mpmath.exp(r * LN2),
        lambda r: mpmath.exp(-r * LN2),
        (mpf("-1.001"), mpf("1.001")),
        {"float": 8, "double": 14},
    ),
    Problem(
        "LOG1P",
        "(ln(1 + f) - f) / f^2 for 1 + f in [1/sqrt 2, sqrt 2], relative to ln(1 + f)",
        lambda f: (mpmath.log1p(f) - f) / f**2,
        lambda f: f**2 / abs(mpmath.log1p(f)),
        (1 / _ROOT - mpf("1.001"), _ROOT - mpf("0.999")),
        {"float": 9},
    ),
    Problem(
        "ATANH",
        "2 (atanh(s) / s - 1) / s^2 at z = s^2, for s = f / (2 + f) with f as in LOG1P",
        _mean_atanh,
        lambda z: z / 2,
        (mpf(10) ** -9, mpf("0.02955")),
        {"float": 3, "double": 7},
    ),
    Problem(
        "ATANH_BEYOND",
        "(2 (atanh(s) / s - 1) / s^2 - 2/3) / s^2 at z = s^2, for s as in ATANH",
        lambda z: (_mean_atanh(z) - mpf(2) / 3) / z,
        lambda z: z**2 / 2,
        (mpf(10) ** -9, mpf("0.02955")),
        {"double": 7},
    ),
    Problem(
        "ERF",
        "(ln(1 - erf(x)) / x + 2 / sqrt(pi)) / x for x <= 5.93, relative to erf(x)",
        lambda x: (mpmath.log(mpmath.erfc(x)) / x + 2 / mpmath.sqrt(mpmath.pi)) / x,
        lambda x: x**2 * mpmath.erfc(x) / mpmath.erf(x),
        (mpf(10) ** -6, mpf("5.93")),
        {"float": 10, "double": 24},
    ),
    Problem(
        "ERFC",
        "(x + 2) e^(x^2) erfc(x) at t = (x - 2) / (x + 2), for 0 <= x <= 27.3, relative to itself",
        _scaled_erfc,
        lambda t: 1 / _scaled_erfc(t),
        (mpf(-1), mpf("25.3") / mpf("29.3")),
        {"double": 25},
    ),
    _odd("TANH", "tanh", mpmath.tanh, mpf("0.63"), {"float": 6, "double": 12}),
    Problem(
        "EXP_SLOPE",
        "(e^r - 1) / r for |r| <= ln 2 / 2, relative to e^r",
        lambda r: mpmath.expm1(r) / r,
        lambda r: abs(r) / mpmath.exp(r),
        (-LN2 / 2 * mpf("1.001"), LN2 / 2 * mpf("1.001")),
        {"float": 6, "double": 11},
    ),
    _odd("SINH", "sinh", mpmath.sinh, mpf(1), {"float": 4, "double": 7}),
    _odd("SIN", "sin", mpmath.sin, QUARTER, {"float": 4, "double": 7}),
    Problem(
        "COS",
        "(cos(r) - 1) / r^2 at z = r^2, for |r| <= pi / 4, relative to cos(r)",
        lambda z: (mpmath.cos(mpmath.sqrt(z)) - 1) / z,
        lambda z: z / mpmath.cos(mpmath.sqrt(z)),
        (mpf(10) ** -9, QUARTER**2),
        {"float": 4, "double": 7},
    ),
    _odd("TAN", "tan", mpmath.tan, QUARTER, {"float": 7, "double": 14}),
    _odd("ARCTAN", "arctan", mpmath.atan, mpf(1), {"float": 9, "double": 20}),
    _odd("ARCSIN", "arcsin", mpmath.asin, mpf("0.5001"), {"float": 5, "double": 12}),
)

PARTS: dict[str, tuple[str, mpf, dict[str, tuple[int, ...]]]] = {
    "LN2": ("ln 2", LN2, {"float": (16, 24), "double": (42, 53)}),
    "HALF_PI": ("pi / 2", mpmath.pi / 2, {"float": (24, 24, 24), "double": (53, 53, 53)}),
    "LOG10_2": ("log10 2", mpmath.log10(2), {"float": (16, 24), "double": (42, 53)}),
    "TWO_THIRDS": ("2 / 3", mpf(2) / 3, {"float": (24, 24), "double": (53, 53)}),
    "LOG2_E": ("log2 e", 1 / LN2, {"float": (24, 24), "double": (53, 53)}),
    "ERF_SLOPE": (
        "-2 / sqrt(pi)",
        -2 / mpmath.sqrt(mpmath.pi),
        {"float": (24, 24), "double": (53, 53)},
    ),
    "LOG10_E": ("log10 e", mpmath.log10(mpmath.e), {"float": (24, 24), "double": (53, 53)}),
}
"""Constants in several parts: what they are, and how many bits each part has in each format."""


def parts(number: mpf, widths: Sequence[int]) -> list[mpf]:
    """Numbers of so many bits that add up to `number`, none larger than what is left of it.

    So all have one sign, and 0 times any of them the same zero.
    """
    found = []
    for bits in widths:
        found.append(rounded(number, bits, mpmath.floor if number > 0 else mpmath.ceil))
        number -= found[-1]
    return found


def entry(name: str, values: dict[str, Sequence[mpf]], about: str) -> list[str]:
    """The lines of one table in `vector_coefficients.py`."""
    lines = ["", f"{name} = {{"]
    for kind, numbers in values.items():
        text = ", ".join(shortest(number, kind) for number in numbers)
        indent = " " * 8
        wrapped = textwrap.wrap(text, 96, initial_indent=indent, subsequent_indent=indent)
        lines += [f'    "{kind}": (', *wrapped, "    ),"]
    return [*lines, "}", '"""' + textwrap.fill(about, 92) + '"""']


def table(solved: dict[str, dict[str, list[mpf]]]) -> str:
    """The text of `vector_coefficients.py`."""
    lines = [
        '"""Coefficients of polynomials, made by tools/minimax.py: change them there, not here.',
        "",
        "From the constant upwards, for 32 and for 64 bits. An error is the largest one of the",
        "polynomial with these rounded coefficients, in units of 2^-24 and of 2^-53.",
        '"""',
        "# One number a line would make this too long to look through.",
        "# fmt: off",
    ]
    for problem in PROBLEMS:
        numbers = solved[problem.name]
        largest = [abs(errors(problem, found, kind)).max() for kind, found in numbers.items()]
        about = f"{problem.about}; errors: {', '.join(f'{error:.2g}' for error in largest)}."
        lines += entry(problem.name, numbers, about)
    for name, (about, number, widths) in PARTS.items():
        split = {kind: parts(number, bits) for kind, bits in widths.items()}
        lines += entry(name, split, f"{about} in parts, the largest first.")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Solve the problems named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="which polynomials (default: all)")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name} anew, all of it")
    options = parser.parse_args()
    solved: dict[str, dict[str, list[mpf]]] = {}
    for problem in PROBLEMS:
        if options.names and not options.write and problem.name not in options.names:
            continue
        solved[problem.name] = {kind: solve(problem, kind) for kind in problem.count}
        for kind, found in solved[problem.name].items():
            largest = abs(errors(problem, found, kind)).max()
            print(f"{problem.name} {kind}: {len(found)} coefficients, error {largest:.2g}")
    if options.write:
        draft = TABLE.with_suffix(".new")
        draft.write_text(table(solved), encoding="utf-8")
        os.replace(draft, TABLE)


if __name__ == "__main__":
    main()
