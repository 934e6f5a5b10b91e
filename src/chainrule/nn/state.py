"""Weights out of a model and into it, as plain arrays by path."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import ChainruleError, DataError, suggestion
from chainrule.nn.parameter import Buffer, Parameter, as_numbers, fitting
from chainrule.nn.walk import Node, walk


class Skipped(NamedTuple):
    """The names that a load which is not strict passed over."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]


def leaves_of(model: Node) -> dict[str, Parameter | Buffer]:
    """Every parameter and buffer by path; one that stands at several paths has each of them."""
    return {
        place.path: place.value
        for place in walk(model)
        if isinstance(place.value, (Parameter, Buffer))
    }


def read(model: Node) -> dict[str, np.ndarray]:
    """Copies of all numbers; see `Module.state_dict`."""
    return {path: np.array(as_numbers(leaf)) for path, leaf in leaves_of(model).items()}


def load(model: Node, mapping: Mapping[str, Any], strict: bool = True) -> Skipped:
    """Take the numbers of a mapping; see `Module.load_state_dict`."""
    leaves = leaves_of(model)
    missing = tuple(path for path in leaves if path not in mapping)
    unexpected = tuple(path for path in mapping if path not in leaves)
    arrays, wrong = {}, []
    for path, leaf in leaves.items():
        if path in mapping:
            try:
                arrays[path] = fitting(mapping[path], leaf.shape, leaf.dtype, path)
            except (ChainruleError, TypeError) as error:
                wrong.append(f"misshapen: {error}")
    if strict:
        wrong += [f"missing: {path} of shape {leaves[path].shape}" for path in missing]
        near = missing or leaves
        wrong += [f"unexpected: {path}. {suggestion(path, near)}" for path in unexpected]
    if wrong:
        mend = "With strict=False, missing and unexpected names are passed over."
        raise DataError(
            f"these weights do not fit this {type(model).__name__}; nothing was loaded:\n  "
            + "\n  ".join(wrong)
            + (f"\n{mend}" if strict and (missing or unexpected) else "")
        )
    for path, array in arrays.items():
        leaves[path].data = array
    return Skipped(missing, unexpected)
