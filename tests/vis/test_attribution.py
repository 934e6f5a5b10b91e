"""What pixels add to an output: against PyTorch's autograd, against brute force, and by axioms."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, vis
from tests.vis.conftest import twin


@pytest.mark.parametrize("target", [0, 2])
def test_the_gradient_is_that_of_pytorch(torch: Any, net: Any, image: Any, target: int) -> None:
    x = torch.as_tensor(image[None]).requires_grad_()
    twin(torch, net)(x)[0, target].backward()
    found = vis.input_gradient(net, image, target)
    assert found.shape == image.shape
    np.testing.assert_allclose(found, x.grad[0].numpy(), rtol=0, atol=1e-13)


def test_the_target_is_by_default_the_largest_output(net: Any, image: Any) -> None:
    largest = int(net(image[None]).numpy().argmax())
    for look in (vis.input_gradient, vis.integrated_gradients, vis.occlusion_map, vis.grad_cam):
        assert np.array_equal(look(net, image), look(net, image, largest))


def test_smoothgrad_is_the_mean_gradient_of_noisy_images(torch: Any, net: Any, image: Any) -> None:
    found = vis.input_gradient(net, image, 1, samples=70, noise=0.1, seed=4)
    noise = cr.random.normal(cr.random.key(4), (70, *image.shape), np.float64)
    x = torch.as_tensor(image + 0.1 * np.ptp(image) * noise).requires_grad_()
    twin(torch, net)(x)[:, 1].sum().backward()
    np.testing.assert_allclose(found, x.grad.numpy().mean(axis=0), rtol=0, atol=1e-13)
    assert not np.array_equal(found, vis.input_gradient(net, image, 1))


def test_integrated_gradients_are_pytorchs_mean_along_the_line(
    torch: Any, net: Any, image: Any
) -> None:
    start = cr.random.normal(cr.random.key(6), image.shape, np.float64)
    shares = torch.as_tensor((np.arange(100) + 0.5) / 100).reshape(-1, 1, 1, 1)
    line = (torch.as_tensor(start) + shares * torch.as_tensor(image - start)).requires_grad_()
    twin(torch, net)(line)[:, 1].sum().backward()
    expected = (image - start) * line.grad.numpy().mean(axis=0)
    found = vis.integrated_gradients(net, image, 1, baseline=start, steps=100)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("baseline", [None, 0.5, np.full((2, 10, 10), -0.25)])
def test_integrated_gradients_are_complete(net: Any, image: Any, baseline: Any) -> None:
    """Sundararajan et al., 2017, proposition 1: they sum to f(x) - f(baseline)."""
    start = np.broadcast_to(0.0 if baseline is None else baseline, image.shape)
    whole = net(image[None]).numpy()[0, 2] - net(start[None]).numpy()[0, 2]
    rough, fine = (
        vis.integrated_gradients(net, image, 2, baseline=baseline, steps=steps)
        for steps in (10, 1000)
    )
    assert abs(fine.sum() - whole) < 1e-3 * np.abs(fine).sum()
    assert abs(fine.sum() - whole) < abs(rough.sum() - whole)


def test_integrated_gradients_of_a_linear_net_are_exact_in_one_step(image: Any) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(200, 3, dtype=np.float64)).initialize(1)
    found = vis.integrated_gradients(net, image, 1, steps=1)
    expected = net[1].weight.numpy()[1].reshape(image.shape) * image
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_pixel_that_does_not_differ_adds_nothing(net: Any, image: Any) -> None:
    start = image.copy()
    start[:, 3:6] -= 1.0
    found = vis.integrated_gradients(net, image, 0, baseline=start)
    assert np.all(found[:, :3] == 0)
    assert np.all(found[:, 6:] == 0)
    assert np.any(found[:, 3:6] != 0)


@pytest.mark.parametrize(("size", "stride", "fill"), [(3, 1, None), (4, 3, 0.7), (10, 1, -1.0)])
def test_occlusion_is_what_covering_by_hand_gives(
    net: Any, image: Any, size: int, stride: int, fill: float | None
) -> None:
    found = vis.occlusion_map(net, image, 1, size=size, stride=stride, fill=fill)
    side = (10 - size) // stride + 1
    assert found.shape == (side, side)
    whole = net(image[None]).numpy()[0, 1]
    for row in range(side):
        for column in range(side):
            covered = image.copy()
            top, left = row * stride, column * stride
            covered[:, top : top + size, left : left + size] = fill or 0.0
            drop = whole - net(covered[None]).numpy()[0, 1]
            assert found[row, column] == pytest.approx(drop, abs=1e-12)


@pytest.mark.parametrize("layer", ["0", "2", "3", "4"])
def test_grad_cam_is_what_hooks_in_pytorch_give(
    torch: Any, net: Any, image: Any, layer: str
) -> None:
    other, kept = twin(torch, net), []

    def keep(module: Any, inputs: Any, output: Any) -> None:
        output.retain_grad()
        kept.append(output)

    other[int(layer)].register_forward_hook(keep)
    other(torch.as_tensor(image[None]))[0, 2].backward()
    maps, slopes = kept[0].detach().numpy()[0], kept[0].grad.numpy()[0]
    expected = np.maximum((slopes.mean(axis=(1, 2))[:, None, None] * maps).sum(axis=0), 0)
    assert expected.max() > 0
    found = vis.grad_cam(net, image, 2, layer=layer)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_grad_cam_takes_the_last_convolution_after_its_activation(net: Any, image: Any) -> None:
    assert np.array_equal(vis.grad_cam(net, image, 2), vis.grad_cam(net, image, 2, layer="4"))


class Twice(nn.Module):
    """One layer that runs two times."""

    def __init__(self) -> None:
        self.conv = nn.Conv2d(1, 1, 3, padding=1, dtype=np.float64)
        self.out = nn.Linear(16, 2, dtype=np.float64)

    def forward(self, x: Any) -> Any:
        return self.out(self.conv(cr.tanh(self.conv(x))).reshape((-1, 16)))


def test_of_a_layer_that_runs_twice_the_last_run_counts(torch: Any) -> None:
    net = Twice().initialize(2)
    x = cr.random.normal(cr.random.key(1), (1, 1, 4, 4), np.float64)
    weights = {k: torch.as_tensor(v) for k, v in net.state_dict().items()}

    def conv(value: Any) -> Any:
        convolve = torch.nn.functional.conv2d
        return convolve(value, weights["conv.weight"], weights["conv.bias"], padding=1)

    maps = conv(torch.tanh(conv(torch.as_tensor(x)))).detach().requires_grad_()
    (maps.reshape(1, 16) @ weights["out.weight"].T + weights["out.bias"])[0, 1].backward()
    expected = np.maximum(maps.grad.numpy().mean() * maps.detach().numpy()[0, 0], 0)
    np.testing.assert_allclose(vis.grad_cam(net, x, 1, layer="conv"), expected, atol=1e-14)
    np.testing.assert_allclose(vis.feature_maps(net, x, "conv")[0], maps.detach().numpy()[0, 0])


def test_one_output_speaks_for_two_classes() -> None:
    net = nn.Sequential(nn.Linear(9, 1)).initialize(0)
    image = np.ones((3, 3), np.float32)
    yes, no = (vis.input_gradient(net, image, target) for target in (1, 0))
    assert np.array_equal(yes.ravel(), net[0].weight.numpy()[0])
    assert np.array_equal(no, -yes)


def test_the_model_is_left_as_it_was(net: Any, image: Any) -> None:
    net.train()
    before = [dict(vars(module)) for _, module in net.named_modules()]
    state = net.state_dict()
    for look in (vis.input_gradient, vis.integrated_gradients, vis.occlusion_map, vis.grad_cam):
        look(net, image)
    assert [dict(vars(module)) for _, module in net.named_modules()] == before
    assert all(np.array_equal(state[path], array) for path, array in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_it_looks_in_evaluation_mode(image: Any) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(200, 3)).initialize(0).train()
    found = vis.input_gradient(net, image.astype(np.float32), 1)
    assert np.array_equal(found.ravel(), net[2].weight.numpy()[1])


def test_bytes_rows_and_pictures_are_the_same_image(digits: Any, rows: Any) -> None:
    for run in (digits, rows):
        sample = run.validation.x[0]
        square = sample.reshape(28, 28)
        forms = (sample, square, square[None], run.validation[0][0], square / np.float32(255))
        first = vis.integrated_gradients(run, sample, 3)
        assert first.shape == (1, 28, 28)
        for form in forms:
            np.testing.assert_allclose(vis.integrated_gradients(run, form, 3), first, atol=1e-5)


def test_a_run_and_its_model_see_the_same(digits: Any) -> None:
    sample = digits.validation.x[1]
    alone = vis.input_gradient(digits.model, sample)
    assert np.array_equal(vis.input_gradient(digits, sample), alone)


def test_colour_images(picture_of: Callable) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    image = (cr.random.uniform(cr.random.key(0), (3, 8, 8)) * 255).astype(np.uint8)
    np.testing.assert_allclose(
        vis.input_gradient(net, image, 1), vis.input_gradient(net, image / np.float32(255), 1)
    )
    figure = vis.saliency(net, image, 1)
    assert picture_of(figure.axes[0]).shape == (8, 8, 3)
    slope = np.abs(vis.input_gradient(net, image, 1)).max(axis=0)
    assert np.array_equal(picture_of(figure.axes[1]), slope)
