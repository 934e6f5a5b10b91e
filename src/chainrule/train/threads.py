"""How many threads the matrix library may use while a model trains."""

import contextlib
import importlib.util
from contextlib import AbstractContextManager
from typing import Any

from chainrule.errors import import_extra

_WORTH_SHARING = 5e7
"""Below so many operations a step, a second thread costs more than it saves.

Measured for 784-25-25-10 with batch 100 (1.2e7 operations) on two cores beside a busy neighbour:
0.26 ms a step on one thread, 2.7 ms on two, for OpenBLAS waits spinning.
"""


def suited_to(parameters: int, batch: int) -> AbstractContextManager[Any]:
    """Hold the matrix library to one thread while steps are small; leave it alone otherwise.

    Needs threadpoolctl (the extra `threads`); without it nothing is changed.
    """
    operations = 6.0 * parameters * batch
    if operations > _WORTH_SHARING or importlib.util.find_spec("threadpoolctl") is None:
        return contextlib.nullcontext()
    pools = import_extra("threadpoolctl", extra="threads", purpose="limiting threads")
    return pools.threadpool_limits(limits=1, user_api="blas")
