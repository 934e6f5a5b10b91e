"""Layers that put a border around their input: of zeros, of a number, or of the input's own."""

from typing import Any

from chainrule import ops
from chainrule.errors import OptionError
from chainrule.nn.module import Module
from chainrule.nn.pictures import Sizes, check_pictures
from chainrule.ops.table import shape_of
from chainrule.settings import FINITE, count, number


class Padding(Module):
    """What padding layers have in common. Abstract: a subclass says along how many axes, and how.

    The padding is one number, or as in PyTorch a pair for each axis, the last axis first: for
    pictures (left, right, top, bottom).
    """

    axes: int

    def __init__(self, padding: Sizes):
        name, most = type(self).__name__, 2 * self.axes
        given = padding if isinstance(padding, (tuple, list)) else (padding,) * most
        if len(given) != most:
            raise OptionError(
                f"{name}: padding is {padding!r}; expected one number, or {most} of them: a pair "
                "(before, after) for each axis, the last axis first."
            )
        self.padding = tuple(count(name, "padding", width, least=0) for width in given)

    def options(self) -> dict[str, Any]:
        return {"padding": self.padding}

    def forward(self, x: Any) -> Any:
        check_pictures(shape_of(x), self.axes)
        pairs = zip(self.padding[::2], self.padding[1::2], strict=True)
        return self.padded(x, tuple(pairs)[::-1])

    def padded(self, x: Any, pairs: tuple[tuple[int, int], ...]) -> Any:
        """The output for an input with the right number of axes, from a pair for each, in order."""
        raise NotImplementedError(f"{type(self).__name__} has no method padded(self, x, pairs).")


class ConstantPadding(Padding):
    """What paddings with one number have in common. Abstract, too."""

    def __init__(self, padding: Sizes, value: float):
        super().__init__(padding)
        self.value = number(type(self).__name__, "value", value, FINITE)

    def options(self) -> dict[str, Any]:
        return {**super().options(), "value": self.value}

    def padded(self, x: Any, pairs: tuple[tuple[int, int], ...]) -> Any:
        return ops.pad(x, width=((0, 0), (0, 0), *pairs), value=self.value)


class ZeroPadding(Padding):
    """What paddings with zeros have in common. Abstract, too."""

    def padded(self, x: Any, pairs: tuple[tuple[int, int], ...]) -> Any:
        return ops.pad(x, width=((0, 0), (0, 0), *pairs))


class ReflectionPadding(Padding):
    """What paddings that mirror their input have in common. Abstract, too."""

    def padded(self, x: Any, pairs: tuple[tuple[int, int], ...]) -> Any:
        return ops.border(x, pairs, "reflect")


class ReplicationPadding(Padding):
    """What paddings that repeat the outermost numbers have in common. Abstract, too."""

    def padded(self, x: Any, pairs: tuple[tuple[int, int], ...]) -> Any:
        return ops.border(x, pairs, "replicate")


class CircularPadding(Padding):
    """What paddings that go on at the other end have in common. Abstract, too."""

    def padded(self, x: Any, pairs: tuple[tuple[int, int], ...]) -> Any:
        return ops.border(x, pairs, "circular")


class ConstantPad1d(ConstantPadding):
    """A border of one number around series.

    The padding is one number, or (left, right).

    Shape: (N, C, L) gives (N, C, left + L + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more, or a value that is not finite.

    >>> ConstantPad1d((1, 2), 7.0)([[[1.0, 2.0, 3.0]]])
    array([[[7., 1., 2., 3., 7., 7.]]], dtype=float32)
    """

    axes = 1


class ConstantPad2d(ConstantPadding):
    """A border of one number around pictures.

    The padding is one number, or (left, right, top, bottom).

    Shape: (N, C, H, W) gives (N, C, top + H + bottom, left + W + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more, or a value that is not finite.

    >>> ConstantPad2d((1, 0, 0, 1), 7.0)([[[[1.0, 2.0], [3.0, 4.0]]]])
    array([[[[7., 1., 2.],
             [7., 3., 4.],
             [7., 7., 7.]]]], dtype=float32)
    """

    axes = 2


class ConstantPad3d(ConstantPadding):
    """A border of one number around volumes, such as scans.

    The padding is one number, or (left, right, top, bottom, front, back).

    Shape: (N, C, D, H, W) gives (N, C, front + D + back, top + H + bottom, left + W + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more, or a value that is not finite.

    >>> ConstantPad3d((1, 0, 0, 1, 1, 1), 7.0)(ops.ones((1, 2, 2, 3, 4))).shape
    (1, 2, 4, 4, 5)
    """

    axes = 3


class ZeroPad1d(ZeroPadding):
    """A border of zeros around series.

    The padding is one number, or (left, right).

    Shape: (N, C, L) gives (N, C, left + L + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more.

    >>> ZeroPad1d((1, 2))([[[1.0, 2.0, 3.0]]])
    array([[[0., 1., 2., 3., 0., 0.]]], dtype=float32)
    """

    axes = 1


class ZeroPad2d(ZeroPadding):
    """A border of zeros around pictures.

    The padding is one number, or (left, right, top, bottom).

    Shape: (N, C, H, W) gives (N, C, top + H + bottom, left + W + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more.

    >>> ZeroPad2d((1, 0, 0, 1))([[[[1.0, 2.0], [3.0, 4.0]]]])
    array([[[[0., 1., 2.],
             [0., 3., 4.],
             [0., 0., 0.]]]], dtype=float32)
    """

    axes = 2


class ZeroPad3d(ZeroPadding):
    """A border of zeros around volumes, such as scans.

    The padding is one number, or (left, right, top, bottom, front, back).

    Shape: (N, C, D, H, W) gives (N, C, front + D + back, top + H + bottom, left + W + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more.

    >>> ZeroPad3d((1, 0, 0, 1, 1, 1))(ops.ones((1, 2, 2, 3, 4))).shape
    (1, 2, 4, 4, 5)
    """

    axes = 3


class ReflectionPad1d(ReflectionPadding):
    """A border that mirrors series.

    The padding is one number, or (left, right).

    Shape: (N, C, L) gives (N, C, left + L + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more.
        ShapeError: (when called) a padding that is as large as its axis.

    >>> ReflectionPad1d((1, 2))([[[1.0, 2.0, 3.0]]])
    array([[[2., 1., 2., 3., 2., 1.]]], dtype=float32)
    """

    axes = 1


class ReflectionPad2d(ReflectionPadding):
    """A border that mirrors pictures.

    The padding is one number, or (left, right, top, bottom).

    Shape: (N, C, H, W) gives (N, C, top + H + bottom, left + W + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more.
        ShapeError: (when called) a padding that is as large as its axis.

    >>> ReflectionPad2d((1, 0, 0, 1))([[[[1.0, 2.0], [3.0, 4.0]]]])
    array([[[[2., 1., 2.],
             [4., 3., 4.],
             [2., 1., 2.]]]], dtype=float32)
    """

    axes = 2


class ReflectionPad3d(ReflectionPadding):
    """A border that mirrors volumes, such as scans.

    The padding is one number, or (left, right, top, bottom, front, back).

    Shape: (N, C, D, H, W) gives (N, C, front + D + back, top + H + bottom, left + W + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more.
        ShapeError: (when called) a padding that is as large as its axis.

    >>> ReflectionPad3d((1, 0, 0, 1, 1, 1))(ops.ones((1, 2, 2, 3, 4))).shape
    (1, 2, 4, 4, 5)
    """

    axes = 3


class ReplicationPad1d(ReplicationPadding):
    """A border that repeats the outermost numbers of series.

    The padding is one number, or (left, right).

    Shape: (N, C, L) gives (N, C, left + L + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more.

    >>> ReplicationPad1d((1, 2))([[[1.0, 2.0, 3.0]]])
    array([[[1., 1., 2., 3., 3., 3.]]], dtype=float32)
    """

    axes = 1


class ReplicationPad2d(ReplicationPadding):
    """A border that repeats the outermost numbers of pictures.

    The padding is one number, or (left, right, top, bottom).

    Shape: (N, C, H, W) gives (N, C, top + H + bottom, left + W + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more.

    >>> ReplicationPad2d((1, 0, 0, 1))([[[[1.0, 2.0], [3.0, 4.0]]]])
    array([[[[1., 1., 2.],
             [3., 3., 4.],
             [3., 3., 4.]]]], dtype=float32)
    """

    axes = 2


class ReplicationPad3d(ReplicationPadding):
    """A border that repeats the outermost numbers of volumes, such as scans.

    The padding is one number, or (left, right, top, bottom, front, back).

    Shape: (N, C, D, H, W) gives (N, C, front + D + back, top + H + bottom, left + W + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more.

    >>> ReplicationPad3d((1, 0, 0, 1, 1, 1))(ops.ones((1, 2, 2, 3, 4))).shape
    (1, 2, 4, 4, 5)
    """

    axes = 3


class CircularPad1d(CircularPadding):
    """A border that continues at the other end of series.

    The padding is one number, or (left, right).

    Shape: (N, C, L) gives (N, C, left + L + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more.
        ShapeError: (when called) a padding that is larger than its axis.

    >>> CircularPad1d((1, 2))([[[1.0, 2.0, 3.0]]])
    array([[[3., 1., 2., 3., 1., 2.]]], dtype=float32)
    """

    axes = 1


class CircularPad2d(CircularPadding):
    """A border that continues at the other end of pictures.

    The padding is one number, or (left, right, top, bottom).

    Shape: (N, C, H, W) gives (N, C, top + H + bottom, left + W + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more.
        ShapeError: (when called) a padding that is larger than its axis.

    >>> CircularPad2d((1, 0, 0, 1))([[[[1.0, 2.0], [3.0, 4.0]]]])
    array([[[[2., 1., 2.],
             [4., 3., 4.],
             [2., 1., 2.]]]], dtype=float32)
    """

    axes = 2


class CircularPad3d(CircularPadding):
    """A border that continues at the other end of volumes, such as scans.

    The padding is one number, or (left, right, top, bottom, front, back).

    Shape: (N, C, D, H, W) gives (N, C, front + D + back, top + H + bottom, left + W + right).

    Raises:
        OptionError: a padding that is no integer of 0 or more.
        ShapeError: (when called) a padding that is larger than its axis.

    >>> CircularPad3d((1, 0, 0, 1, 1, 1))(ops.ones((1, 2, 2, 3, 4))).shape
    (1, 2, 4, 4, 5)
    """

    axes = 3
