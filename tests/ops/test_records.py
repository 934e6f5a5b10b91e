"""What a record says of itself: its examples run, its formula can be written."""

import doctest
import pickle
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.ops.table import OPS, VARIADIC, defop, op_named
from tests.ops.cases import MODULES, NAMES

PUBLIC = {name: thing for module in MODULES for name, thing in vars(module).items()}
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", NAMES)
def test_examples_run(name):
    text = OPS[name].__doc__ or ""
    assert ">>>" in text, "a record's docstring has an example"
    example = doctest.DocTestParser().get_doctest(text, {**PUBLIC, "np": np, "cr": cr}, name, "", 0)
    lines: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(example, out=lines.append)
    assert runner.failures == 0, "".join(lines)


@pytest.mark.parametrize("name", NAMES)
def test_docstrings_begin_with_one_line(name):
    first, _, rest = (OPS[name].__doc__ or "").partition("\n")
    assert first.endswith("."), first
    assert len(first) <= 100
    assert not rest or rest.startswith("\n")


@pytest.mark.parametrize("name", NAMES)
def test_formulas_can_be_written(name):
    op = OPS[name]
    count = 2 if op.arity == VARIADIC else op.arity
    params = dict.fromkeys(op.options, "0")
    written = op.latex.format(*"abc"[:count], **{"all": "a, b", **params})
    assert "a" in re.sub(r"\\[a-z]+", "", written)
    assert written.count("{") == written.count("}")


@pytest.mark.parametrize("name", NAMES)
def test_records_travel_by_name(name):
    assert pickle.loads(pickle.dumps(OPS[name])) is op_named(name)
    assert repr(OPS[name]).startswith(f"<op {name}(")


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="op 'exp' is defined twice"):
        defop("exp", np=np.exp, infer=lambda x: x, doc="Again.")


@pytest.mark.parametrize("name", NAMES)
def test_each_record_has_one_form_of_derivative(name):
    op = OPS[name]
    assert not (op.partials and (op.transpose or op.vjp))
    assert not (op.transpose and op.vjp)
    assert bool(op.vjp) <= bool(op.jvp), "a vjp comes with its jvp"
    assert len(op.partials) in (0, op.arity)
    if op.elementwise:
        assert len(op.domain) == op.arity
