"""Fit regression inside the functions that a symmetry leaves as they are."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from symkernel.estimators.ridge import InvariantKernelRidge
from symkernel.groups import Group
from symkernel.groups.elements import Element
from symkernel.lie._binding import bind_algebra, bind_dictionary, measure_points
from symkernel.lie.algebra import Algebra
from symkernel.lie.dictionary import Dictionary, Monomials
from symkernel.lie.fields import Fields
from symkernel.lie.operator import LieOperator, coefficient_operator, finite_rows
from symkernel.validation import as_number, check_data

Array = NDArray[Any]

# Singular values of the constraint below this share of the largest are its null space.
_NULL = 1e-9


class EnforcedRegressor(
    MultiOutputMixin,  # type: ignore[misc]
    RegressorMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    r"""Least squares among the functions of a dictionary that have given symmetries.

    .. math::

        \min_w |\Theta w - y|^2 + \alpha |w|^2 \quad \text{subject to } C w = 0,

    where C stacks the Lie derivatives along the generators of an algebra, and the differences
    f(g x) - f(x) for finitely many elements g, such as one of each component of a group [1]_.

    Parameters
    ----------
    dictionary : Dictionary, object with values(X) and jacobians(X), or None, default=None
        Functions that the model is a sum of; None means ``monomials(2)``.
    algebra : Fields, str or None, default="special_orthogonal"
        Continuous symmetry, by itself or by the name of the function that makes it; None for none.
    elements : iterable of Element or of arrays of shape (d, d) or (d, d + 1), or None, default=None
        Finite symmetry: maps that the model does not change under.
    output : array-like of shape (q, p, p) or None, default=None
        How the algebra moves p targets: DF(x) xi_q(x) = B_q F(x). None: every target is invariant.
    element_output : iterable of array-like of shape (p, p), or None, default=None
        How each element moves the targets, F(g x) = B F(x); None: not at all.
    alpha : float, default=0.0
        Ridge penalty on the weights of all functions but constants.

    Attributes
    ----------
    coef_ : ndarray of shape (n_terms,) or (n_terms, n_targets)
        Weights of the dictionary.
    n_invariants_ : int
        Dimension of the space of functions that were fitted, all targets together if ``output`` or
        ``element_output`` couples them.
    dictionary_ : Dictionary
        Bound to the number of features.
    algebra_ : Fields or None
        Bound to the number of features.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray
        Their names, if X was a data frame with string columns.

    Raises
    ------
    ValueError
        In fit: parameters out of range or for another number of features; no function of the
        dictionary has the symmetry; or alpha=0 and fewer samples than ``n_invariants_``.

    Warns
    -----
    UserWarning
        If only constants have the symmetry, or if the samples do not determine the weights.

    See Also
    --------
    SymmetryPromotingRegressor : Symmetry that is only suspected.
    invariant_ridge : The same for kernel models.

    Notes
    -----
    Exact for monomials and affine fields, whose derivatives are computed in coefficients. Other
    dictionaries are constrained at the samples together with normal points about them, ten for
    every function. O(q m^3) for the null space, O(n k^2) for the fit in its k dimensions.

    References
    ----------
    .. [1] S. E. Otto, N. Zolman, J. N. Kutz, S. L. Brunton, "A unified framework to enforce,
       discover, and promote symmetry in machine learning", JMLR 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import lie
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> y = 1 + 2 * (X**2).sum(axis=1)
    >>> model = lie.EnforcedRegressor(lie.monomials(4), lie.special_orthogonal(3)).fit(X, y)
    >>> model.n_invariants_  # 1, |x|^2 and |x|^4
    3
    >>> bool(np.allclose(model.predict(X[:, ::-1]), y))
    True
    """

    def __init__(
        self,
        dictionary: Any = None,
        algebra: Fields | str | None = "special_orthogonal",
        *,
        elements: Iterable[Element | ArrayLike] | None = None,
        output: ArrayLike | None = None,
        element_output: Iterable[ArrayLike] | None = None,
        alpha: float = 0.0,
    ) -> None:
        self.dictionary = dictionary
        self.algebra = algebra
        self.elements = elements
        self.output = output
        self.element_output = element_output
        self.alpha = alpha

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.

        Returns
        -------
        EnforcedRegressor
            The fitted model.
        """
        as_number(self.alpha, "alpha", 0.0)
        X, y = check_data(self, X, y, multi_output=True, y_numeric=True, dtype=np.float64)
        y = np.asarray(y, dtype=float)
        self.dictionary_: Dictionary = bind_dictionary(self.dictionary, X.shape[1])
        self.algebra_: Fields | None = (
            None if self.algebra is None else bind_algebra(self.algebra, X.shape[1])
        )
        targets = y.reshape(len(y), -1)
        coupled = self.output is not None or self.element_output is not None
        p = targets.shape[1] if coupled else 1
        points = measure_points("gaussian", X, self.dictionary_.n_terms)
        if not isinstance(self.dictionary_, Monomials):
            points = np.concatenate([X, points])
        basis = _null_space(self._constraint(points, p))
        self.n_invariants_: int = basis.shape[1]
        self._check_count(len(X) * p, p)

        features = self.dictionary_.values(X)
        constant = np.ptp(self.dictionary_.values(points), axis=0) == 0
        if bool(np.all(basis[np.tile(~constant, p)] == 0)):
            warnings.warn(
                "of the functions of the dictionary only constants have the symmetry: the model "
                "is the mean of the targets",
                UserWarning,
                stacklevel=2,
            )
        # Weights are (p, m) in C order; without coupling p is 1 and targets share the basis.
        design = np.einsum("im,pmk->ipk", features, basis.reshape(p, -1, basis.shape[1]))
        design = design.reshape(-1, basis.shape[1])
        right = targets.reshape(-1, 1) if coupled else targets
        if self.alpha > 0:
            ridge = np.sqrt(float(self.alpha)) * basis[np.tile(~constant, p)]
            design = np.concatenate([design, ridge])
            right = np.concatenate([right, np.zeros((len(ridge), right.shape[1]))])
        inside, _, rank, _ = linalg.lstsq(design, right)
        if rank < basis.shape[1]:
            warnings.warn(
                f"the samples determine {rank} of {basis.shape[1]} invariant functions, as if they "
                "lay on a level set of the others: the shortest weights are returned; a positive "
                "alpha, or samples elsewhere, make them well determined",
                UserWarning,
                stacklevel=2,
            )
        weights = basis @ inside
        self.coef_: Array = weights.reshape(p, -1).T if coupled else weights
        if y.ndim == 1:
            self.coef_ = self.coef_[:, 0]
        return self

    def predict(self, X: Any) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Values of the model.
        """
        check_is_fitted(self)
        X = check_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(self.dictionary_.values(X) @ self.coef_)

    def __sklearn_tags__(self) -> Any:
        """Return tags: a model with a symmetry fits badly what has none."""
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags

    def _constraint(self, points: Array, p: int) -> Array:
        """Rows whose product with the weights, (p, m) in C order, vanishes."""
        terms = self.dictionary_
        rows: list[Array] = [np.zeros((0, p * terms.n_terms))]
        algebra = self.algebra_
        if algebra is None and self.output is not None:
            raise ValueError("output says how an algebra moves targets, but algebra is None")
        if algebra is not None and algebra.dim:
            if (
                isinstance(terms, Monomials)
                and isinstance(algebra, Algebra)
                and self.output is None
            ):
                moved = coefficient_operator(terms, algebra).reshape(-1, terms.n_terms)
                rows.append(np.kron(np.eye(p), moved))
            else:
                output = np.zeros((algebra.dim, p, p)) if self.output is None else self.output
                operator = LieOperator(terms, algebra, points, output)
                if operator.n_outputs != p:
                    raise ValueError(
                        f"output moves {operator.n_outputs} targets, but y has {p} of them"
                    )
                rows.append(operator.constraint())
        if self.elements is not None:
            moves = None if self.element_output is None else list(self.element_output)
            if moves is None and p > 1:
                moves = [np.eye(p)] * len(list(self.elements))
            found = finite_rows(terms, self.elements, points, moves)
            if found.shape[1] != p * terms.n_terms:
                raise ValueError(f"element_output must be {p} x {p} matrices, one per element")
            rows.append(found)
        elif self.element_output is not None:
            raise ValueError("element_output says how elements move targets, but elements is None")
        return np.concatenate(rows)

    def _check_count(self, n_equations: int, p: int) -> None:
        """Raise unless the null space is there and small enough for the samples."""
        if not self.n_invariants_:
            raise ValueError(
                "no function of the dictionary has the symmetry, not even a constant: take a "
                "dictionary with a constant, or of higher degree"
            )
        if not self.alpha and n_equations < self.n_invariants_:
            needed = -(-self.n_invariants_ // p)
            raise ValueError(
                f"the number of samples, n_samples = {n_equations // p}, is too small: "
                f"{self.n_invariants_} functions of the dictionary have the symmetry, so at least "
                f"{needed} samples are needed, or alpha > 0"
            )


def invariant_ridge(symmetry: Any, **parameters: Any) -> InvariantKernelRidge:
    """Return kernel ridge regression with a kernel that is averaged over a group.

    Parameters
    ----------
    symmetry : Group, or object with a method ``group()`` that makes one
        The symmetry to enforce, such as the result of ``discover``.
    **parameters
        Of ``InvariantKernelRidge``.

    Returns
    -------
    InvariantKernelRidge
        Not fitted.

    Raises
    ------
    TypeError
        If it is neither a group nor can make one.

    Examples
    --------
    >>> from symkernel import groups, lie
    >>> from symkernel.lie.enforce import invariant_ridge
    >>> invariant_ridge(groups.SO(3).along(1, (4, 3)), alpha=0.1).alpha
    0.1
    """
    group = symmetry if isinstance(symmetry, Group) else getattr(symmetry, "group", None)
    if callable(group) and not isinstance(group, Group):
        group = group()
    if not isinstance(group, Group):
        raise TypeError(
            "symmetry must be a Group or have a method group() that makes one, got "
            f"{type(symmetry).__name__}"
        )
    return InvariantKernelRidge(group=group, **parameters)


def _null_space(rows: Array) -> Array:
    """Return an orthonormal basis, in columns, of what rows of any number map to zero."""
    size = rows.shape[1]
    if len(rows) > size:
        rows = np.asarray(np.linalg.qr(rows, mode="r"))
    # Scaled columns, so that the tolerance does not depend on the scale of a function.
    lengths = np.linalg.norm(rows, axis=0)
    scale = np.where(lengths > 1e-12 * lengths.max(initial=0.0), lengths, 1.0)
    if not len(rows):
        return np.eye(size)
    _, values, right = linalg.svd(rows / scale)
    values = np.concatenate([values, np.zeros(size - len(values))])
    null = right[values <= _NULL * max(float(values[0]), np.finfo(float).tiny)]
    if not lengths.any():
        return np.eye(size)
    basis: Array = np.linalg.qr(null.T / scale[:, None])[0]
    return np.where(np.abs(basis) < 1e-14, 0.0, basis)
