"""What groups say of generators that generate nothing, and of samples that are not floats."""

import warnings

import numpy as np
import pytest
from catalog import EVERY
from symkernel import groups


@pytest.mark.parametrize(
    "generators", [[(0, 1, 2)], [[1, 2, 0], (0, 1, 2)], [np.arange(3)], [(0, 1)]], ids=repr
)
def test_a_cycle_without_its_list_is_spoken_of(generators):
    with pytest.warns(UserWarning, match=r"a cycle is written in a list, \[\(0, 1"):
        groups.PermutationGroup(generators)


def test_identity_matrices_are_spoken_of():
    with pytest.warns(UserWarning, match=r"generators\[0\] is the identity matrix.*Trivial\(2\)"):
        assert groups.MatrixGroup([np.eye(2)]).order == 1


def test_the_identity_among_other_elements_is_no_surprise():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert groups.PermutationGroup([[0, 1, 2], [1, 2, 0], [2, 0, 1]]).order == 3
        assert groups.MatrixGroup([np.eye(2), [[0.0, -1.0], [1.0, 0.0]]]).order == 4


@pytest.mark.parametrize("name", list(EVERY))
def test_no_group_of_the_house_warns(name):
    """Products, chains and stabilisers pass elements on, the identity among them."""
    group = EVERY[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        groups.PermutationGroup([[(0, 1, 2)], [()]], degree=4)
        if group.is_finite:
            assert (group * groups.Trivial(group.degree)).order == group.order
            assert group.order % group.stabilizer(np.ones(group.degree)).order == 0


DTYPES = [np.int64, np.int8, np.uint8, bool, np.float16, np.longdouble, object]


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda t: np.dtype(t).name)
@pytest.mark.parametrize("name", list(EVERY))
def test_random_images_of_numbers_of_any_kind(name, dtype):
    group = EVERY[name]
    X = np.random.default_rng(0).integers(0, 2, (4, group.degree)).astype(dtype)
    moved = groups.move_randomly(group, X, 0)
    exact = group.is_linear and group.is_signed_permutation and np.dtype(dtype).kind in "biu"
    assert moved.dtype == (np.int64 if exact else np.float64)
    tolerance = 1e-6 if dtype is np.float16 else 1e-12
    want = groups.move_randomly(group, X.astype(np.float64), 0)
    np.testing.assert_allclose(moved, want, rtol=tolerance, atol=tolerance)


def test_random_images_have_the_lengths_of_the_samples():
    moved = groups.move_randomly(groups.SO(3), [[1, 0, 0], [3, 4, 5]], 0)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), [1.0, np.sqrt(50.0)])
    flipped = groups.move_randomly(groups.SignFlips(3), np.ones((9, 3), np.uint8), 0)
    assert set(flipped.ravel()) == {-1.0, 1.0}


@pytest.mark.parametrize("X", [[["1", "2", "3"]], np.ones((2, 3)) * 1j, [[{}, 1, 2]]], ids=repr)
def test_random_images_of_no_numbers_are_refused(X):
    with pytest.raises((TypeError, ValueError), match="X must"):
        groups.move_randomly(groups.SO(3), X, 0)
