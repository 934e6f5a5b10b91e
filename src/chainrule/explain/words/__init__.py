"""The words of the reports, by language: catalogues, and the way to look something up."""

from collections.abc import Mapping
from types import MappingProxyType

from chainrule.errors import unknown
from chainrule.explain.report import Message
from chainrule.explain.words.chinese import CHINESE
from chainrule.explain.words.english import ENGLISH

CATALOGUES: Mapping[str, Mapping[str, str]] = MappingProxyType({"en": ENGLISH, "zh": CHINESE})

__all__ = ["CATALOGUES", "Words"]


class Words:
    """The catalogue of one language.

    A key such as `slope.tanh.0` falls back to `slope.tanh`, then to `slope.any`: an op without
    words of its own still gets a sentence.

    Raises:
        OptionError: no catalogue has that name.

    >>> Words("en").say(Message("section.loss"))
    'The loss'
    """

    def __init__(self, language: str):
        if language not in CATALOGUES:
            raise unknown("language", language, CATALOGUES)
        self.language = language
        self.catalogue = CATALOGUES[language]

    def say(self, message: Message) -> str:
        """The sentence of a message."""
        return self.catalogue[self.found(message.key)].format(**message.args)

    def found(self, key: str) -> str:
        """The key under which the catalogue has words for `key`."""
        parts = key.split(".")
        for count in range(len(parts), 0, -1):
            short = ".".join(parts[:count])
            if short in self.catalogue:
                return short
        return f"{parts[0]}.any"

    def __getitem__(self, key: str) -> str:
        """A phrase without places to fill in."""
        return self.catalogue[key]
