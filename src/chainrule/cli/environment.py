"""What the environment says: the only place where its variables are read."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO


@dataclass(frozen=True)
class Environment:
    """The environment of the command line.

    Args:
        cache: the folder in which data sets are kept, or None for the system's usual one.
        kernels: likewise, the folder in which machine code is kept.
        colours: whether a terminal may be written to in colours.
        pager: the program that shows long text; nothing for none.
    """

    cache: Path | None = None
    kernels: Path | None = field(default=None, repr=False)
    colours: bool = True
    pager: str = field(default="", repr=False)

    @classmethod
    def read(cls, variables: Mapping[str, str] = os.environ) -> "Environment":
        """CHAINRULE_CACHE, else XDG_CACHE_HOME; NO_COLOR (see no-color.org), TERM, PAGER.

        >>> Environment.read({"XDG_CACHE_HOME": "/home/ada/caches", "NO_COLOR": "1"})
        Environment(cache=PosixPath('/home/ada/caches/chainrule/datasets'), colours=False)
        """
        cache, home = variables.get("CHAINRULE_CACHE"), variables.get("XDG_CACHE_HOME", "")
        folder = Path(cache).expanduser() if cache else None
        kernels = None if folder is None else folder / "kernels"
        # The standard asks to ignore a relative path.
        if folder is None and os.path.isabs(home):
            folder, kernels = (Path(home) / "chainrule" / name for name in ("datasets", "kernels"))
        colours = not variables.get("NO_COLOR") and variables.get("TERM") != "dumb"
        return cls(folder, kernels, colours, variables.get("PAGER", "less -FRX"))

    def colours_on(self, stream: TextIO) -> bool:
        """Whether to write to this stream in colours: it is a terminal, and none forbade it."""
        return self.colours and stream.isatty()
