"""Declared ranges of an optimizer's settings; see `chainrule.settings`."""

from chainrule.settings import (
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    Range,
    check_ranges,
    setting,
)

__all__ = ["FRACTION", "NOT_NEGATIVE", "POSITIVE", "Range", "check_ranges", "setting"]
