"""The algebra of elements."""

import doctest
import importlib
import pickle
import pkgutil
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from symkernel import groups
from symkernel.groups import (
    MatrixGroup,
    OrthogonalMatrix,
    Permutation,
    PermutationGroup,
    PointGroup,
    SignedPermutation,
)


@st.composite
def signed_permutations(draw: st.DrawFn, count: int = 1) -> list[SignedPermutation]:
    n = draw(st.integers(1, 9))
    found = []
    for _ in range(count):
        indices = draw(st.permutations(range(n)))
        signs = draw(st.none() | st.lists(st.sampled_from([-1, 1]), min_size=n, max_size=n))
        found.append(SignedPermutation(indices, signs))
    return found


@settings(max_examples=60, deadline=None)
@given(signed_permutations(3), st.data())
def test_signed_permutations_are_a_group_that_acts(elements, data) -> None:
    g, h, k = elements
    x = data.draw(hnp.arrays(np.float64, g.degree, elements=st.integers(-9, 9)))
    identity = Permutation(range(g.degree))
    assert (g @ h) @ k == g @ (h @ k)
    assert g @ g.inverse() == identity == g.inverse() @ g
    assert g @ identity == g == identity @ g
    assert (g @ h).inverse() == h.inverse() @ g.inverse()
    np.testing.assert_array_equal((g @ h).apply(x), g.apply(h.apply(x)))
    np.testing.assert_array_equal(g.inverse().apply(g.apply(x)), x)
    np.testing.assert_array_equal(g.as_matrix() @ x, g.apply(x))
    np.testing.assert_array_equal((g @ h).as_matrix(), g.as_matrix() @ h.as_matrix())
    np.testing.assert_array_equal(g.inverse().as_matrix(), g.as_matrix().T)


@settings(max_examples=60, deadline=None)
@given(signed_permutations(2))
def test_equality_hash_and_pickle(elements) -> None:
    g, h = elements
    assert (g == h) == np.array_equal(g.as_matrix(), h.as_matrix())
    again = pickle.loads(pickle.dumps(g))
    assert again == g
    assert hash(again) == hash(g)
    assert not again.indices.flags.writeable
    assert eval(repr(g), {name: getattr(groups, name) for name in groups.__all__}) == g


@settings(max_examples=40, deadline=None)
@given(signed_permutations(1), hnp.arrays(np.float64, (4, 4), elements=st.floats(-1, 1)))
def test_matrices_and_permutations_compose(elements, values) -> None:
    (g,) = elements
    rotation = np.linalg.qr(np.pad(values, (0, 5))[: g.degree, : g.degree] + np.eye(g.degree))[0]
    m = OrthogonalMatrix(rotation)
    x = np.arange(1.0, g.degree + 1)
    np.testing.assert_allclose((g @ m).apply(x), g.apply(m.apply(x)), atol=1e-12)
    np.testing.assert_allclose((m @ g).apply(x), m.apply(g.apply(x)), atol=1e-12)
    assert isinstance(m @ g, OrthogonalMatrix)
    np.testing.assert_allclose((m @ m.inverse()).as_matrix(), np.eye(g.degree), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(signed_permutations(3))
def test_generated_groups_agree_with_all_products(elements) -> None:
    g, h, k = elements
    # few enough products to list: at most four moved features
    cut = min(g.degree, 4)
    given_ = [SignedPermutation(np.argsort(e.indices[:cut]), _signs(e)[:cut]) for e in (g, h)]
    found = fresh = {SignedPermutation(range(cut))}
    while fresh:
        fresh = {a @ b for a in fresh for b in given_} - found
        found = found | fresh
    group = PermutationGroup(given_)
    assert group.order == len(found)
    assert set(group.elements()) == found
    other = SignedPermutation(np.argsort(k.indices[:cut]), _signs(k)[:cut])
    assert group.contains(other) == (other in found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of identities alone
        matrices = MatrixGroup([e.as_matrix() for e in given_])
    assert matrices.order == len(found)
    assert matrices == group


def _signs(g: SignedPermutation) -> np.ndarray:
    return np.ones(g.degree, int) if g.signs is None else g.signs


def test_floating_dtypes_are_kept() -> None:
    turn = PointGroup("C3").generators[0]
    for g in (Permutation([1, 2, 0]), SignedPermutation([1, 2, 0], [1, -1, 1]), turn):
        for dtype in (np.float32, np.float64):
            assert g.apply(np.ones((2, 3), dtype)).dtype == dtype
    np.testing.assert_array_equal(
        SignedPermutation([1, 0], [1, -1]).apply(np.array([3, 4], np.uint8)), [4, -3]
    )


def test_elements_cannot_be_written_to() -> None:
    g = SignedPermutation([1, 0], [1, -1])
    for array in (g.indices, g.signs, OrthogonalMatrix(np.eye(2)).matrix):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_equality_of_matrices_forgives_rounding() -> None:
    g = PointGroup("C5").generators[0]
    assert g @ g @ g @ g @ g == OrthogonalMatrix(np.eye(3))
    assert hash(g @ g.inverse()) == hash(OrthogonalMatrix(np.eye(3)))
    assert g != g @ g


@pytest.mark.parametrize(
    "name", ["groups", *(f"groups.{m.name}" for m in pkgutil.iter_modules(groups.__path__))]
)
def test_examples_in_docstrings(name: str) -> None:
    module = importlib.import_module(f"symkernel.{name}")
    assert doctest.testmod(module).failed == 0
