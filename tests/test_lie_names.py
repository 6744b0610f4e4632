"""Names, brackets and groups of algebras."""

from __future__ import annotations

import numpy as np
import pytest
from symkernel import groups, lie
from symkernel.lie.closure import closure_of
from symkernel.lie.naming import pieces_of


def turned(algebra, seed=0):
    """The same span in another basis."""
    rng = np.random.default_rng(seed)
    return algebra.combine(np.linalg.qr(rng.standard_normal(2 * (algebra.dim,)))[0])


def conjugated(algebra, matrix, centre=0.0):
    """Generators in coordinates y = matrix x + centre."""
    A, b = algebra.linear_parts, algebra.shifts
    moved = matrix @ A @ np.linalg.inv(matrix)
    shifts = b @ matrix.T - moved @ (np.zeros(len(matrix)) + centre)
    return lie.Algebra(np.concatenate([moved, shifts[:, :, None]], axis=2))


def placed(algebra, columns, n):
    at = np.asarray(columns)
    full = np.zeros((algebra.dim, n, n + 1))
    full[:, at[:, None], [*at, n]] = algebra.generators
    return full


def name(algebra, tolerance=1e-6):
    return " + ".join(map(str, pieces_of(algebra, tolerance)))


@pytest.mark.parametrize(
    ("algebra", "expected"),
    [
        (lie.special_orthogonal(3), "so(3), acting on columns 0-2"),
        (lie.special_euclidean(2), "se(2), acting on columns 0-1"),
        (lie.translations(3), "translations(3), acting on columns 0-2"),
        (lie.scalings(2), "scalings(2), acting on columns 0-1"),
        (lie.linear(2), "gl(2), acting on columns 0-1"),
        (lie.lorentz(4), "so(1, 3), acting on columns 0-3"),
        (lie.symplectic(4), "sp(4, R), acting on columns 0-3"),
        (lie.Algebra(placed(lie.special_orthogonal(3), [1, 2, 4], 5)),
         "so(3), acting on columns 1, 2, 4"),
        (lie.Algebra(placed(lie.special_orthogonal(2), [0, 1], 3)) +
         lie.Algebra(placed(lie.translations(1), [2], 3)),
         "so(2), acting on columns 0-1 + translations(1), acting on column 2"),
        (lie.Algebra(lie.special_orthogonal(3).along(1, (4, 3)).generators),
         "so(3).along(1, (4, 3))"),
        (lie.Algebra(lie.special_euclidean(2).along(0, (2, 3)).generators),
         "se(2).along(0, (2, 3))"),
    ],
)  # fmt: skip
def test_usual_names_in_any_basis(algebra, expected):
    assert name(algebra) == expected
    assert name(turned(algebra)) == expected


def test_other_forms_and_points():
    moved = conjugated(lie.special_orthogonal(3), np.eye(3), [1.0, 2, 3])
    assert name(moved) == "so(3), acting on columns 0-2, about the point [1. 2. 3.]"
    squeezed = conjugated(lie.special_orthogonal(2), np.diag([1.0, 2.0]))
    assert "of the form" in name(squeezed) and name(squeezed).startswith("so(2)")
    A = np.random.default_rng(0).standard_normal((3, 3))
    assert name(conjugated(lie.lorentz(3), A)).startswith("so(1, 2), acting on columns 0-2, of an")
    assert name(conjugated(lie.special_orthogonal(3), A)).startswith("so(3)")


def test_abstract_names():
    # sl(2) on cubic forms: irreducible on R^4, so no usual algebra of R^4 has its dimension.
    H, E, F = np.diag([3.0, 1, -1, -3]), np.diag([1.0, 1, 1], 1), np.diag([3.0, 4, 3], -1)
    assert name(lie.Algebra([H, E, F])) == "sl(2, R), acting on columns 0-3"
    assert "one-parameter" in name(lie.Algebra([np.diag([1.0, 2, 5])]))
    assert "do not close" in name(lie.Algebra([E, F]))
    heisenberg = np.zeros((3, 3, 3))
    heisenberg[0, 0, 1] = heisenberg[1, 1, 2] = heisenberg[2, 0, 2] = 1
    assert name(lie.Algebra(heisenberg)) == "solvable algebra of dimension 3, acting on columns 0-2"
    assert name(lie.Algebra(np.zeros((0, 3, 4)))) == ""


@pytest.mark.parametrize(
    ("algebra", "levi", "radical", "signature", "derived", "centre"),
    [
        (lie.special_orthogonal(3), 3, 0, (0, 3, 0), (3,), 0),
        (lie.special_orthogonal(4), 6, 0, (0, 6, 0), (6,), 0),
        (lie.lorentz(4), 6, 0, (3, 3, 0), (6,), 0),
        (lie.special_euclidean(3), 3, 3, (0, 3, 3), (6,), 0),
        (lie.special_euclidean(2), 0, 3, (0, 1, 2), (3, 2, 0), 0),
        (lie.linear(2), 3, 1, (2, 1, 1), (4, 3), 1),
        (lie.translations(3), 0, 3, (0, 0, 3), (3, 0), 3),
        (lie.symplectic(2), 3, 0, (2, 1, 0), (3,), 0),
        (lie.special_euclidean(3).along(1, (4, 3)), 3, 3, (0, 3, 3), (6,), 0),
    ],
)
def test_facts(algebra, levi, radical, signature, derived, centre):
    facts = closure_of(algebra)
    assert facts.closes and facts.defect < 1e-12
    assert (facts.levi, facts.radical, facts.centre) == (levi, radical, centre)
    assert facts.signature == signature and facts.derived == derived
    assert facts.solvable == (levi == 0) and facts.abelian == (centre == facts.dimension)


def test_spans_that_do_not_close():
    shear = lie.Algebra([[[0.0, 1], [0, 0]], [[0.0, 0], [1, 0]]])
    facts = closure_of(shear)
    assert not facts.closes and facts.defect > 0.5
    assert "does not close" in str(facts)
    assert str(closure_of(lie.Algebra(np.zeros((0, 2, 3))))) == "no generators"


@pytest.mark.parametrize(
    ("form", "centre", "message"),
    [
        (np.diag([1.0, 1, 1]), [1.0, 0, 0], "subtract the point"),
        (np.diag([1.0, 2, 1]), [0.0, 0, 0], "change coordinates"),
        (np.diag([1.0, 1, 0]), [0.0, 0, 0], "leave out these columns"),
    ],
)
def test_no_group_is_given_that_does_not_act_so(form, centre, message):
    X = np.random.default_rng(0).standard_normal((200, 3))
    f = lambda X: np.einsum("ni,ij,nj->n", X - centre, form, X - centre)  # noqa: E731
    found = lie.discover((f, lambda X: 2 * (X - centre) @ form), X, lie.affine(3))
    with pytest.raises(ValueError, match=message):
        found.group()


def test_groups_of_what_is_found():
    X = np.random.default_rng(0).standard_normal((200, 6))
    f = lambda X: (X**2).sum(axis=1)  # noqa: E731
    assert lie.discover((f, lambda X: 2 * X), X, lie.affine(6)).group() == groups.SO(6)
    blocks = lie.special_orthogonal(3).along(1, (2, 3))
    found = lie.discover((f, lambda X: 2 * X), X, blocks)
    assert found.group() == groups.SO(3).along(1, (2, 3))
