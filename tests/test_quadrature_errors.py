"""Stated errors of rotation rules bound how far K(gx, y) may be from K(x, y)."""

import warnings

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF, Matern, RationalQuadratic
from symkernel import InvariantKernel, groups
from symkernel.kernels import ArcCosine, Sample

SPACE = groups.SO(3).along(1, (3, 3))
PLANE = groups.SO(2).along(1, (4, 2))


@pytest.mark.parametrize(
    "base",
    [ArcCosine(0), ArcCosine(1), Matern(1.0, nu=0.5), RationalQuadratic(1.0, 0.6), RBF(2.0)],
    ids=repr,
)
@pytest.mark.parametrize("group", [SPACE, PLANE, groups.O(3).along(1, (2, 3))], ids=repr)
def test_images_stay_within_the_stated_error(base, group):
    """Whichever matrix was asked for last: of X with itself, or of images with X."""
    X = np.random.default_rng(0).standard_normal((40, group.degree))
    k = InvariantKernel(base, group, method="quadrature")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the tolerance is not reached
        K = k(X)
        stated = [k.plan().error]
        images = np.concatenate([g.apply(X) for g in group.sample(20, 0)])
        worst = float(np.abs(k(images, X).reshape(20, *K.shape) - K).max())
        stated.append(k.plan().error)
    largest = float(np.abs(K).max())
    assert worst <= min(stated) * largest + 1e-13 * largest
    assert max(stated) < max(10 * worst / largest, 1e-6)  # and it says something


@pytest.mark.parametrize("group", [SPACE, groups.Symmetric(9)], ids=repr)
def test_random_elements_count_pairs_of_a_sample_with_itself(group):
    """Also where they are not asked for together: the error does not fall on images."""
    X = np.random.default_rng(0).standard_normal((12, 9))
    k = InvariantKernel(Matern(1.0, nu=0.5), group, method=Sample(16))
    k(X)
    alone = k.plan().error
    k(group.sample(1, 0)[0].apply(X), X)
    assert k.plan().error > 0.5 * alone
