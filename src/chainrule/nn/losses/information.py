"""Information and entropy: how surprising outcomes are, in nats or in another unit.

With probabilities p and q along the last axis, H(p, q) = H(p) + KL(p||q), where H(p, q) is
`cross_entropy(q, p, from_logits=False)` and KL(p||q) is `kl_divergence(q, p, from_logits=False)`.
"""

import math
from typing import Any

from chainrule import ops
from chainrule.nn.losses.checks import check_rows, check_unit
from chainrule.ops.table import operand
from chainrule.settings import Range, number

_BASES = Range(1.0, math.inf, low_included=False)


def self_information(p: Any, base: float = math.e) -> Any:
    """How surprising an event of probability p is: -ln p in nats, with base=2 in bits.

    Reference: Shannon, "A mathematical theory of communication", Bell System Technical Journal 27,
    1948.

    Shape: any; the result has the same.

    Raises:
        DataError: numbers outside 0 to 1.
        OptionError: a base that is not above 1.

    >>> self_information([1.0, 0.5, 0.125], base=2)
    array([0., 1., 3.], dtype=float32)
    """
    p = operand(p)
    check_unit("self_information", "array p", p, "Give probabilities.")
    return -ops.log(p) / math.log(number("self_information", "base", base, _BASES)) + 0.0


def entropy(p: Any, base: float = math.e) -> Any:
    """The mean self-information of a distribution: -sum(p ln p), with 0 ln 0 = 0.

    Shape: (..., outcomes) gives (...).

    Raises:
        DataError: rows that are no probabilities.
        OptionError: a base that is not above 1.

    >>> entropy([[0.5, 0.5], [1.0, 0.0]], base=2)
    array([1., 0.], dtype=float32)
    """
    p = operand(p)
    check_rows("entropy", "array p", p, "Divide each row by its sum.")
    logs = ops.log(ops.where(p > 0, p, 1.0))
    unit = math.log(number("entropy", "base", base, _BASES))
    return ops.sum(p * -logs, axis=-1) / unit
