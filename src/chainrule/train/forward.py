"""A model's outputs as machine code, for slices of a few fixed sizes."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import compiler, nn
from chainrule.data import Affine
from chainrule.train.compiled import fixed, transformed
from chainrule.train.compiling import threads_for

if TYPE_CHECKING:
    from chainrule.train.run import Run

_SIZES = (1, 10, 100, 1000)
"""Samples in a slice. What does not fill one is padded, so that few shapes are compiled."""
_SECONDS, _FLOPS_A_SECOND = 1.0, 2e10
"""With compile="auto", what would take less than this at that rate is not worth compiling."""


@contextlib.contextmanager
def settled(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode, for a while."""
    modes = [(module, module.training) for _, module in model.named_modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def wanted(run: "Run", samples: int) -> bool:
    """Whether a run's outputs for so many samples are computed by machine code.

    It depends on sizes alone, and not on clocks, for the last bits depend on it.
    """
    choice = run.settings.compile
    if choice is False or not compiler.available():
        return False
    operations = 2.0 * sum(p.size for p in run.model.parameters()) * samples
    return choice is True or operations / _FLOPS_A_SECOND > _SECONDS


class CompiledOutputs:
    """The outputs of a run's model in evaluation mode, compiled for each size of slice."""

    def __init__(self, run: "Run"):
        self.run = run
        self.fixed: list = []
        self.made: list[tuple[Affine, Callable]] = []

    def __call__(
        self, x: np.ndarray, transform: Affine, weights: Mapping[str, np.ndarray]
    ) -> np.ndarray | None:
        """The outputs for up to a thousand samples; None where the model cannot be compiled."""
        model = self.run.model
        size = next(size for size in _SIZES if size >= len(x))
        if len(x) < size:
            # With a sample, and not with zeros, of which a model might make something else.
            x = np.concatenate([x, np.broadcast_to(x[:1], (size - len(x), *x.shape[1:]))])
        leaves = (*model.named_parameters(), *model.named_buffers())
        held = {path: weights.get(path, leaf.data) for path, leaf in leaves}
        try:
            return self._function(transform)(np.asarray(x), held)
        # Whatever it is that the user's own code minds in a trace: the eager model may not.
        except Exception:
            return None

    def _function(self, transform: Affine) -> Callable:
        run, model = self.run, self.run.model
        with settled(model):
            now = fixed(model)
        if now != self.fixed:
            # Someone has set up the model otherwise.
            self.fixed, self.made = now, []
        for known, function in self.made:
            if known == transform:
                return function

        # The weights are arguments: what is computed from captured ones alone would be baked in.
        def outputs(x: Any, held: dict) -> Any:
            with settled(model), nn.swapped(model, held):
                return model(transformed(transform, x))

        cache = compiler.ObjectCache(run.settings.kernels)
        made = compiler.compile(outputs, threads=threads_for(run), cache=cache)
        self.made.append((transform, made))
        return made
