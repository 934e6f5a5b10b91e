"""Bad calls meet an error that says what came, what was expected and how to mend it."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.aval import aval_of
from chainrule.errors import ChainruleError, DtypeError
from chainrule.ops.table import OPS, VARIADIC
from tests.ops.cases import NAMES, cases, concrete_sample, is_float

ERRORS = [
    pytest.param(name, number, id=f"{name}-{number}")
    for name in NAMES
    for number in range(len(OPS[name].errors))
]
DEPEND_ON_NUMBERS = {
    *(("clip", 0), ("index_set", 0), ("checked_ids", 0)),
    *(("cross_entropy_ids", 0), ("cross_entropy_ids", 1)),
}
"""Refusals that no shape or dtype shows."""


def as_tensor(value):
    return cr.tensor(value, requires_grad=is_float(value))


@pytest.mark.parametrize(("name", "number"), ERRORS)
def test_error_samples_of_arrays_and_of_tensors(name, number):
    op = OPS[name]
    (specs, params), kind, message = op.errors[number]
    args = concrete_sample(name, specs)
    with pytest.raises(kind, match=message):
        op(*args, **params)
    with pytest.raises(kind, match=message):
        op(*map(as_tensor, args), **params)


@pytest.mark.parametrize(("name", "number"), ERRORS)
def test_the_shape_rule_refuses_alike(name, number):
    op = OPS[name]
    (specs, params), kind, message = op.errors[number]
    avals = map(aval_of, concrete_sample(name, specs))
    if (name, number) in DEPEND_ON_NUMBERS:
        op.infer(*avals, **params)
        return
    with pytest.raises(kind, match=message):
        op.infer(*avals, **params)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_number_is_refused(name):
    op = OPS[name]
    case = next(cases(name))
    for position in range(len(case.args)):
        for bad in ("three", None, np.array(["a"]), object()):
            args = (*case.args[:position], bad, *case.args[position + 1 :])
            with pytest.raises(DtypeError, match="cannot compute with"):
                op(*args, **case.params)


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_unequal_length_are_refused(name):
    op = OPS[name]
    case = next(cases(name))
    with pytest.raises(ChainruleError, match="rows differ in length"):
        op([[1.0, 2.0], [3.0]], *case.args[1:], **case.params)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_numbers_of_arguments_and_unknown_options_are_refused(name):
    op = OPS[name]
    case = next(cases(name))
    with pytest.raises(TypeError, match=f"{re.escape(op.signature)} has no option 'shpae'"):
        op(*case.args, **case.params, shpae=1)
    if op.arity != VARIADIC:
        with pytest.raises(TypeError, match=r"needs .* array arguments"):
            op(*case.args[:-1], **case.params)
    extra = [1] * (len(op.required) + len(op.defaults) + 1)
    if op.arity != VARIADIC:
        with pytest.raises(TypeError, match="takes no more than"):
            op(*case.args, *extra)
    for option in op.required:
        rest = {key: value for key, value in case.params.items() if key != option}
        with pytest.raises(TypeError, match=f"needs the option '{option}'"):
            op(*case.args, **rest)


def test_an_option_given_twice_is_refused():
    with pytest.raises(TypeError, match="got 'axis' twice"):
        cr.sum(np.ones(3), 0, axis=0)


def test_a_near_option_is_suggested():
    with pytest.raises(TypeError, match="Did you mean 'keepdims'"):
        cr.sum(np.ones(3), keepdim=True)


def test_integers_that_do_not_fit_are_refused():
    pixels = np.array([1, 2], np.uint8)
    with pytest.raises(DtypeError, match=r"add: .*300.*uint8.*astype\('int64'\)"):
        cr.add(pixels, 300)
    assert cr.less(pixels, 300).all()
