"""Where the error of a fit comes from: bias, variance and noise, by the width of a net.

    python examples/bias_variance.py [FOLDER] [--quick]

Nets are fitted to many sets of samples y = f(x) + e. At each x, with the mean over the sets,

    E (y - net(x))^2  =  (E net(x) - f(x))^2  +  E (net(x) - E net(x))^2  +  E e^2
    expected error       bias^2                  variance                    noise

(Geman, Bienenstock and Doursat, "Neural networks and the bias/variance dilemma", 1992.)
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import experiment
import numpy as np

from chainrule import nn, optim, random

SAMPLES, NOISE = 25, 0.3
PENALTY = nn.L2(3e-5)
"""Just enough to keep a fit from leaping between two samples, which no mean would survive."""
WHERE = np.linspace(-1.0, 1.0, 101)[:, None]


def truth(x: Any) -> Any:
    return np.sin(3 * x)


class Parts(NamedTuple):
    """The parts of the expected error at `WHERE`, on the mean, and some of the fits."""

    error: float
    bias: float
    variance: float
    noise: float
    curves: np.ndarray


def measure(quick: bool = False) -> dict[int, Parts]:
    """The parts by width."""
    widths = (0, 2, 20) if quick else (0, 1, 2, 3, 5, 8, 12, 20)
    sets = 8 if quick else 40
    return {width: decompose(width, sets) for width in widths}


def decompose(width: int, sets: int) -> Parts:
    curves = np.array([fit(width, seed) for seed in range(sets)])
    # Fresh samples for each fit, so that the error is measured and not put together.
    noise = NOISE * random.normal(random.key(sets), curves.shape, np.float64)
    mean = curves.mean(axis=0)
    return Parts(
        error=float(np.mean((truth(WHERE) + noise - curves) ** 2)),
        bias=float(np.mean((mean - truth(WHERE)) ** 2)),
        variance=float(curves.var(axis=0).mean()),
        noise=float(np.mean(noise**2)),
        curves=curves[:8],
    )


def fit(width: int, seed: int) -> np.ndarray:
    """A net fitted to its own set of samples: its values at `WHERE`. Width 0 is a line."""
    where, what = random.split(random.key(seed))
    x = 2 * random.uniform(where, (SAMPLES, 1), np.float64) - 1
    y = truth(x) + NOISE * random.normal(what, x.shape, np.float64)
    layers = [nn.Linear(1, max(width, 1), weight_init="normal(2.0)", dtype=np.float64)]
    if width:
        layers += [nn.Tanh(), nn.Linear(width, 1, dtype=np.float64)]
    net = nn.Sequential(*layers).initialize(seed)

    def cost(weights: Any) -> Any:
        return nn.mse(nn.functional_call(net, weights, x), y) + PENALTY(weights.values())

    found = optim.minimize(cost, net.state_dict(), optim.LBFGS(iterations=300))
    return nn.functional_call(net, found.parameters, WHERE)


def finding(parts: dict[int, Parts]) -> experiment.Finding:
    widths = list(parts)
    best = min(widths, key=lambda width: parts[width].error)
    line, widest = parts[0], parts[widths[-1]]
    gap = max(abs(p.error / (p.bias + p.variance + p.noise) - 1) for p in parts.values())
    return (
        f"A line errs by bias^2 ({line.bias:.3f}, variance {line.variance:.3f}), a net of "
        f"{widths[-1]} tanh units by variance ({widest.variance:.3f}, bias^2 {widest.bias:.3f}); "
        f"of those tried {best} units err least ({parts[best].error:.3f}, {parts[best].noise:.3f} "
        "of it noise that no net can foresee).",
        f"Bias^2 + variance + noise agree with the error measured on fresh samples within "
        f"{gap:.1%}.",
    )


def draw(parts: dict[int, Parts]) -> Any:
    ratios = {"width_ratios": [3, 3, 3, 5]}
    figure, (axes,) = experiment.panels(1, 4, size=(15, 4), gridspec_kw=ratios)
    widths = list(parts)
    best = min(widths, key=lambda width: parts[width].error)
    for panel, width in zip(axes, (0, best, widths[-1]), strict=False):
        panel.plot(WHERE, parts[width].curves[..., 0].T, color="C0", linewidth=0.8)
        panel.plot(WHERE, truth(WHERE), color="k", label="truth")
        name = f"{width} units" if width else "a line"
        panel.set(xlabel="x", ylabel="y", ylim=(-2, 2), title=f"fits to 8 sets: {name}")
        panel.legend()
    names = [str(width) if width else "line" for width in widths]
    bottom = np.zeros(len(widths))
    for what in ("noise", "bias", "variance"):
        heights = np.array([getattr(p, what) for p in parts.values()])
        axes[3].bar(names, heights, bottom=bottom, label=what + "²" * (what == "bias"))
        bottom += heights
    axes[3].plot(names, [p.error for p in parts.values()], "k.", label="measured error")
    ceiling = 1.2 * max(p.error for p in parts.values())
    axes[3].set(xlabel="hidden units", ylabel="expected squared error", ylim=(0, ceiling))
    axes[3].legend()
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[int, Parts]:
    return experiment.run(__file__, measure, finding, draw, arguments)


if __name__ == "__main__":
    main()
