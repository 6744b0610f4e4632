"""Replace samples by canonical forms: any learner behind it is invariant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from symkernel.canonical import CanonicalForm, canonical_form
from symkernel.canonical.base import CanonicalForms
from symkernel.estimators._progress import Progress
from symkernel.groups import Group
from symkernel.groups.registry import bind, is_group
from symkernel.validation import check_data, check_n_jobs, kind_of

__all__ = ["Canonicalizer"]

Array = NDArray[Any]

# Entries of samples between two steps of the progress bar.
_CHUNK_ENTRIES = 2**20


class Canonicalizer(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Replace every sample by the representative of its orbit under a group.

    Samples that an element of the group carries into each other become the same sample, and
    others do not, so that whatever is learned from the result is invariant:
    ``make_pipeline(Canonicalizer(G), HistGradientBoostingRegressor())`` has f(g x) = f(x).

    Parameters
    ----------
    group : Group or str
        Group that acts on the samples, or the name of one that acts on all features, such as
        "symmetric" (see ``symkernel.groups.from_name``), or a group on some columns,
        ``G.on(columns)``: both are bound in fit.
    method : {"auto", "chain", "enumerate"}, default="auto"
        "auto" takes what serves the group best, which ``steps_`` tells; "enumerate" compares all
        images of a sample; "chain" searches for the lexicographic minimum along a chain of
        stabilisers, for groups of (signed) permutations of any order.
    order : {"lexicographic", "hilbert"}, default="lexicographic"
        How rows of vectors are sorted; the order along a Hilbert curve keeps neighbours together.
    weights : array-like of shape (n_points,), default=None
        Weights of the points of a cloud, such as masses, for rotations and motions.
    tol : float, default=None
        Samples whose gap is at most this count as degenerate. None means 1e-8, and 1e-5 for
        float32; a few units of rounding where ``exact_``.
    n_jobs : int or None, default=None
        Threads; None for as many as OpenMP takes, -1 for all.
    progress : bool, default=False
        Whether to show a progress bar for batches that take several chunks.

    Attributes
    ----------
    group_ : Group
        The group, bound to the number of features.
    steps_ : tuple of str
        What is done with a sample, in words.
    exact_ : bool
        Whether c(g x) = c(x) holds bit for bit; else up to rounding, off degenerate samples.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features, if X was a data frame with string columns.

    See Also
    --------
    symkernel.InvariantKernel : With ``method="canonical"`` a kernel of representatives.

    Notes
    -----
    A canonical form that is continuous on all samples does not exist for most groups (Dym,
    Lawrence, Siegel, Equivariant frames and the impossibility of continuous canonicalization, ICML
    2024): near ties, and near clouds that have no preferred axes, representatives of neighbours
    can be far apart. ``canonicalize`` tells how near a sample is.

    fit learns nothing from the values of X. Features of the result are no longer those of X, and
    are named after this class.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import Canonicalizer
    >>> c = Canonicalizer("symmetric").fit(np.zeros((1, 3)))
    >>> c.transform([[3.0, 1.0, 2.0], [2.0, 3.0, 1.0]])
    array([[1., 2., 3.],
           [1., 2., 3.]])
    >>> forms = c.canonicalize([[3.0, 1.0, 1.0]])
    >>> forms.stabilizer_order[0]
    2
    """

    group_: Group
    n_features_in_: int
    _made: CanonicalForm | None = None

    def __init__(
        self,
        group: Group | str,
        *,
        method: Literal["auto", "chain", "enumerate"] = "auto",
        order: Literal["lexicographic", "hilbert"] = "lexicographic",
        weights: ArrayLike | None = None,
        tol: float | None = None,
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> None:
        self.group = group
        self.method = method
        self.order = order
        self.weights = weights
        self.tol = tol
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(self, X: Any, y: Any = None) -> Self:
        """Bind the group to the number of features and choose the form.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Samples, of which only the number of features counts.
        y : object, default=None
            Ignored.

        Returns
        -------
        Canonicalizer
            The fitted transformer itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter or the shape of X is not what is expected, or the group has no canonical
            form here; the message says which and why.
        """
        if not is_group(self.group):
            raise TypeError(f"group must be a Group or a name; got {kind_of(self.group)}")
        check_n_jobs(self.n_jobs)
        X = self._validated(X, reset=True)
        d = X.shape[1]
        group = bind(self.group, d, getattr(self, "feature_names_in_", None))
        if group.degree != d:
            raise ValueError(f"X has {d} features; {group!r} acts on {group.degree}")
        self.group_ = group
        self._made = form = self._make()
        self.steps_, self.exact_ = form.steps, form.exact
        return self

    def _make(self) -> CanonicalForm:
        return canonical_form(
            self.group_,
            self.method,
            order=self.order,
            weights=self.weights,
            tol=self.tol,
        )

    @property
    def _form(self) -> CanonicalForm:
        if self._made is None:  # it comes from a pickle, which carries no tables
            self._made = self._make()
        return self._made

    def transform(self, X: Any) -> Array:
        """Return the representatives of samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Representatives, float32 if X is, else float64.

        Raises
        ------
        ValueError
            If the samples do not have the shape of those in fit, or contain NaN or infinity.
        """
        check_is_fitted(self)
        X = self._validated(X, reset=False)
        form, chunks = self._form, self._chunks(X, "transform")
        parts = [form.representatives(chunk, self.n_jobs) for chunk in chunks]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def canonicalize(self, X: Any) -> CanonicalForms:
        """Return the representatives of samples, and what is known about them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Samples.

        Returns
        -------
        CanonicalForms
            ``representative`` (n, d); ``transporter``, of which element i carries sample i to its
            representative; ``stabilizer_order``, exact Python integers, -1 for infinite ones;
            ``gap``, the distance from samples where the form jumps, and ``degenerate``.

        Raises
        ------
        ValueError
            If the samples do not have the shape of those in fit, or contain NaN or infinity.
        """
        check_is_fitted(self)
        X = self._validated(X, reset=False)
        form, chunks = self._form, self._chunks(X, "canonicalize")
        return CanonicalForms.joined([form.canonicalize(chunk, self.n_jobs) for chunk in chunks])

    def _chunks(self, X: Array, label: str) -> Iterator[Array]:
        """Samples in chunks while a progress bar is shown, else all at once."""
        step = max(1, _CHUNK_ENTRIES // X.shape[1]) if self.progress else len(X)
        starts = range(0, len(X), step)
        with Progress(len(starts), label, len(starts) > 1) as bar:
            for start in starts:
                yield X[start : start + step]
                bar.step(f"{min(start + step, len(X)):,} samples")

    def _validated(self, X: Any, reset: bool) -> Array:
        """Samples as scikit-learn checks them, one in each row."""
        return np.asarray(check_data(self, X, group=self.group, reset=reset, order="C"))

    @property
    def _n_features_out(self) -> int:
        return self.n_features_in_

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_made"}

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
