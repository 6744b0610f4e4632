"""Joint covariances of functions invariant under sign flips, and which way is taken."""

from __future__ import annotations

import numpy as np
import pytest
from joint_cases import (
    BASES,
    FLIPS,
    flip_pairs,
    joint_matrix,
)
from sklearn.gaussian_process.kernels import RBF, Matern
from symkernel import InvariantKernel, groups
from symkernel.exceptions import NotApplicableError
from symkernel.kernels.joint import JointKernel
from symkernel.kernels.joint_flips import FlipPairs
from symkernel.kernels.joint_sum import OrbitPairs
from symkernel.kernels.radial import radial_of
from symkernel.kernels.translate import spec_of

RNG = np.random.default_rng(17)


# ---- sign flips ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FLIPS)
@pytest.mark.parametrize("kernel", BASES)
def test_sign_flips_agree_with_the_sum_over_them(name, kernel):
    group, base = FLIPS[name], BASES[kernel]
    X = RNG.normal(size=(7, group.degree))
    X[1], X[2], X[3, 0], X[4] = X[0], -X[0], 0.0, 0.0
    joint, found = JointKernel(InvariantKernel(base, group)), []
    c = RNG.normal(size=7 * (1 + group.degree))
    for pairs in (
        flip_pairs(group, base),
        OrbitPairs(group, radial_of(spec_of(base, group), base)),
    ):
        joint._pairs = pairs
        observed = joint.observe(X)
        found.append((joint_matrix(joint, X), *joint.evaluate(X, observed, c, True)))
        found[-1] += (joint.cross(X, observed),)
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-11)


def test_many_sign_flips_are_not_summed_over():
    group = groups.SignFlips(60)
    joint = JointKernel(InvariantKernel(RBF(8.0), group))
    assert isinstance(joint._pairs, FlipPairs)
    X = RNG.normal(size=(4, 60))
    X[3] = 1e3 * X[0]
    K = joint_matrix(joint, X)
    assert np.isfinite(K).all()
    assert np.linalg.eigvalsh(K)[0] > -1e-12
    np.testing.assert_allclose(K[:4, :4], InvariantKernel(RBF(8.0), group)(X), rtol=1e-12)
    none = joint._pairs.values(X[0], X[:0]), joint._pairs.slopes(X[0], X[:2], X[:0])
    assert none[0].shape == (0,) and none[1].shape == (2, 0)


# ---- which way ----------------------------------------------------------------------------------


def test_closed_forms_are_taken_where_they_are_shorter():
    flips = groups.SignFlips(3)
    chosen = [
        (RBF(), "auto", FlipPairs),
        (RBF(), "sum", OrbitPairs),
        (Matern(nu=2.5), "auto", OrbitPairs),
    ]
    for base, method, kind in chosen:
        joint = JointKernel(InvariantKernel(base, flips, method=method))
        assert isinstance(joint._pairs, kind), (base, method)


@pytest.mark.parametrize(
    "group",
    [
        groups.SO(4),
        groups.SO(3).along(1, (2, 3)) * groups.SignFlips(2).along(0, (2, 3)),
        groups.SO(3).along(1, (9, 3)) * groups.Symmetric(9).along(0, (9, 3)),
    ],
)
def test_what_has_no_closed_form_is_refused_with_the_way_out(group):
    with pytest.raises(NotApplicableError, match="InversePairDistances"):
        JointKernel(InvariantKernel(RBF(), group))
