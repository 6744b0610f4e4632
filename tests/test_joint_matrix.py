"""Products with the joint matrix that is not stored, beside the one that is."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF, Matern
from symkernel import InvariantKernel, groups
from symkernel.backends.packed import unpack
from symkernel.kernels.joint import JointKernel
from symkernel.kernels.joint_matrix import JointMatrix

RNG = np.random.default_rng(5)
GROUPS = {
    "trivial": groups.Trivial(4),
    "symmetric": groups.Symmetric(4),
    "D5": groups.Dihedral(5),
    "Td": groups.PointGroup("Td"),
}


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
@pytest.mark.parametrize("kernel", [RBF(1.5), Matern(2.0, nu=2.5)], ids=["rbf", "matern"])
@pytest.mark.parametrize("missing", ["none", "some", "values", "gradients"])
def test_products_and_columns(group, kernel, missing):
    n, d = 9, group.degree
    X = RNG.normal(size=(n, d))
    X[4] = X[2]  # coincident
    valued, sloped = np.ones(n, bool), np.ones(n, bool)
    if missing == "some":
        valued[[1, 5]], sloped[[0, 5, 8]] = False, False
    if missing == "values":
        valued[:] = False
    if missing == "gradients":
        sloped[:] = False
    directions = RNG.normal(size=(int(sloped.sum()), 2, d)) if missing == "some" else None
    joint = JointKernel(InvariantKernel(kernel, group))
    observed = joint.observe(X, directions, valued, sloped)
    N = len(observed)
    K = unpack(joint.gram_packed(observed), N)
    matrix = JointMatrix(joint, observed)
    assert len(matrix) == N and matrix.columns_of is matrix
    for k in (0, 1, 3):
        V = RNG.normal(size=(N, k))
        np.testing.assert_allclose(matrix.matvec(V), K @ V, atol=1e-12)
    np.testing.assert_allclose(matrix.diag(), K.diagonal(), atol=1e-13)
    chosen = np.concatenate([RNG.integers(0, N, size=6), [0, N - 1, N - 1]])
    np.testing.assert_allclose(matrix.columns(chosen), K[:, chosen], atol=1e-13)
    np.testing.assert_allclose(matrix.block(chosen), K[np.ix_(chosen, chosen)], atol=1e-13)


def test_one_observation():
    joint = JointKernel(InvariantKernel(RBF(1.0), groups.Trivial(2)))
    value = JointMatrix(joint, joint.observe(np.zeros((1, 2)), None, None, np.zeros(1, bool)))
    assert len(value) == 1
    np.testing.assert_allclose(value.matvec(np.ones((1, 1))), [[1.0]])
    np.testing.assert_allclose(value.diag(), [1.0])
