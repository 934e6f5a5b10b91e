"""Sums of products in index notation."""

from collections import Counter
from typing import Any

import numpy as np

from chainrule.aval import Aval, aval_of, result_dtype
from chainrule.errors import DtypeError, OptionError, ShapeError
from chainrule.ops.arithmetic import where
from chainrule.ops.layout import expand_dims
from chainrule.ops.shape import broadcast_to
from chainrule.ops.table import defop, sample, shape_of


def _parse_einsum(subscripts: str, shapes: list[tuple[int, ...]]) -> tuple[list[str], str]:
    """The letters of each argument and of the result."""
    if not isinstance(subscripts, str):
        raise DtypeError(
            f"einsum: subscripts must be a str such as 'ij,jk->ik', got {subscripts!r}"
        )
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if not all((c.isascii() and c.isalpha()) or c == "," for c in left + right):
        raise OptionError(
            f"einsum: subscripts {subscripts!r} may hold letters, commas and '->' only; name every "
            "axis (no '...')."
        )
    if len(terms) != len(shapes):
        raise ShapeError(
            f"einsum: {subscripts!r} names {len(terms)} arrays, but {len(shapes)} were given."
        )
    sizes: dict[str, int] = {}
    for number, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        if len(term) != len(shape):
            raise ShapeError(
                f"einsum: {term!r} names {len(term)} axes, but array {number} has shape {shape}."
            )
        for letter, size in zip(term, shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ShapeError(
                    f"einsum: axis {letter!r} has size {sizes[letter]} in one array and {size} in "
                    f"array {number} of shape {shape}."
                )
    if not arrow:
        right = "".join(sorted(c for c, n in Counter(left.replace(",", "")).items() if n == 1))
    if len(set(right)) != len(right) or not set(right) <= set(sizes):
        raise OptionError(
            f"einsum: the result {right!r} of {subscripts!r} must name axes of the arrays, each "
            "once."
        )
    return terms, right


def _infer_einsum(*arrays: Aval, subscripts: str) -> Aval:
    terms, right = _parse_einsum(subscripts, [a.shape for a in arrays])
    sizes = {
        c: n
        for term, a in zip(terms, arrays, strict=True)
        for c, n in zip(term, a.shape, strict=True)
    }
    return Aval(tuple(sizes[c] for c in right), result_dtype(*arrays))


def _einsum(*arrays: Any, subscripts: str) -> Any:
    dtype = _infer_einsum(*map(aval_of, arrays), subscripts=subscripts).dtype
    cast = [np.asarray(a).astype(dtype, copy=False) for a in arrays]
    return np.einsum(subscripts, *cast, optimize=len(arrays) > 1)


def _einsum_transpose(g: Any, *arrays: Any, index: int, subscripts: str) -> Any:
    """The cotangent of one argument: the same product with `g` in its place."""
    shapes = [shape_of(array) for array in arrays]
    terms, right = _parse_einsum(subscripts, shapes)
    mine, shape = terms[index], shapes[index]
    rest = [(t, a) for i, (t, a) in enumerate(zip(terms, arrays, strict=True)) if i != index]
    letters = "".join(dict.fromkeys(mine))
    known = set(right).union(*(set(term) for term, _ in rest))
    kept = "".join(c for c in letters if c in known)
    inputs = ",".join([right, *(term for term, _ in rest)])
    out = einsum_op(g, *(array for _, array in rest), subscripts=f"{inputs}->{kept}")
    sizes = dict(zip(mine, shape, strict=True))
    for position, letter in enumerate(letters):
        if letter not in known:  # summed away alone: every element gets the same
            out = expand_dims(out, position)
    out = broadcast_to(out, shape=tuple(sizes[c] for c in letters))
    return _spread_diagonal(out, letters, mine, shape)


def _spread_diagonal(x: Any, letters: str, term: str, shape: tuple[int, ...]) -> Any:
    """Put x on the diagonal that repeated letters of `term` name; zeros elsewhere."""
    for position, letter in enumerate(term):
        if term.index(letter) == position:
            continue
        wide = list(shape_of(x))
        wide.insert(position, shape[position])
        grid = np.ogrid[tuple(slice(size) for size in wide)]
        on_diagonal = grid[position] == grid[term.index(letter)]
        x = where(on_diagonal, expand_dims(x, position), 0.0)
    return x


einsum_op = defop(
    "einsum",
    np=_einsum,
    infer=_infer_einsum,
    transpose=(_einsum_transpose,),
    latex=r"\operatorname{{einsum}}_{{\text{{{subscripts}}}}}({all})",
    samples=(
        sample((2, 3), (3, 4), subscripts="ij,jk->ik"),
        sample((2, 3), (2, 3), subscripts="ij,ij"),
        sample((3, 3), subscripts="ii->i"),
        sample((3, 3), subscripts="ii"),
        sample((2, 3, 2), subscripts="iji->j"),
        sample((2, 3), (4,), subscripts="ij,k->k"),
        sample((2, 3), (3, 4), (4, 2), subscripts="ij,jk,kl->il"),
        sample((0, 3), (3,), subscripts="ij,j->i"),
    ),
    errors=(
        (sample((2, 3), (2, 3), subscripts="ij,jk->ik"), ShapeError, "axis 'j' has size 3 in one"),
        (sample((2, 3), subscripts="ij,jk->ik"), ShapeError, "names 2 arrays, but 1"),
        (sample((2, 3), subscripts="ijk->i"), ShapeError, "names 3 axes, but array 0 has shape"),
        (sample((2, 3), subscripts="ij->ik"), OptionError, "must name axes of the arrays"),
        (sample((2, 3), subscripts="...j->j"), OptionError, "name every axis"),
    ),
    doc="""A sum of products by index notation.

>>> einsum_op(np.eye(2), np.array([3.0, 4.0]), subscripts="ij,j->i")
array([3., 4.])
""",
)


def einsum(subscripts: str, *arrays: Any) -> Any:
    """A sum of products in index notation: letters that the result lacks are summed over.

    Shape: as the letters say; a letter that stands twice in one array takes the diagonal.

    Raises:
        ShapeError: letters and shapes do not fit.
        OptionError: subscripts that cannot be read.

    >>> einsum("ij,jk->ik", np.ones((2, 3)), np.ones((3, 4))).shape
    (2, 4)
    """
    return einsum_op(*arrays, subscripts=subscripts)
