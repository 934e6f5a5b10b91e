"""What a model with several heads gives in training."""

from typing import Any, NamedTuple


class Heads(NamedTuple):
    """The outputs of several heads, the first of which decide, and how much each counts.

    The loss of such outputs is sum(weight * loss(output, targets)); `chainrule.fit` computes it so
    for a loss by name as for a function of your own, which sees one head at a time. Metrics look at
    the first head. In evaluation a model gives the output of its first head alone.

    >>> Heads(("last", "early"), (1.0, 0.3)).outputs[0]
    'last'
    """

    outputs: tuple[Any, ...]
    weights: tuple[float, ...]


def first_head(output: Any) -> Any:
    """The output that decides: of `Heads` the first, and else the output itself.

    >>> first_head(Heads((1, 2), (1.0, 0.3))), first_head(3)
    (1, 3)
    """
    return output.outputs[0] if isinstance(output, Heads) else output
