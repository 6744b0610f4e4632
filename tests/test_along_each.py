"""One element on several axes at once: tensor powers of groups."""

import itertools
import pickle

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF, DotProduct
from symkernel import Canonicalizer, InvariantKernel, groups, orbit_distance, spectral, theory
from symkernel.canonical import canonical_form
from symkernel.exceptions import ApproximationWarning, GroupTooLargeError, NotApplicableError
from symkernel.groups.elements import element_at
from symkernel.kernels import Polynomial

FINITE = {
    "permutations": groups.Symmetric(3),
    "a chain": groups.PermutationGroup([[1, 2, 3, 0]]),
    "signs": groups.SignFlips(2),
    "signed": groups.Hyperoctahedral(2),
    "signs, -1 not among them": groups.PermutationGroup(
        [groups.SignedPermutation([0, 1, 2], [-1, 1, 1])]
    ),
    "matrices": groups.PointGroup("D3"),
    "matrices with -1": groups.PointGroup("D3d"),
    "a product": groups.Cyclic(2).along(0, (2, 2)) * groups.Cyclic(2).along(1, (2, 2)),
    "one feature": groups.SignFlips(1),
    "trivial": groups.Trivial(2),
}


def power(matrix, k):
    """Kronecker power, in the slow obvious way: entries are products of entries."""
    r = len(matrix)
    index = list(itertools.product(range(r), repeat=k))
    return np.array([[np.prod(matrix[list(i), list(j)]) for j in index] for i in index])


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("name", FINITE)
def test_elements_are_powers_each_listed_once(name, k):
    H = FINITE[name]
    G = H.along_each(tuple(range(k)), (H.degree,) * k)
    want = {tuple(np.round(power(h.as_matrix(), k), 9).ravel() + 0.0) for h in H.elements()}
    listed = [tuple(np.round(g.as_matrix(), 9).ravel() + 0.0) for g in G.elements()]
    assert len(listed) == len(set(listed)) == G.order == len(want)
    assert set(listed) == want
    assert G.log_order == pytest.approx(np.log(G.order))
    table = G.table(1000)
    assert [element_at(table, i) for i in range(len(table))] == list(G.elements())
    assert all(G.contains(g) for g in (*G.elements(), *G.sample(5, 0), *G.generators))
    assert pickle.loads(pickle.dumps(G)) == G
    assert G.is_permutation == all(
        (np.array(m) >= 0).all() and G.is_signed_permutation for m in want
    )


def test_it_refuses_what_is_no_power():
    G = groups.Hyperoctahedral(2).along_each((0, 1), (2, 2))
    assert groups.SignedPermutation([0, 1, 2, 3], [-1] * 4) not in G  # (-1) x (-1) = 1
    assert groups.SignedPermutation([0, 1, 3, 2]) not in G
    assert groups.SignedPermutation([0, 2, 1, 3]) not in G  # the transpose
    T = groups.SO(3).along_each((0, 1), (3, 3))
    A, B = (g.as_matrix() for g in groups.SO(3).sample(2, 0))
    assert groups.OrthogonalMatrix(np.kron(A, A)) in T
    assert groups.OrthogonalMatrix(np.kron(A, B)) not in T
    assert groups.OrthogonalMatrix(-np.kron(A, A)) not in T
    mirrored = groups.OrthogonalMatrix(np.kron(-A, -A))
    assert mirrored in T
    odd = groups.SO(3).along_each((0, 1, 2), (3, 3, 3))
    assert groups.OrthogonalMatrix(power(A, 3)) in odd
    assert groups.OrthogonalMatrix(power(-A, 3)) not in odd
    assert groups.OrthogonalMatrix(power(-A, 3)) in groups.O(3).along_each((0, 1, 2), (3, 3, 3))


def test_rows_and_columns_move_alike():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((4, 4, 2))
    G = groups.Symmetric(4).along_each((0, 1), (4, 4, 2))
    for g in G.sample(5, 1):
        p = g.indices.reshape(4, 4, 2)[:, 0, 0] // 8
        np.testing.assert_array_equal(g.apply(A.ravel()).reshape(A.shape), A[p][:, p])
    R = groups.O(3).sample(1, 2)[0].as_matrix()
    T = rng.standard_normal((5, 3, 3))
    (g,) = groups.O(3).along_each((1, 2), (5, 3, 3)).sample(1, 2)
    np.testing.assert_allclose(g.apply(T.ravel()).reshape(T.shape), R @ T @ R.T, atol=1e-13)


def test_doors():
    assert groups.Cyclic(3).along_each((1,), (2, 3)) == groups.Cyclic(3).along(1, (2, 3))
    assert groups.Cyclic(3).along_each((-1, 0), (3, 2, 3)) == groups.Cyclic(3).along_each(
        (0, 2), (3, 2, 3)
    )
    assert groups.O(3).along_each((0, 1), (3, 3)) == groups.SO(3).along_each((0, 1), (3, 3))
    assert groups.O(2).along_each((0, 1), (2, 2)) != groups.SO(2).along_each((0, 1), (2, 2))
    with pytest.raises(ValueError, match="acts on 3 features; axis 1 of shape"):
        groups.Cyclic(3).along_each((0, 1), (3, 4))
    with pytest.raises(ValueError, match="twice"):
        groups.Cyclic(3).along_each((0, 0), (3, 3))
    for G in (groups.Translations(2), groups.Torus(2), groups.E(2)):
        with pytest.raises(ValueError, match="groups of linear maps"):
            G.along_each((0, 1), (2, 2))
    for G in (
        groups.SO(3).along_each((1, 2), (5, 3, 3)),
        (groups.Cyclic(2) * groups.Trivial(2)).along_each((0, 1), (2, 2)),
    ):
        assert eval(repr(G), vars(groups).copy()) == G


def test_the_lie_algebra_turns_tensors():
    G = groups.SO(3).along_each((0, 1, 2), (3, 3, 3))
    basis = np.array([xi.matrix.ravel() for xi in G.lie_algebra])
    np.testing.assert_allclose(basis @ basis.T, np.eye(3), atol=1e-12)
    step = 1e-6
    for xi, own in zip(G.lie_algebra, groups.SO(3).lie_algebra, strict=True):
        turned = power(np.eye(3) + step * own.matrix, 3)
        velocity = (turned - np.eye(27)) / step
        size = np.linalg.norm(velocity)
        np.testing.assert_allclose(velocity / size, xi.matrix, atol=1e-5)
    g = G.sample(1, 0)[0].as_matrix()
    for xi in G.lie_algebra:  # conjugation stays in the algebra
        moved = (g @ xi.matrix @ g.T).ravel()
        np.testing.assert_allclose(basis.T @ (basis @ moved), moved, atol=1e-12)


# -- averages ---------------------------------------------------------------------------------

TENSORS = {
    "one": groups.SO(3).along_each((0, 1), (3, 3)),
    "of O(3)": groups.O(3).along_each((0, 1), (3, 3)),
    "planar": groups.SO(2).along_each((0, 1), (2, 2)),
    "of O(2)": groups.O(2).along_each((0, 1), (2, 2)),
    "three": groups.SO(3).along_each((1, 2), (3, 3, 3)),
    "three in any order": groups.SO(3).along_each((1, 2), (3, 3, 3))
    * groups.Symmetric(3).along(0, (3, 3, 3)),
}


def monte_carlo(kernel, G, X, Y, size=1500):
    """Mean over random elements, and its standard error."""
    values = np.array([kernel(X, g.apply(Y)) for g in G.sample(size, 5)])
    return values.mean(axis=0), values.std(axis=0) / size**0.5


@pytest.mark.parametrize("kernel", [RBF(1.5), DotProduct(0.5), Polynomial(2, gamma=0.3, coef0=1.0)])
@pytest.mark.parametrize("name", TENSORS)
def test_quadrature_over_rotations_of_tensors(name, kernel):
    G = TENSORS[name]
    X = 0.6 * np.random.default_rng(0).standard_normal((4, G.degree))
    k = InvariantKernel(kernel, G, method="quadrature")
    K = k(X)
    for g in G.sample(2, 1):
        np.testing.assert_allclose(k(g.apply(X), X), K, rtol=1e-6)
    mean, error = monte_carlo(kernel, G, X, X)
    assert (np.abs(K - mean) <= 5 * error + 1e-12).all()
    polynomial = not isinstance(kernel, RBF)
    assert k.plan().exact == polynomial
    if polynomial:  # the same by invariant polynomials
        other = InvariantKernel(kernel, G, method="closed_form")
        np.testing.assert_allclose(other(X), K, rtol=1e-10)
        assert other.plan().exact


def test_the_dot_product_of_tensors_is_that_of_invariants():
    # vec(I) spans the invariant tensors of O(3): E x . R y R^T = tr(x) tr(y) / 3
    X = np.random.default_rng(0).standard_normal((6, 9))
    K = InvariantKernel(DotProduct(0.0), TENSORS["one"])(X)
    traces = X[:, [0, 4, 8]].sum(axis=1)
    np.testing.assert_allclose(K, np.outer(traces, traces) / 3, atol=1e-12)


def test_rbf_of_planar_tensors_is_a_bessel_function():
    # x = t I + u J + (traceless symmetric part, which turns by twice the angle)
    G = TENSORS["planar"]
    X = np.random.default_rng(1).standard_normal((5, 4))
    t, u = X[:, 0] + X[:, 3], X[:, 1] - X[:, 2]
    s = np.stack([X[:, 0] - X[:, 3], X[:, 1] + X[:, 2]], axis=1)
    turns = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    c, d = np.cos(turns), np.sin(turns)
    K = np.zeros((5, 5))
    for R in np.stack([np.stack([c, -d], 1), np.stack([d, c], 1)], 1):
        square = np.subtract.outer(t, t) ** 2 + np.subtract.outer(u, u) ** 2
        square = (square + ((s[:, None] - s @ R.T) ** 2).sum(-1)) / 2
        K += np.exp(-square / 2 / 1.3**2) / 400
    with pytest.warns(ApproximationWarning, match="a quadrature is used"):
        got = InvariantKernel(RBF(1.3), G)(X)
    np.testing.assert_allclose(got, K, atol=1e-6 * K.max())


def test_what_is_not_known_of_tensors_is_refused():
    T, odd = TENSORS["one"], groups.SO(3).along_each((0, 1, 2), (3, 3, 3))
    for method in ("closed_form", "fourier", "frame", "canonical", "orbit_distance"):
        with pytest.raises(NotApplicableError):
            InvariantKernel(RBF(), T, method=method).plan()
    with pytest.raises(ValueError, match="has no canonical form here"):
        canonical_form(T)
    with pytest.raises(ValueError, match=r"the volume of the orbits of .* is not known"):
        theory.quotient(spectral.Sphere(9), T)
    with pytest.raises(NotApplicableError, match="is not SO"):
        orbit_distance(np.eye(9), np.eye(9), group=T)
    with pytest.raises(NotApplicableError, match="tensors of rank 2"):
        InvariantKernel(RBF(), odd, method="quadrature").plan()
    with pytest.raises(GroupTooLargeError, match="method='sample'"):
        odd.table(1000)
    X = 0.3 * np.random.default_rng(0).standard_normal((3, 27))
    k = InvariantKernel(RBF(), odd, method="sample")
    assert np.linalg.eigvalsh(k(X)).min() > -1e-12


def test_finite_tensors_have_canonical_forms_and_orbit_sums():
    G = groups.PointGroup("O").along_each((1, 2), (4, 3, 3))
    X = np.random.default_rng(0).standard_normal((5, 36))
    k = InvariantKernel(RBF(3.0), G)
    (g,) = G.sample(1, 1)
    want = np.mean([RBF(3.0)(X, h.apply(X)) for h in G.elements()], axis=0)
    np.testing.assert_allclose(k(X), want, rtol=1e-12)
    form = Canonicalizer(G)
    np.testing.assert_allclose(form.fit_transform(g.apply(X)), form.transform(X), atol=1e-10)


@pytest.mark.filterwarnings("ignore::symkernel.exceptions.ApproximationWarning")
def test_a_rule_of_one_side_before_one_that_is_no_average():
    """Both sides of a cheap degree err by a half here, one side of a higher one by 1e-7."""
    G = groups.O(3).along_each((1, 2), (4, 3, 3))
    rng = np.random.default_rng(0)
    T = rng.normal(size=(10, 4, 3, 3))
    T = T + T.transpose(0, 1, 3, 2)
    Q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turned = np.einsum("ab,nkbc,dc->nkad", Q, T, Q)
    k = InvariantKernel(RBF(3.0), G)
    K = k(T)
    assert k.plan().error <= 1e-5
    np.testing.assert_allclose(k(turned, T), K, atol=1e-6 * K.max())
