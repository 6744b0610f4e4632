"""What the planner says where it has no exact way, or is asked for one that does not apply."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern
from symkernel import InvariantKernel, InvariantKernelRidge, groups
from symkernel.exceptions import ApproximationWarning, GroupTooLargeError, NotApplicableError
from symkernel.kernels import ArcCosine, Laplacian, Polynomial, Quadrature

CLOUDS = groups.SO(3).along(1, (4, 3))
X = np.random.default_rng(0).standard_normal((6, 12))


@pytest.mark.parametrize("base", [DotProduct(), Polynomial(3), RBF(), Matern(nu=1.5)], ids=repr)
def test_exact_averages_over_rotations_do_not_warn(base):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert InvariantKernel(base, CLOUDS).plan().exact


@pytest.mark.parametrize(
    "use",
    [
        lambda k: k.plan(),
        lambda k: k(X),
        lambda k: k.gram(X, X[:2]),
        lambda k: k.diag(X),
        lambda k: k(X, eval_gradient=True),
        lambda k: InvariantKernelRidge(kernel=k.base, group=k.group).fit(X, X[:, 0]),
    ],
)
def test_an_approximation_warns_with_its_error_at_the_line_that_asked(use):
    k = InvariantKernel(ArcCosine(2), CLOUDS)
    with pytest.warns(ApproximationWarning, match=r"aims at an error of 1e-06\. Ask") as caught:
        use(k)
    assert {w.filename for w in caught} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        InvariantKernel(ArcCosine(2), CLOUDS, "quadrature")(X)


def test_a_missed_tolerance_warns_with_advice_that_can_be_followed():
    k = InvariantKernel(Matern(1.5, nu=0.5), CLOUDS, "quadrature")
    with pytest.warns(ApproximationWarning, match=r"above the 1e-06 aimed at; degree=8 or more"):
        k(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        InvariantKernel(Matern(1.5, nu=0.5), CLOUDS, Quadrature(8))(X)


@pytest.mark.parametrize(
    ("base", "group", "method", "message"),
    [
        (RBF(), groups.Symmetric(16), "sum", r"enumerated: method='closed_form' averages over"),
        (RBF(), groups.Cyclic(10_000_001), "sum", r"has 10000001 elements.*: method="),
        (ArcCosine(), groups.Symmetric(16), "auto", r"enumerated: method='sample' averages over r"),
        (ArcCosine(), groups.Symmetric(16), "sum", r"enumerated: method='sample' averages over r"),
        (RBF(), groups.Symmetric(30), "auto", r"2.65e32 elements.*: method='sample'"),
    ],
)
def test_a_group_too_large_names_a_method_that_works(base, group, method, message):
    with pytest.raises(GroupTooLargeError, match=message):
        InvariantKernel(base, group, method).plan()


def test_the_method_that_is_named_works():
    assert (
        InvariantKernel(ArcCosine(), groups.Symmetric(16), "sample")(np.eye(16)).shape == (16,) * 2
    )
    assert InvariantKernel(RBF(), groups.Symmetric(16), "closed_form").plan().exact


@pytest.mark.parametrize(
    ("group", "method", "message"),
    [
        (CLOUDS, "fourier", r"infinitely many elements: method='fourier' sums over finite groups"),
        (CLOUDS, "sum", r"infinitely many elements .*: method='closed_form'"),
        (groups.Image((4, 4), "D4"), "quadrature", r"needs one factor SO\(n\) or O\(n\)"),
        (groups.Image((4, 4), "D4"), "closed_form", r"has no closed form"),
        (
            groups.SO(2).along(1, (3, 2)) * groups.SO(3).along(0, (3, 2)),
            "auto",
            r"^method='sample' averages over random.*no closed form.*; quadrature needs one factor",
        ),
    ],
)
def test_a_method_that_does_not_apply_says_why(group, method, message):
    with pytest.raises(ValueError, match=message):
        InvariantKernel(RBF(), group, method).plan()


def test_laplacian_over_rotations_is_refused():
    with pytest.raises(ValueError, match="L1 distance"):
        InvariantKernel(Laplacian(), CLOUDS).plan()
    assert issubclass(NotApplicableError, ValueError)
