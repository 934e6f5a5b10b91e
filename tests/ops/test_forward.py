"""Every op against an independent reference, and its shape rule against its result."""

import mpmath
import numpy as np
import pytest

from chainrule.aval import aval_of
from chainrule.errors import DtypeError
from chainrule.ops.table import OPS
from tests.ops import references
from tests.ops.cases import NAMES, Case, cases

UNITS = 16
"""How many units in the last place a result may be off."""

REFUSE_BOOLS = {"negative", "subtract"}


def refuses(case: Case) -> bool:
    """Whether the op is right not to take these arguments by their dtypes."""
    return case.op.name in REFUSE_BOOLS and all(aval_of(arg).dtype == bool for arg in case.args)


def has_no_value(case: Case) -> bool:
    """Whether these numbers have no result among the integers."""
    if case.op.name != "power" or any(aval_of(arg).dtype.kind == "f" for arg in case.args):
        return False
    return bool(np.any(np.less(case.args[1], 0)))


def relative_error(result: np.ndarray, expected: np.ndarray, sizes: np.ndarray) -> float:
    """The largest error of an element, relative to its size."""
    rows = zip(*(array.ravel().tolist() for array in (result, expected, sizes)), strict=True)
    smallest = mpmath.mpf("1e-3")
    return max(
        (float(abs(mpmath.mpf(got) - want) / max(abs(size), smallest)) for got, want, size in rows),
        default=0.0,
    )


def wrapped(expected: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Whole numbers in a dtype: unsigned ones wrap around, and bools tell zero from the rest."""
    if expected.dtype != object:
        return expected.astype(dtype)
    whole = np.array([int(number) for number in expected.ravel()], np.int64)
    return whole.astype(dtype).reshape(expected.shape)


@pytest.mark.parametrize("name", NAMES)
def test_value_shape_and_dtype(name, figures):
    figures.ops.add(name)
    op = OPS[name]
    for case in cases(name):
        figures.cases += 1
        avals = [aval_of(arg) for arg in case.args]
        if refuses(case):
            with pytest.raises(DtypeError):
                op(*case.args, **case.params)
            with pytest.raises(DtypeError):
                op.infer(*avals, **case.params)
            continue
        if has_no_value(case):
            with pytest.raises(DtypeError, match="negative power"):
                op(*case.args, **case.params)
            continue
        before = [np.array(arg) for arg in case.args]
        result = op(*case.args, **case.params)
        inferred = op.infer(*avals, **case.params)
        assert aval_of(result) == inferred, case
        for arg, old in zip(case.args, before, strict=True):
            np.testing.assert_array_equal(arg, old, err_msg=f"{case} wrote to an argument")
        expected, sizes = (references.scalars if op.elementwise else references.arrays)(case)
        assert np.shape(expected) == result.shape, case
        if result.dtype.kind == "f":
            error = relative_error(result, expected, sizes)
            bound = UNITS * float(np.finfo(result.dtype).eps)
            assert error <= bound, f"{case}: got {result}, expected {expected}"
            if result.dtype == np.float64:
                figures.error("reference", error)
        else:
            np.testing.assert_array_equal(
                result, wrapped(expected, result.dtype), err_msg=str(case)
            )


def test_every_op_has_a_reference():
    assert set(NAMES) == set(references.SCALARS) | set(references.ARRAYS)


def test_every_op_has_cases():
    for name in NAMES:
        assert len(list(cases(name))) >= 3, name
