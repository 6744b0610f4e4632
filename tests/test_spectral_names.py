"""Spectral estimators by names of manifolds and groups, and what scikit-learn asks of them."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator
from symkernel import groups
from symkernel.spectral import (
    InvariantBasis,
    Polynomials,
    SpectralClassifier,
    SpectralRegressor,
    Sphere,
    Stereographic,
    SymmetricPolynomials,
    ToSphere,
    ToTorus,
)
from threadpoolctl import threadpool_limits

NAMED = [
    lambda: InvariantBasis("polynomials", "symmetric", max_level=2),
    lambda: InvariantBasis("polynomials", "sign_flips", n_components=3),
    lambda: InvariantBasis("torus", max_level=1),
    lambda: SpectralRegressor(),
    lambda: SpectralRegressor("torus", "symmetric"),
    lambda: SpectralClassifier(),
    lambda: SymmetricPolynomials(2),
    lambda: ToTorus(),
    lambda: ToSphere(),
    lambda: Stereographic(),
]
ANY_WIDTH = "features do not depend on the number of coordinates, which may change"
EXPECTED = {
    "SymmetricPolynomials": {
        "check_n_features_in_after_fitting": ANY_WIDTH,
        "check_transformer_general": ANY_WIDTH,
        "check_fit2d_1feature": "means over distinct coordinates need two",
    },
    "ToSphere": {"check_estimators_dtypes": "it holds a sample of zeros, which has no direction"},
    "SpectralClassifier": {"check_classifiers_train": "it sets n_components=2"},
}


@pytest.mark.parametrize("make", NAMED)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_check_estimator(make):
    estimator = make()
    expected = EXPECTED.get(type(estimator).__name__, {})
    with threadpool_limits(1):
        results = check_estimator(estimator, expected_failed_checks=expected, on_skip=None)
    assert sum(result["status"] == "passed" for result in results) > 25


def test_names_are_bound_to_the_features():
    X = np.random.default_rng(0).standard_normal((5, 4))
    basis = InvariantBasis("polynomials", "symmetric", max_level=3)
    with pytest.raises(ValueError, match="is a name and needs samples: call fit first"):
        _ = basis.dimensions
    named = basis.fit_transform(X)
    given = InvariantBasis(Polynomials(4), groups.Symmetric(4), max_level=3)
    np.testing.assert_array_equal(named, given.fit_transform(X))
    assert basis.dimensions.tolist() == [1, 1, 2, 3]
    assert (basis.manifold_, basis.group_) == (Polynomials(4), groups.Symmetric(4))
    assert basis.fit(X[:, :2]).dimensions.tolist() == [1, 1, 2, 2]
    assert InvariantBasis(Sphere(4), "symmetric", max_level=2).dimensions.tolist() == [1, 1, 1]
