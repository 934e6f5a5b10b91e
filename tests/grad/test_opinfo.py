"""PyTorch's own operator samples: forward and vector-Jacobian product of every shared op."""

import contextlib
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ShapeError
from tests.grad.opinfo import ADAPTORS, NotOursError

pytestmark = pytest.mark.slow
TOLERANCE = 1e-10


def to_numpy(torch, value):
    """Tensors as arrays, also inside lists, tuples and slices."""
    if isinstance(value, torch.Tensor):
        return value.detach().resolve_conj().resolve_neg().numpy()
    if isinstance(value, (list, tuple)):
        return type(value)(to_numpy(torch, item) for item in value)
    if isinstance(value, torch.dtype):
        raise NotOursError("a result dtype")
    return value


def floats(value, found: list) -> list:
    """The float64 arrays in the arguments, in order."""
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        found.append(value)
    elif isinstance(value, (list, tuple)):
        for item in value:
            floats(item, found)
    return found


def filled(value, rest):
    """The arguments with their float64 arrays replaced one after another."""
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return next(rest)
    if isinstance(value, (list, tuple)):
        return type(value)(filled(item, rest) for item in value)
    return value


def tensors(torch, value, found: list) -> list:
    if isinstance(value, torch.Tensor) and value.dtype == torch.float64:
        found.append(value)
    elif isinstance(value, (list, tuple)):
        for item in value:
            tensors(torch, item, found)
    return found


def compare(torch, info, sample) -> None:
    args = (sample.input, *sample.args)
    arrays = to_numpy(torch, args)
    options = {name: to_numpy(torch, value) for name, value in sample.kwargs.items()}
    inputs = floats(arrays, [])
    adaptor = ADAPTORS[info.name]

    def ours(*values):
        return adaptor(*filled(arrays, iter(values)), **options)

    ours(*inputs)
    for tensor in (leaves := tensors(torch, args, [])):
        tensor.requires_grad_(tensor.is_leaf)
    with contextlib.nullcontext() if info.supports_autograd else torch.no_grad():
        expected = info.op(*args, **sample.kwargs)
    expected = expected[0] if isinstance(expected, tuple) else expected
    if not expected.requires_grad:
        result = np.asarray(ours(*inputs))
        np.testing.assert_allclose(result, expected.detach().numpy(), TOLERANCE, TOLERANCE)
        return
    weights = np.random.default_rng(0).normal(size=tuple(expected.shape))
    slopes = torch.autograd.grad(
        expected, leaves, torch.from_numpy(np.asarray(weights)), allow_unused=True
    )
    value, pull = cr.vjp(ours, *inputs)
    np.testing.assert_allclose(value, expected.detach().numpy(), TOLERANCE, TOLERANCE)
    for mine, slope in zip(pull(weights), slopes, strict=True):
        other = np.zeros(np.shape(mine)) if slope is None else slope.numpy()
        np.testing.assert_allclose(mine, other, TOLERANCE, TOLERANCE)


def told(info, sample, error: Exception) -> str:
    """A problem in a line: the op, the shapes that it was given, and the error's first words."""
    shapes = [
        tuple(value.shape) if hasattr(value, "shape") else value
        for value in (sample.input, *sample.args)
    ]
    words = " ".join(str(error).split())[:200]
    return f"{info.name} {shapes} {sample.kwargs}: {type(error).__name__}: {words}"[:400]


def test_opinfo_samples(torch, record_property):
    pytest.importorskip("expecttest", reason="PyTorch's samples need expecttest")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    seen: dict[str, int] = {}
    left_out: dict[str, int] = {}
    problems = []
    for info in op_db:
        if info.name not in ADAPTORS or info.variant_test_name not in ("", "default"):
            continue
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for sample in info.sample_inputs("cpu", torch.float64, requires_grad=False):
                try:
                    compare(torch, info, sample)
                except NotOursError as reason:
                    left_out[str(reason)] = left_out.get(str(reason), 0) + 1
                    continue
                except ShapeError as error:
                    if "a 0-d array has none" not in str(error):
                        problems.append(told(info, sample, error))
                    reason = "an axis of a 0-d array"
                    left_out[reason] = left_out.get(reason, 0) + 1
                    continue
                except Exception as error:
                    problems.append(told(info, sample, error))
                seen[info.name] = seen.get(info.name, 0) + 1
    print(
        f"\nOpInfo: {len(seen)} ops, {sum(seen.values()):,} samples agree to {TOLERANCE:g}; left "
        f"out {sum(left_out.values())} samples with options that chainrule has not: {left_out}"
    )
    assert not problems, "\n".join(problems)
    assert len(seen) >= 90
