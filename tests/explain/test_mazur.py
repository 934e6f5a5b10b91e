"""Matt Mazur's example ("A Step by Step Backpropagation Example", 2015), number by number."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

SEVENTH = 5e-10


def model() -> nn.Module:
    hidden, output = nn.Linear(2, 2, dtype=np.float64), nn.Linear(2, 2, dtype=np.float64)
    hidden.weight.assign([[0.15, 0.20], [0.25, 0.30]])
    hidden.bias = nn.Buffer(np.array([0.35, 0.35]))
    output.weight.assign([[0.40, 0.45], [0.50, 0.55]])
    output.bias = nn.Buffer(np.array([0.60, 0.60]))
    return nn.Sequential(hidden, nn.Sigmoid(), output, nn.Sigmoid())


def error(outputs, targets):
    return 0.5 * nn.mse(outputs, targets, reduction="sum")


@pytest.fixture(scope="module")
def report() -> cr.explain.Report:
    return cr.explain(
        model(), [[0.05, 0.10]], [[0.01, 0.99]], loss=error, optimizer=optim.SGD(lr=0.5)
    )


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("z1", [0.3775, 0.3925]),
        ("h1", [0.593269992, 0.596884378]),
        ("h2", [0.751365070, 0.772928465]),
        ("L", 0.298371109),
        ("dL/dW2", [[0.082167041, 0.082667628], [-0.022602540, -0.022740242]]),
        ("dL/dh1", [0.036350306, 0.041370323]),
        ("W2'", [[0.35891648, 0.408666186], [0.511301270, 0.561370121]]),
        ("W1'", [[0.149780716, 0.19956143], [0.24975114, 0.29950229]]),
        ("L'", 0.291027774),
    ],
)
def test_the_numbers_of_the_text(report: cr.explain.Report, key: str, expected: object) -> None:
    found = np.asarray(report[key].value).reshape(np.shape(expected))
    np.testing.assert_allclose(found, expected, atol=6e-9)


def test_the_page_shows_the_right_seventh_digit(report: cr.explain.Report) -> None:
    assert report.right
    assert abs(float(report["L'"].value) - 0.291027774) < SEVENTH
    for form in (report.text(), report.html(), report.latex(), report.markdown()):
        assert "0.291027774" in form
        assert "0.298371109" in form


def test_one_entry_is_multiplied_out(report: cr.explain.Report) -> None:
    text = report.text()
    assert "z1[1] = 0.3 · 0.1 + 0.25 · 0.05 + 0.35 = 0.3925" in text
    assert "dL/dz2[0] = 0.74136507 · 0.75136507 · (1 - 0.75136507) = 0.138498562" in text
