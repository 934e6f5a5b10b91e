"""The command line: `chainrule train mnist`, `chainrule predict runs/first digit.png`, ..."""

from chainrule.cli.program import main

__all__ = ["main"]
