"""Each error is also the built-in class that a Python programmer would catch."""

import builtins
import importlib

import pytest

from chainrule import errors
from chainrule.errors import (
    ChainruleError,
    MissingExtraError,
    OptionError,
    import_extra,
    suggestion,
    unknown,
)

CLASSES = [
    thing
    for thing in vars(errors).values()
    if isinstance(thing, type) and issubclass(thing, ChainruleError) and thing is not ChainruleError
]
BUILT_IN = {name for name, thing in vars(builtins).items() if isinstance(thing, type)}


@pytest.mark.parametrize("kind", CLASSES)
def test_each_error_is_a_built_in_one_too(kind):
    parents = {parent.__name__ for parent in kind.__mro__} & BUILT_IN
    assert parents - {"Exception", "BaseException", "object"}
    assert kind.__doc__


def test_the_nearest_name_is_suggested():
    assert (
        suggestion("Sofmax", ["softmax", "relu"]) == "Did you mean 'softmax'? Known: softmax, relu."
    )
    assert suggestion("xyz", ["softmax", "relu"]) == "Known: softmax, relu."
    assert suggestion("x", []) == "Known: ."


def test_unknown_names():
    error = unknown("optimizer", "adm", ["adam", "sgd"])
    assert isinstance(error, OptionError)
    assert str(error) == "unknown optimizer 'adm'. Did you mean 'adam'? Known: adam, sgd."
    assert "unknown loss 3." in str(unknown("loss", 3, ["mse"]))


def test_an_extra_that_is_there_is_imported():
    assert import_extra("json", extra="io", purpose="reading") is importlib.import_module("json")


def test_an_extra_that_is_missing_is_named():
    with pytest.raises(MissingExtraError) as caught:
        import_extra("no_such_package.part", extra="plot", purpose="plot()")
    assert str(caught.value) == (
        "plot() needs no_such_package, which is not installed. "
        "Install it with: pip install 'chainrule[plot]'"
    )
    assert isinstance(caught.value.__cause__, ImportError)
