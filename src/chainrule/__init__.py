"""chainrule: a deep-learning framework from first principles."""

__version__ = "0.1.0"
