"""Fixtures for all tests."""

import importlib
import os

import pytest


@pytest.fixture(scope="session")
def torch():
    """PyTorch, the referee. Without it the test is skipped, but where CI=true is set it fails."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        reason = "PyTorch, the referee, is not installed: pip install 'chainrule[referee]'"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
