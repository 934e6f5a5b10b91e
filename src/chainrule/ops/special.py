"""The error function in NumPy, which has none; and functions that NumPy lacks in a stable form.

The coefficients are Chebyshev fits made with mpmath (40 digits); the fitted forms are erf(x) / x in
x**2 on [-1, 1], and (x + 3.75) exp(x**2) erfc(x) in t = (x - 3.75) / (x + 3.75) on [0.5, 28]
(that substitution: Schonfelder, "Chebyshev expansions for the error and related functions",
Mathematics of Computation 32, 1978). Fit errors: 1.3e-19 and 1.2e-18 absolute.
"""

import numpy as np

_ERF_SMALL = (
    5.957176147748911e-11,
    -1.1372848856791674e-09,
    1.4659775274047436e-08,
    -1.6350312701054695e-07,
    1.6461000484121368e-06,
    -1.4925595266831182e-05,
    0.0001205533111164271,
    -0.000854832698083379,
    0.0052239776248180145,
    -0.026866170645076792,
    0.11283791670954879,
    -0.3761263890318375,
    1.1283791670955126,
)
_ERFC_LARGE = (
    -4.183002314939332e-09,
    2.1746182600239624e-09,
    3.903673259041024e-08,
    -2.53585255374585e-08,
    -2.63022058863323e-07,
    2.785112900452562e-07,
    1.6558414525846735e-06,
    -3.2887047141453927e-06,
    -8.903921196727848e-06,
    3.747144388680137e-05,
    1.0593997049228133e-05,
    -0.0003486467937837217,
    0.0007948230964888927,
    0.00098633807152599,
    -0.012535880040567283,
    0.049118778615876685,
    -0.1319554011785715,
    0.2790620490337619,
    -0.4904702912076772,
    0.7363189252217519,
    -0.9587415766529096,
    1.0919229095627891,
)
_SPLIT = 3.75


def _erf_small(x: np.ndarray) -> np.ndarray:
    """erf(x) for abs(x) <= 1."""
    return x * np.polyval(_ERF_SMALL, x * x)


def _erfc_large(x: np.ndarray) -> np.ndarray:
    """erfc(x) for x >= 0.5."""
    capped = np.minimum(x, 28.0)
    series = np.polyval(_ERFC_LARGE, (capped - _SPLIT) / (capped + _SPLIT)) / (capped + _SPLIT)
    # exp(-x**2) in two factors: rounding x**2 alone would cost x**2 units in the last place.
    head = capped.astype(np.float32).astype(np.float64)
    return np.exp(-head * head) * np.exp(-(capped - head) * (capped + head)) * series


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, computed in float64 and returned in the dtype of `x`."""
    wide = np.asarray(x, np.float64)
    size = np.abs(wide)
    with np.errstate(invalid="ignore", under="ignore"):
        tail = np.copysign(1.0 - _erfc_large(np.maximum(size, 0.5)), wide)
        result = np.where(size <= 1.0, _erf_small(np.clip(wide, -1.0, 1.0)), tail)
    return result.astype(x.dtype)[()]


def erfc(x: np.ndarray) -> np.ndarray:
    """1 - erf(x) without cancellation, computed in float64."""
    wide = np.asarray(x, np.float64)
    size = np.abs(wide)
    with np.errstate(invalid="ignore", under="ignore"):
        near = 1.0 - _erf_small(np.clip(wide, -1.0, 1.0))
        far = _erfc_large(np.maximum(size, 0.5))
        result = np.where(size <= 0.5, near, np.where(wide > 0, far, 2.0 - far))
    return result.astype(x.dtype)[()]


_LARGEST_EXPONENT = {"e": 11.0, "f": 88.0, "d": 709.0}


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), with the exponent capped where exp would overflow."""
    if x.dtype.kind == "c":
        return 1 / (1 + np.exp(-x))
    return 1 / (1 + np.exp(np.minimum(-x, _LARGEST_EXPONENT[x.dtype.char])))


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-abs(x)))."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
