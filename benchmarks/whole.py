"""A whole program of `cold.py`: import, train, and print the test accuracy.

Usage: python whole.py MODULE.FUNCTION THREADS FOLDER
"""

import importlib
import sys
from pathlib import Path

from task import hold_to

if __name__ == "__main__":
    hold_to(int(sys.argv[2]))
    module, function = sys.argv[1].split(".")
    accuracy = getattr(importlib.import_module(f"peers.{module}"), function)(Path(sys.argv[3]))
    print(f"test accuracy {accuracy:.4f}")
