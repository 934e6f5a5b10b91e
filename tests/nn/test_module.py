"""Modules: how parts are found and named, drawn, saved and called."""

from typing import Any, cast

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, rng
from chainrule.errors import DataError, DtypeError, GradientError, OptionError, ShapeError
from chainrule.grad import jvp


class Net(nn.Module):
    """Parts in every place that a part can have."""

    def __init__(self) -> None:
        self.scale = nn.Parameter.from_array([2.0])
        self.mean = nn.Buffer(np.zeros(3, np.float32))
        self.layers = [nn.Linear(4, 3), nn.Linear(3, 3)]
        self.heads = {"a": nn.Linear(3, 2, bias=False), "b": (nn.Linear(3, 1),)}
        self.shift = [nn.Parameter((3,), "zeros")]
        self.note = "not a part"

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = cr.relu(layer(x))
        if self.training:
            self.mean = self.mean * 0.5 + cr.mean(x, axis=0) * 0.5
        return self.heads["a"](x * self.scale + self.shift[0] - self.mean)


PATHS = ["scale", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"]
PATHS += ["heads.a.weight", "heads.b.0.weight", "heads.b.0.bias", "shift.0"]


class TestFinding:
    def test_parameters_are_named_by_the_way_to_them_in_order(self) -> None:
        assert [path for path, _ in Net().named_parameters()] == PATHS
        assert [path for path, _ in Net().named_buffers()] == ["mean"]

    def test_modules_and_children(self) -> None:
        net = Net()
        assert [path for path, _ in net.named_modules()] == [
            *("", "layers.0", "layers.1", "heads.a", "heads.b.0")
        ]
        assert list(net.children()) == [*net.layers, net.heads["a"], net.heads["b"][0]]
        assert list(nn.Sequential(net).children()) == [net]

    def test_parameter_count(self) -> None:
        assert Net().parameter_count == 1 + 15 + 12 + 6 + 4 + 3

    def test_a_shared_parameter_is_found_once_and_saved_under_both_names(self) -> None:
        net = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
        net[2].weight = net[0].weight
        assert [path for path, _ in net.named_parameters()] == ["0.weight", "0.bias", "2.bias"]
        assert list(net.initialize(0).state_dict()) == [
            *("0.weight", "0.bias", "2.weight", "2.bias")
        ]

    def test_a_part_that_points_back_is_no_circle(self) -> None:
        net = Net()
        net.layers[0].parent = net
        assert [path for path, _ in net.named_parameters()] == PATHS

    def test_names_are_those_of_pytorch(self, torch: Any) -> None:
        t = torch.nn
        twin = t.Sequential(t.Linear(4, 3), t.ReLU(), t.Sequential(t.Linear(3, 2)))
        net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 2)))
        assert [path for path, _ in net.named_parameters()] == list(twin.state_dict())
        assert repr(net) == repr(twin)


class TestDrawing:
    def test_a_parameter_has_a_shape_before_it_has_numbers(self) -> None:
        weight = nn.Linear(4, 3).weight
        assert weight.shape == (3, 4)
        assert weight.dtype == np.float32
        assert weight.size == 12
        assert not weight.drawn
        assert "no numbers yet" in repr(weight)
        for read in (lambda: weight.data, weight.numpy, lambda: weight.T, lambda: weight + 1):
            with pytest.raises(DataError, match=r"model\.initialize\(seed\), or call the model"):
                read()

    def test_position_decides_the_numbers_not_what_is_drawn_already(self) -> None:
        whole, part = Net().initialize(4), Net()
        part.layers[1].weight.draw(rng.key(99))
        drawn = part.layers[1].weight.numpy().copy()
        part.initialize(4)
        np.testing.assert_array_equal(part.layers[1].weight.numpy(), drawn)
        for path, array in whole.state_dict().items():
            if path != "layers.1.weight":
                np.testing.assert_array_equal(part.state_dict()[path], array)

    def test_the_keys_are_those_that_are_documented(self) -> None:
        net = Net().initialize(4)
        index = PATHS.index("heads.a.weight")
        expected = nn.init.by_name("kaiming_uniform").draw(rng.fold_in(rng.key(4), index), (2, 3))
        np.testing.assert_array_equal(net.heads["a"].weight.numpy(), expected)

    def test_the_first_call_draws_with_seed_0_and_later_calls_draw_nothing(self) -> None:
        called, drawn = Net(), Net().initialize(0)
        for _ in range(2):
            called(np.ones((2, 4)))
            for path, parameter in drawn.named_parameters():
                np.testing.assert_array_equal(called.state_dict()[path], parameter.numpy())

    def test_redraw(self) -> None:
        net = Net().initialize(1)
        weight = net.layers[0].weight
        before = weight.numpy()
        net.initialize(2)
        np.testing.assert_array_equal(weight.numpy(), before)
        net.initialize(2, redraw=True)
        assert not np.array_equal(weight.numpy(), before)
        np.testing.assert_array_equal(net.scale.numpy(), [2.0])  # was made from an array

    def test_a_part_that_comes_later_is_drawn_too(self) -> None:
        net = nn.Sequential(nn.Linear(2, 2))
        net(np.ones((1, 2)))
        wide = nn.Sequential(*net, nn.Linear(2, 5))
        assert wide(np.ones((1, 2))).shape == (1, 5)
        net[0].weight = nn.Parameter((4, 2), "ones")
        net[0].bias = nn.Parameter((4,), "zeros")
        np.testing.assert_array_equal(net(np.ones((1, 2))).numpy(), [[2, 2, 2, 2]])

    def test_a_bad_seed(self) -> None:
        with pytest.raises(OptionError, match="seed is -1"):
            Net().initialize(-1)

    def test_parameters_hold_floats(self) -> None:
        with pytest.raises(DtypeError, match="got dtype int64; expected float32 or float64"):
            nn.Parameter((2,), "zeros", np.int64)
        with pytest.raises(DtypeError, match="int64; a derivative needs"):
            nn.Parameter.from_array(np.array([1, 2]))


class TestAssigning:
    def test_assign_copies(self) -> None:
        layer, numbers = nn.Linear(2, 2).initialize(0), np.ones((2, 2), np.float32)
        before = layer.weight.data
        kept = before.copy()
        layer.weight.assign(numbers)
        numbers[:] = 7
        np.testing.assert_array_equal(layer.weight.numpy(), np.ones((2, 2)))
        np.testing.assert_array_equal(before, kept)

    def test_floats_are_converted_and_lists_read_exactly(self) -> None:
        parameter = nn.Parameter((2,), "zeros", np.float64)
        parameter.assign([0.1, 0.2])
        np.testing.assert_array_equal(parameter.numpy(), [0.1, 0.2])
        parameter.assign(np.array([0.5, 0.25], np.float32))
        assert parameter.dtype == parameter.data.dtype == np.float64

    @pytest.mark.parametrize(
        ("value", "error", "message"),
        [
            (np.ones((2, 3)), ShapeError, r"has shape \(3, 2\), got \(2, 3\). Transpose"),
            (np.ones(6), ShapeError, r"got \(6,\). Reshape"),
            (np.ones((3, 2), int), DtypeError, r"holds float32, got int64. .*astype\('float32'\)"),
            ([[1.0], [2.0, 3.0]], ShapeError, "rows differ in length"),
            ([["a", "b"]] * 3, DtypeError, "expected numbers"),
        ],
    )
    def test_what_does_not_fit_is_refused_and_changes_nothing(
        self, value: Any, error: type, message: str
    ) -> None:
        parameter = nn.Parameter((3, 2), "ones")
        parameter.draw(rng.key(0))
        with pytest.raises(error, match=message):
            parameter.assign(value)
        np.testing.assert_array_equal(parameter.numpy(), np.ones((3, 2)))

    def test_a_buffer_stays_one(self) -> None:
        net = Net()
        net(np.ones((2, 4)))
        assert isinstance(net.mean, nn.Buffer)
        assert not net.mean.requires_grad
        assert [path for path, _ in net.named_buffers()] == ["mean"]
        net.mean = [1.0, 2.0, 3.0]
        np.testing.assert_array_equal(net.state_dict()["mean"], [1, 2, 3])

    def test_a_buffer_keeps_its_shape_and_dtype(self) -> None:
        net = Net()
        with pytest.raises(ShapeError, match=r"this buffer has shape \(3,\), got \(4,\)"):
            net.mean = np.zeros(4)
        net.mean = np.ones(3, np.float64)
        assert net.mean.dtype == np.float32

    def test_a_traced_value_does_not_leak_into_a_buffer(self) -> None:
        net = Net()
        with pytest.raises(GradientError, match=r"traced .* value.*chainrule\.nn\.swapped"):
            jvp(net, (np.ones((2, 4)),), (np.ones((2, 4)),))
        np.testing.assert_array_equal(net.mean.numpy(), np.zeros(3))


class TestModes:
    def test_train_and_eval_reach_every_part(self) -> None:
        net = Net()
        assert net.eval() is net
        assert not any(module.training for _, module in net.named_modules())
        assert net.train() is net
        assert all(module.training for _, module in net.named_modules())

    def test_zero_grad(self) -> None:
        net = Net()
        net(np.ones((2, 4))).sum().backward()
        assert net.heads["a"].weight.grad is not None
        net.zero_grad()
        assert all(parameter.grad is None for parameter in net.parameters())


class TestState:
    def test_copies(self) -> None:
        net = Net().initialize(0)
        net.state_dict()["scale"][:] = 9
        np.testing.assert_array_equal(net.scale.numpy(), [2.0])
        mapping = net.state_dict()
        net.load_state_dict(mapping)
        mapping["scale"][:] = 9
        np.testing.assert_array_equal(net.scale.numpy(), [2.0])

    def test_what_has_no_numbers_cannot_be_saved(self) -> None:
        with pytest.raises(DataError, match="initialize"):
            Net().state_dict()

    def test_all_that_is_wrong_is_listed_and_nothing_is_loaded(self) -> None:
        net = Net().initialize(0)
        before = net.state_dict()
        mapping = {path: array + 1 for path, array in before.items()}
        mapping["layers.0.wieght"] = mapping.pop("layers.0.weight")
        mapping["mean"] = np.zeros(4)
        mapping["shift.0"] = np.zeros(3, int)
        with pytest.raises(DataError, match="nothing was loaded") as caught:
            net.load_state_dict(mapping)
        for line in (
            "missing: layers.0.weight of shape (3, 4)",
            "unexpected: layers.0.wieght. Did you mean 'layers.0.weight'?",
            "mean has shape (3,), got (4,)",
            "shift.0 holds float32, got int64",
        ):
            assert line in str(caught.value)
        for path, array in net.state_dict().items():
            np.testing.assert_array_equal(array, before[path])

    def test_names_are_passed_over_only_when_asked(self) -> None:
        net = Net().initialize(0)
        mapping = {"scale": [5.0], "other": [1.0]}
        skipped = net.load_state_dict(mapping, strict=False)
        assert skipped.unexpected == ("other",)
        assert "scale" not in skipped.missing
        assert "mean" in skipped.missing
        np.testing.assert_array_equal(net.scale.numpy(), [5.0])
        with pytest.raises(DataError, match="scale has shape"):
            net.load_state_dict({"scale": [5.0, 6.0]}, strict=False)

    def test_loading_needs_no_drawing(self) -> None:
        net, source = Net(), Net().initialize(6)
        net.load_state_dict(source.state_dict())
        x = np.ones((2, 4))
        np.testing.assert_array_equal(net.eval()(x).numpy(), source.eval()(x).numpy())


class TestCalling:
    def test_lists_arrays_and_tensors_are_taken(self) -> None:
        layer = nn.Linear(2, 1).initialize(0)
        expected = layer(np.ones((1, 2), np.float32)).numpy()
        for x in ([[1.0, 1.0]], [[1, 1]], np.ones((1, 2)), cr.tensor([[1.0, 1.0]])):
            np.testing.assert_array_equal(layer(x).numpy(), expected)
            assert layer(x).dtype == np.float32

    def test_tensors_keep_their_dtype(self) -> None:
        layer = nn.Linear(2, 1)
        assert layer(cr.tensor(np.ones((1, 2)))).dtype == np.float64

    def test_other_inputs_are_handed_on(self) -> None:
        class Masked(nn.Module):
            def forward(self, x: Any, mask: Any, flag: bool, *, factor: float = 1.0) -> Any:
                return x * factor if mask is None and flag else x

        np.testing.assert_array_equal(Masked()([1.0], None, True, factor=3.0), [3.0])

    def test_a_gradient_by_the_input(self) -> None:
        layer = nn.Linear(2, 1).initialize(0)
        slope = cr.grad(lambda x: layer(x).sum())(np.ones((1, 2), np.float32))
        np.testing.assert_array_equal(slope.numpy(), layer.weight.numpy())

    def test_a_module_without_forward_says_so(self) -> None:
        class Empty(nn.Module):
            pass

        with pytest.raises(NotImplementedError, match=r"Empty has no forward method; define"):
            Empty()(np.ones(1))

    @pytest.mark.parametrize(
        ("steps", "message"),
        [
            ((nn.Linear(2, 2), nn.ReLU), r"step 1 is the class ReLU.*Write ReLU\(\)"),
            (([nn.ReLU()],), r"step 0 is a list.*Sequential\(\*steps\)"),
            ((3,), "step 0 is a int"),
        ],
    )
    def test_steps_of_a_sequence_can_be_called(self, steps: tuple, message: str) -> None:
        with pytest.raises(DtypeError, match=message):
            nn.Sequential(*steps)

    def test_functions_are_steps_too(self) -> None:
        net = nn.Sequential(nn.Linear(2, 3), cr.relu, nn.Linear(3, 1))
        assert net([[1.0, 2.0]]).shape == (1, 1)
        assert repr(net[1]) == "Function(relu)"

    def test_sequences_index_slice_and_iterate(self) -> None:
        net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        assert len(net) == 3
        assert net[-1] is net[2] is list(net)[2]
        assert list(net[:2]) == [net[0], net[1]]
        assert nn.Sequential()([1.0]) == [1.0]

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: nn.Linear(0, 3), "Linear: in_features is 0; expected an integer of 1 or more"),
            (lambda: nn.Linear(3, cast(Any, 2.5)), "out_features is 2.5"),
            (lambda: nn.Linear(3, True), "out_features is True"),
            (lambda: nn.Flatten(-1), "start_axis is -1; expected an integer of 0 or more"),
        ],
    )
    def test_sizes_are_checked(self, call: Any, message: str) -> None:
        with pytest.raises(OptionError, match=message):
            call()

    def test_sizes_may_be_numpys(self) -> None:
        assert nn.Linear(cast(Any, np.int64(3)), cast(Any, np.uint8(2))).weight.shape == (2, 3)
