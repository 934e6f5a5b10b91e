"""How many threads may share the work of training."""

import contextlib
import importlib.util
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from chainrule.errors import import_extra
from chainrule.nn import Module

_WORTH_SHARING = 5e7
"""Below so many operations a step, a second thread costs more than it saves.

Measured for 784-25-25-10 with batch 100 (1.2e7 operations) on two cores beside a busy neighbour:
0.26 ms a step on one thread, 2.7 ms on two, for OpenBLAS waits spinning.
"""


def step_operations(model: Module, batch: int) -> float:
    """What a training step takes, roughly: two operations a weight and sample, three times over.

    Forward, to the inputs and to the weights.
    """
    return 6.0 * sum(parameter.size for parameter in model.parameters()) * batch


def suited_to(model: Module, batch: int) -> AbstractContextManager[Any]:
    """Hold the matrix library to one thread while steps are small; leave it alone otherwise.

    Needs threadpoolctl (the extra `threads`); without it nothing is changed.
    """
    operations = step_operations(model, batch)
    if operations > _WORTH_SHARING or importlib.util.find_spec("threadpoolctl") is None:
        return contextlib.nullcontext()
    pools = import_extra("threadpoolctl", extra="threads", purpose="limiting threads")
    return pools.threadpool_limits(limits=1, user_api="blas")


def free_processors(
    count: int | None = None,
    groups: str | Path = "/sys/fs/cgroup",
    own: str | Path = "/proc/self/cgroup",
) -> int:
    """The processors that this process may use: its affinity, and its container's share.

    Args:
        count: how many there are; by default those that the process may run on.
        groups: where Linux shows its control groups, of version 1 or 2.
        own: the file that says in which of them this process is.

    >>> free_processors() >= 1
    True
    """
    if count is None:
        allowed = getattr(os, "sched_getaffinity", None)
        count = (len(allowed(0)) if allowed else os.cpu_count()) or 1
    shares = (_share(folder) for folder in _control_groups(Path(groups), Path(own)))
    return max(1, min([count, *(share for share in shares if share is not None)]))


def _control_groups(root: Path, own: Path) -> list[Path]:
    """The folders of the groups that this process is in, from the root on."""
    try:
        entries = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        entries = []
    found = [root, root / "cpu"]
    for _, kinds, path in (entry for entry in entries if len(entry) == 3):
        below = root if not kinds else root / "cpu" if "cpu" in kinds.split(",") else None
        if below is not None:
            parts = Path(path.strip("/")).parts
            found += [below.joinpath(*parts[: k + 1]) for k in range(len(parts))]
    return found


def _share(folder: Path) -> int | None:
    """Whole processors that a control group may use; None where nothing limits it."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            quota, period = " ".join((folder / name).read_text() for name in names).split()
            if quota not in ("max", "-1"):
                return max(1, int(quota) // int(period))
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return None
