"""Compute matrix-valued kernels under rotations of clouds from moments in closed form."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.joint_rotations import RotationAverage
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group, Representation
from symkernel.groups._turning import POWERS, SIGNED, basis_of
from symkernel.groups.representations import Part
from symkernel.kernels.joint_mixture import joint_mixture
from symkernel.plans.base import BaseSpec
from symkernel.plans.mixtures import matern_mixture
from symkernel.plans.recognise import recognise

Array = NDArray[np.float64]

# Numbers held at once.
_HELD = 2**21
# Error of a kernel as a sum of Gaussians.
_TOLERANCE = 1e-13


class RotationBlocks:
    r"""Blocks ``E_g k(x, g y) rho(g)`` under SO(2), O(2), SO(3), O(3) and permutations of points.

    Parameters
    ----------
    group : Group
        Without its translations.
    spec : BaseSpec
        A kernel that is a sum of Gaussians.
    output : Representation
        rho, of named parts.

    Raises
    ------
    NotApplicableError
        If the group is another, the kernel no such sum, or rho is known by matrices alone.

    Notes
    -----
    Native code has the first moments of R under a Gaussian, its gradient in the matrix
    ``M = X^T Y`` of x and y over 2 t, as in K. V. Mardia and P. E. Jupp, Directional Statistics,
    2000, section 13.2: a pair costs two to three values of the invariant kernel, and half of the
    pairs of samples with themselves is computed. Where exponents lose their digits, above 1024, and
    in the plane, moments come from aligned clouds, at several times that.

    Second moments are mixed derivatives at points that are added to both samples and change no
    inner product: with k = sum_r w_r exp(-t_r |x - R y|^2), points u at 0 in x and s e_b in y, and
    v at 0 in y and s e_c in x, every Gaussian becomes exp(-2 r t s^2) times itself for r of each,
    and

    .. math::
        \partial_{u_a} \partial_{v_d} K = 4 t^2 s^2 \operatorname{E}_R k(x, R y) R_{ab} R_{cd}.

    Factors of s are undone in the weights; s^2 is the inverse of the largest t, so that nothing
    overflows. A pair costs some hundred values. Of what improper maps negate as well, moments
    are those over proper maps less those over all. Errors are those of the moments, beside
    quadratures up to 2e-12 of the largest value for vectors and 5e-12 for tensors, and of the sum
    of Gaussians.
    """

    def __init__(self, group: Group, spec: BaseSpec, output: Representation) -> None:
        table = recognise(group.structure)
        heads = [f for f in group.structure.rotations if f.group.degree in (2, 3)]
        if len(table.blocks) != 1 or len(heads) != 1 or table.blocks[0][1] != heads[0].group.degree:
            raise NotApplicableError(
                f"{group!r} has no closed form for vectors and tensors here; those that have are "
                "SO(2), O(2), SO(3) and O(3) on points, with permutations of them"
            )
        if not all(isinstance(part, Part) for part in output.parts):
            raise NotApplicableError(
                f"output={output!r} is known for the elements of a finite group alone, and "
                f"{group!r} is infinite: use a named representation"
            )
        self._parts = [part for part in output.parts if isinstance(part, Part)]
        ((points, self._dimension),) = table.blocks
        self._rows = np.ascontiguousarray(table.rows, np.int32).reshape(-1, points)
        self._layout = np.asarray(table.layout, np.intp)
        self._weights, self._rates = _gaussians(spec)
        self._reflected = heads[0].group.role.reflections
        self._sizes = [part.size(group) for part in self._parts]

    def block(self, X: Array, Y: Array, n_jobs: int | None = None) -> Array:
        """Return the blocks (n, p, m, p) of n samples with m others, or with themselves."""
        same = Y is X
        X = X[:, self._layout]
        Y = X if same else Y[:, self._layout]
        if self._alone:
            return _Moments(self, self._rows, X, Y, n_jobs).of(self._parts[0].kind)
        p = sum(self._sizes)
        found = np.zeros((len(X), p, len(Y), p))
        per_pair = 9 if self._highest < 2 else 9 * 81
        columns = max(1, min(len(Y), _HELD // (9 * per_pair)))
        rows = max(1, _HELD // (columns * per_pair))
        for j in range(0, len(Y), columns):
            for i in range(0, len(X), rows):
                at = found[i : i + rows, :, j : j + columns]
                self._add(at, X[i : i + rows], Y[j : j + columns], n_jobs)
        return found

    def matvec(self, X: Array, Y: Array, C: Array, n_jobs: int | None = None) -> Array:
        """Return sums (n, p, t) over the blocks of n samples with m, times C (m, p, t)."""
        m, p, t = C.shape
        found = np.empty((len(X), p, t))
        step = max(1, _HELD // max(1, m * p * p))
        for i in range(0, len(X), step):
            K = self.block(X[i : i + step], Y, n_jobs)
            found[i : i + step] = (K.reshape(-1, m * p) @ C.reshape(m * p, t)).reshape(-1, p, t)
        return found

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return the blocks (n, p, p) of n samples with themselves."""
        p = sum(self._sizes)
        found = [self.block(x[None], x[None], n_jobs)[0, :, 0] for x in X]
        return np.array(found).reshape(len(X), p, p)

    # ---- parts ----------------------------------------------------------------------------------

    @cached_property
    def _highest(self) -> int:
        """Moments that are needed: to the first, or to the second."""
        return max(POWERS[_kind(part)] for part in self._parts)

    @cached_property
    def _alone(self) -> bool:
        """Whether one vector is all, which native code writes as it is."""
        (first, *others) = self._parts
        return not others and not first.at_points and first.kind in ("vector", "pseudovector")

    def _add(self, found: Array, X: Array, Y: Array, n_jobs: int | None) -> None:
        """Add to the blocks (n, p, m, p) of clouds, permutation by permutation if they differ."""
        for rows in self._together:
            moments = _Moments(self, rows, X, Y, n_jobs)
            start = 0
            for part, size in zip(self._parts, self._sizes, strict=True):
                block = moments.of(_kind(part)) * (len(rows) / len(self._rows))
                some = slice(start, start + size)
                if part.kind == "same" or part.at_points:
                    self._add_at_points(found[:, some, :, some], part, rows[0], block)
                else:
                    found[:, some, :, some] += block
                start += size

    def _add_at_points(self, found: Array, part: Part, row: Array, block: Array) -> None:
        """Add blocks (n, q, m, q) for every point and the one that it meets."""
        q = block.shape[-1]
        places = np.arange(len(row) * q)
        if part.kind == "same":
            places = self._layout
        places = places.reshape(-1, q)
        for point, other in enumerate(row):
            at = np.ix_(range(len(found)), places[point], range(found.shape[2]), places[other])
            found[at] += block

    @cached_property
    def _together(self) -> list[NDArray[np.int32]]:
        """Permutations over which native code may take the mean itself, (k, P) each."""
        if any(part.kind == "same" or part.at_points for part in self._parts):
            return list(self._rows[:, None])
        return [self._rows]


class _Moments:
    """Moments of rotations under the kernel between clouds, each computed when asked for."""

    def __init__(
        self, of: RotationBlocks, rows: NDArray[np.int32], X: Array, Y: Array, n_jobs: int | None
    ) -> None:
        self._of, self._rows, self._X, self._Y, self._n_jobs = of, rows, X, Y, n_jobs
        self._scale = float(of._rates.max()) ** -0.5
        self._found: dict[tuple[int, bool], Array] = {}

    def of(self, kind: str) -> Array:
        """Mean of k times what rotations do to a quantity, (n, q, m, q)."""
        power = POWERS[kind]
        reflected = self._of._reflected
        if kind in SIGNED and reflected:
            return self._moment(power, False) - self._moment(power, True)
        if power < 2:
            return self._moment(power, reflected)
        basis = basis_of(kind, self._of._dimension)
        right = np.tensordot(self._second, basis, axes=([3, 5], [1, 2]))  # (n, m, a, c, q)
        return np.tensordot(right, basis, axes=([2, 3], [1, 2])).transpose(0, 3, 1, 2)

    def _moment(self, power: int, reflected: bool) -> Array:
        """E k or E k R over proper maps or all, (n, 1, m, 1) or (n, r, m, r)."""
        if (power, reflected) not in self._found:
            average, X, Y = self._average(0, 0, reflected), self._X, self._Y
            if power == 0:
                moment = average.blocks(X, Y, False, self._n_jobs)[0][:, None, :, None]
            else:
                moment = average.turns(X, None if Y is X else Y, self._n_jobs)
            self._found[power, reflected] = moment
        return self._found[power, reflected]

    @cached_property
    def _second(self) -> Array:
        """E k R_ab R_cd, (n, m, a, b, c, d)."""
        r, n, m = self._of._dimension, len(self._X), len(self._Y)
        nothing = np.zeros((r, r))
        X = self._with(self._with(self._X, nothing), self._axes)
        Y = self._with(self._with(self._Y, self._axes), nothing)
        along = np.eye(X.shape[1])
        A, B = along[-2 * r * r : -r * r], along[-r * r :]
        found = self._average(2 * r, 2, self._of._reflected).mixed(
            X, np.tile(A, (n, 1, 1)), Y, np.tile(B, (m, 1, 1)), self._n_jobs
        )
        moments: Array = found.reshape(n, r, r, m, r, r).transpose(0, 3, 2, 1, 4, 5)
        return moments

    @property
    def _axes(self) -> Array:
        axes: Array = self._scale * np.eye(self._of._dimension)
        return axes

    def _with(self, clouds: Array, points: Array) -> Array:
        """Clouds with further points."""
        return np.hstack([clouds, np.tile(points.ravel(), (len(clouds), 1))])

    def _average(self, added: int, power: int, reflected: bool) -> RotationAverage:
        """Mean over rotations of clouds with some points added, in units of the moments."""
        k, points = self._rows.shape
        own = np.arange(points, points + added, dtype=np.int32)
        rows = np.ascontiguousarray(np.hstack([self._rows, np.tile(own, (k, 1))]))
        t, s = self._of._rates, self._scale
        weights = self._of._weights * np.exp(added * t * s**2) / (2.0 * t * s) ** power
        return RotationAverage(rows, self._of._dimension, reflected, t, weights)


def _gaussians(spec: BaseSpec) -> tuple[Array, Array]:
    """Weights and rates of a kernel of unit length scale as a sum of Gaussians.

    Derivatives are taken at added points alone, so that Matern kernels with a kink will do.
    """
    nu = 0.5 if spec.name == "matern12" else spec.parameters[-1]
    if spec.name in ("matern", "matern12") and nu <= 1.0:
        rough = matern_mixture(nu, 1.0, _TOLERANCE)
        return np.asarray(rough.weights), np.asarray(rough.rates)
    if spec.name not in ("rbf", "matern", "matern32", "matern52", "rational_quadratic"):
        raise NotApplicableError(
            f"kernel {spec.name!r} has no closed form for vectors and tensors under rotations; "
            "those that have are RBF, Matern and RationalQuadratic"
        )
    return joint_mixture(spec)


def _kind(part: Part) -> str:
    return "vector" if part.kind == "same" else part.kind
