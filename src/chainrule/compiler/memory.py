"""Memory that kernels work in, and the system's way to sleep for a moment."""

import ctypes
import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np


def aligned(shape: Sequence[int], dtype: Any, boundary: int = 64) -> np.ndarray:
    """An array of zeros that begins at a multiple of `boundary` bytes."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    memory = np.zeros(size + boundary, np.uint8)
    start = -memory.ctypes.data % boundary
    return memory[start : start + size].view(dtype).reshape(shape)


@cache
def napper() -> int:
    """The address of a C function that sleeps for so many microseconds (on Windows: gives way)."""
    if os.name == "nt":
        function = ctypes.windll.kernel32.SwitchToThread
    else:
        function = ctypes.CDLL(None).usleep
    return ctypes.cast(function, ctypes.c_void_p).value or 0
