"""One example call of every public callable that takes samples, and why the others take none."""

from __future__ import annotations

import numpy as np
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from symkernel import (
    Canonicalizer,
    ChainKernel,
    EquivariantKernelRidge,
    EquivariantKernelRidgeCV,
    GroupScaler,
    InvariantKernelClassifier,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
    InvariantNystroem,
    MaxFilter,
    Ragged,
    SoftInvariantKernel,
    align,
    canonical,
    descriptors,
    diagnostics,
    groups,
    kernels,
    lie,
    molecules,
    orbit_distance,
    spectral,
    suggest_length_scale,
    theory,
)
from symkernel.canonical.chain import ChainForm
from symkernel.canonical.enumerated import EnumeratedForm
from symkernel.canonical.frames import FrameForm
from symkernel.canonical.rotation import RotationForm
from symkernel.canonical.shifts import ShiftForm
from symkernel.canonical.sorting import SortForm
from symkernel.canonical.weighted import weighted_frame
from symkernel.groups.along import Along
from symkernel.groups.motion import Motion
from symkernel.kernels import InvariantKernel
from symkernel.lie.dictionary import Monomials
from symkernel.lie.fields import DictionaryFields
from symkernel.lie.fourier import Fourier
from symkernel.lie.models import DictionaryFunction
from symkernel.lie.operator import LieOperator, dictionary_operator, finite_rows
from symkernel.theory.learning_curve import mean_squared_error

MODULES = (
    "canonical",
    "descriptors",
    "diagnostics",
    "exceptions",
    "groups",
    "kernels",
    "lie",
    "molecules",
    "spectral",
    "theory",
)
RNG = np.random.default_rng(0)
ROWS = RNG.integers(0, 6, size=(24, 4))
ROWS[:, 0] += 1  # no zero vectors
UNIT = np.tile(np.eye(3, dtype=int), (8, 1))
Y = np.arange(24) % 3
# Data of the callables that do not take ROWS: on a manifold, or of its dimension.
SPHERE = ("HeatKernel", "SobolevKernel", "PolynomialKernel", "InvariantBasis", "Sphere")
GRID = np.arange(24)
DATA = {f"spectral.{name}": UNIT for name in SPHERE} | {
    "spectral.Product": np.hstack([UNIT, UNIT]),
    "descriptors.PairDistances": UNIT,
    "descriptors.InversePairDistances": UNIT,
    "molecules.ForceField": UNIT,
    "molecules.Frames": UNIT,
    "groups.molecule": UNIT,  # eight frames of a ring of three
    "lie.discover_equation": (GRID[:, None] ** 2 + GRID**2)[None],  # of the wave equation
}
CYCLIC, SYMMETRIC = groups.Cyclic(4), groups.Symmetric(4)

# -- what takes no samples, and why ---------------------------------------------------------------
RESULT = "an outcome that other callables make"
PARTS = "is made of arrays that the house has made"
ABSTRACT = "a base class"
NO_ARRAY = "takes no arrays of samples"
ERROR = "an exception or a warning"


def _square(X):
    """An orthogonal matrix of the dtype of X."""
    return np.eye(4)[[1, 2, 3, 0]].astype(X.dtype)


def _fitted(model, method="predict"):
    """Example of an estimator: fitted on X and its targets, then asked about X."""

    def call(X, y):
        return getattr(model().fit(X, y), method)(X)

    return call


def _classified(model, method):
    """Example of a classifier, whose labels are integers."""

    def call(X, y):
        return getattr(model().fit(X, Y), method)(X)

    return call


def _of_descriptor(descriptor):
    def call(X, y):
        if hasattr(X, "toarray"):
            return descriptor.value(X)
        R = X.reshape(-1, 9)
        return [descriptor.value(R), descriptor.jacobian(R), descriptor.fit_transform(R)]

    return call


def _of_group(name, *arguments):
    """Example of a group: its generators, and random elements, on samples."""

    def call(X, y):
        group = getattr(groups, name)(*arguments)
        X = X[:, : group.degree]
        elements = [*group.generators, *group.sample(2, random_state=0)]
        moved = [group.apply(g, X) for g in elements] + [g.apply(X) for g in elements]
        return [*moved, groups.move_randomly(group, X, random_state=0)]

    return call


def _of_kernel(kernel):
    def call(X, y):
        k = InvariantKernel(kernel, SYMMETRIC)
        return [kernel(X), kernel(X, X[:5]), kernel.diag(X), k(X), k.diag(X), k.gram_packed(X)]

    return call


def _of_spectral_kernel(kernel, group):
    def call(X, y):
        k = InvariantKernel(kernel, group)
        weights = y[: len(X)]
        products = [k.matvec(X, X, weights), kernel(X, eval_gradient=True)[1]]
        return [kernel(X), kernel(X, X[:5]), kernel.diag(X), k(X), k.diag(X), *products]

    return call


def _of_manifold(manifold):
    def call(X, y):
        X = X[:, : manifold.n_features]
        return [manifold.check_points(X), manifold.eigenfunctions(X, manifold.levels(1)[-1].level)]

    return call


def _of_form(form):
    def call(X, y):
        return form.representatives(X)

    return call


def _invariant_kernel(X, y):
    k = InvariantKernel(RBF(2.0), CYCLIC)
    return [
        k(X),
        k(X, X[:5]),
        k(X, eval_gradient=True)[1],
        k.diag(X),
        k.gram(X),
        k.gram_packed(X),
        k.matvec(X, X, y),
        k.gradient_x(X, X, y),
    ]


def _of_kernel_object(k):
    def call(X, y):
        gradients = [k(X, eval_gradient=True)[1], k.gradient_x(X, X, y)]
        return [k(X), k(X, X[:5]), k.diag(X), k.gram(X), k.matvec(X, X, y), *gradients]

    return call


_SOFT = _of_kernel_object(SoftInvariantKernel(RBF(2.0), CYCLIC))
_CHAIN = _of_kernel_object(ChainKernel(RBF(2.0), [SYMMETRIC, CYCLIC, None]))


def _evidence(X, y):
    found = diagnostics.symmetry_evidence(X, y, chain=[None, CYCLIC], n_softness=3)
    return [model.loo for model in found.models.values()]


def _discover(X, y):
    model = (lambda X: (X**2).sum(axis=1), lambda X: 2 * X)
    return lie.discover(model, X, lie.affine(4), n_bootstrap=0).generators


def _equation(X, y):
    grids = [GRID.astype(y.dtype), GRID.astype(y.dtype)]
    wave = {(2, 0): 1.0, (0, 2): -1.0}
    return lie.discover_equation(X, grids, wave, lie.affine(3), n_bootstrap=0).singular_values


def _dynamics(X, y):
    X = X[:, :2]
    found = lie.discover_dynamics(X, X, lie.linear(2), lie.monomials(1), n_bootstrap=0)
    return [found.singular_values, found.generators]


def _tangent(X, y):
    normals = np.ones((len(X), 4)).astype(X.dtype)
    return lie.discover_tangent(X, lie.affine(4), normals=normals, n_bootstrap=0).singular_values


def _compare_repairs(X, y):
    options = {"group": CYCLIC, "random_state": 0}
    found = diagnostics.compare_repairs(Ridge(), X, y, X, y, **options)
    return [[row.rmse, row.std] for row in found.rows]


def _learning_curve(X, y):
    sizes = [8, 12]
    curve = theory.LearningCurve({"ridge": Ridge()}, (X, y), sizes, n_repeats=2, n_test=8)
    return curve.run().risks("ridge")


def _force_field(X, y):
    if hasattr(X, "toarray"):
        return molecules.Frames([1, 1, 1], X)
    R = X.reshape(8, 3, 3)
    model = molecules.ForceField(permutations="none", noise=0.1, verbose=False)
    model.fit(z=[1, 1, 1], positions=R, energies=y[:8], forces=R)
    return model.predict(R, return_std=True)


def _frames(X, y):
    if hasattr(X, "toarray"):
        return molecules.Frames([1, 1, 1], X)
    R = X.reshape(8, 3, 3)
    found = molecules.Frames([1, 1, 1], R, y[:8], R, units=("kcal/mol", "Bohr"))
    return [found.positions, found.energies, found.forces]


def _report(X, y):
    found = diagnostics.invariance_report(
        Ridge().fit(ROWS, Y), X, group=CYCLIC, y=y, X_train=X, n_bootstrap=2, random_state=0
    )
    return [found.std, found.mean, found.spread]


EXAMPLES = {
    "canonical": {
        "CanonicalForm": ABSTRACT,
        "canonical_form": _of_form(canonical.canonical_form(groups.Hyperoctahedral(4))),
    },
    "descriptors": {
        "InversePairDistances": _of_descriptor(descriptors.InversePairDistances(3)),
        "PairDistances": _of_descriptor(descriptors.PairDistances(3)),
    },
    "diagnostics": {
        "Augmented": _fitted(
            lambda: diagnostics.Augmented(KNeighborsRegressor(1), CYCLIC, random_state=0)
        ),
        "Symmetrized": _fitted(lambda: diagnostics.Symmetrized(Ridge(), CYCLIC)),
        "SymmetrizedCalculator": "takes atoms of ASE",
        "SymmetrizedClassifier": _classified(
            lambda: diagnostics.SymmetrizedClassifier(LogisticRegression(), CYCLIC), "predict_proba"
        ),
        "assert_invariant": lambda X, y: diagnostics.assert_invariant(
            lambda X: X.sum(axis=1), X, group=CYCLIC, random_state=0
        ),
        "calculator_model": "takes atoms of ASE",
        "compare_repairs": _compare_repairs,
        "convergence": lambda X, y: (
            diagnostics.convergence(lambda X: X[:, 0] ** 2, X[:, :3], (0, 2), group=groups.O(3)).std
        ),
        "dynamics_report": "takes atoms of ASE",
        "invariance_report": _report,
        "invariance_test": lambda X, y: [
            diagnostics.invariance_test(X, group=CYCLIC, n_resamples=9, random_state=0).statistic,
            diagnostics.invariance_test(
                X, Y * 1.0, group=CYCLIC, estimator=Ridge(), n_resamples=9, random_state=0
            ).statistic,
        ],
        "invariant_version": NO_ARRAY,
        "net_force": lambda X, y: diagnostics.net_force(X[:, :3]),
        "net_torque": lambda X, y: diagnostics.net_torque(X[:, :3], X[::-1, 1:]),
        "orbit_grid": NO_ARRAY,
        "subgroup_scan": lambda X, y: (
            diagnostics.subgroup_scan(X, candidates={"C4": CYCLIC}, n_resamples=39, random_state=0)
            .tests["C4"]
            .statistic
        ),
        "symmetry_evidence": _evidence,
    },
    "exceptions": {
        "ApproximationWarning": ERROR,
        "GradientError": ERROR,
        "GridEdgeWarning": ERROR,
        "GroupTooLargeError": ERROR,
        "NotApplicableError": ERROR,
    },
    "groups": {
        "Representation": lambda X, y: [
            groups.Representation("tensor").components(X[:2].reshape(2, 2, 2)),
            groups.Representation("tensor").tensors(X[:, :3], 2),
            groups.Representation.from_matrices(CYCLIC, [_square(X)]).matrices(
                CYCLIC, CYCLIC.generators
            ),
        ],
        "SE": _of_group("SE", 4),
        "SO": _of_group("SO", 4),
        "Alternating": _of_group("Alternating", 4),
        "Cyclic": _of_group("Cyclic", 4),
        "Dihedral": _of_group("Dihedral", 4),
        "E": _of_group("E", 4),
        "Group": lambda X, y: [CYCLIC.orbit_size(x) for x in X],
        "Hyperoctahedral": _of_group("Hyperoctahedral", 4),
        "Graph": _of_group("Graph", 2),
        "Image": _of_group("Image", (2, 2), "D4"),
        "MatrixGroup": lambda X, y: groups.MatrixGroup([_square(X)]).generators[0].apply(X),
        "O": _of_group("O", 4),
        "OrthogonalMatrix": lambda X, y: groups.OrthogonalMatrix(_square(X)).apply(X),
        "Permutation": "takes indices, which must be integers",
        "PermutationGroup": "takes indices, which must be integers",
        "PointGroup": _of_group("PointGroup", "Oh"),
        "SignFlips": _of_group("SignFlips", 4),
        "SignedPermutation": lambda X, y: groups.SignedPermutation(
            [1, 2, 3, 0], [-1, 1, -1, 1]
        ).apply(X),
        "SpaceGroup": _of_group("SpaceGroup", [np.eye(3), -np.eye(3)]),
        "Symmetric": _of_group("Symmetric", 4),
        "Torus": _of_group("Torus", 4),
        "Translations": _of_group("Translations", 4),
        "Trivial": _of_group("Trivial", 4),
        "Wreath": _of_group("Wreath", groups.Cyclic(2), groups.Cyclic(2)),
        "Young": _of_group("Young", [0, 0, 1, 1]),
        "from_name": NO_ARRAY,
        "molecule": lambda X, y: [
            g.apply(X[:3].reshape(-1))
            for g in groups.molecule([6, 6, 6], X.reshape(-1, 3, 3)).generators
        ],
        "move_randomly": lambda X, y: groups.move_randomly(groups.SO(4), X, random_state=1),
    },
    "kernels": {
        "ArcCosine": _of_kernel(kernels.ArcCosine(1)),
        "EquivariantKernel": lambda X, y: [
            kernels.EquivariantKernel(RBF(2.0), CYCLIC, "same").gram(X, X[:5]),
            kernels.EquivariantKernel(RBF(2.0), CYCLIC, "same").gram_packed(X),
            kernels.EquivariantKernel(RBF(2.0), CYCLIC, "same").diag(X),
            kernels.EquivariantKernel(RBF(2.0), CYCLIC, "same").matvec(X, None, X),
        ],
        "InvariantKernel": _invariant_kernel,
        "Laplacian": _of_kernel(kernels.Laplacian(0.5)),
        "Polynomial": _of_kernel(kernels.Polynomial(2)),
        "Quadrature": NO_ARRAY,
        "Sample": NO_ARRAY,
        "PowerExponential": _of_kernel(kernels.PowerExponential(2.0, exponent=1.5)),
        "SetKernel": lambda X, y: kernels.SetKernel(RBF())([X[:3], X[3:]]),
        "VonMises": _of_kernel(kernels.VonMises(0.5)),
    },
    "lie": {
        "Algebra": lambda X, y: [
            lie.Algebra([_square(X)]).values(X),
            lie.Algebra([_square(X)]).jacobians(X),
        ],
        "EnforcedRegressor": _fitted(
            lambda: lie.EnforcedRegressor(lie.monomials(2), "special_orthogonal", alpha=0.1)
        ),
        "SymmetryPromotingRegressor": _fitted(
            lambda: lie.SymmetryPromotingRegressor(
                lie.monomials(1), "special_orthogonal", gamma=0.1, random_state=0
            )
        ),
        "affine": NO_ARRAY,
        "discover": _discover,
        "discover_dynamics": _dynamics,
        "discover_equation": _equation,
        "discover_tangent": _tangent,
        "fourier": NO_ARRAY,
        "linear": NO_ARRAY,
        "lorentz": NO_ARRAY,
        "monomials": NO_ARRAY,
        "polynomial_fields": NO_ARRAY,
        "scalings": NO_ARRAY,
        "special_euclidean": NO_ARRAY,
        "special_orthogonal": NO_ARRAY,
        "symplectic": NO_ARRAY,
        "translations": NO_ARRAY,
    },
    "molecules": {
        "ForceField": _force_field,
        "Frames": _frames,
        "read_structures": "takes files",
        "run_dynamics": "takes a force field and atoms of ASE",
    },
    "spectral": {
        "SO3": NO_ARRAY,
        "HeatKernel": _of_spectral_kernel(
            spectral.HeatKernel(spectral.Sphere(3), 0.3, max_level=4), groups.Cyclic(3)
        ),
        "InvariantBasis": lambda X, y: spectral.InvariantBasis(
            spectral.Sphere(3), groups.Cyclic(3), max_level=3
        ).fit_transform(X),
        "LatticeTorus": lambda X, y: [
            *_of_manifold(spectral.LatticeTorus(np.eye(3)))(X, y),
            spectral.LatticeTorus(2 * np.eye(3)).to_cartesian(X[:, :3]),
            spectral.LatticeTorus(2 * np.eye(3)).to_fractional(X[:, :3]),
        ],
        "Manifold": ABSTRACT,
        "PolynomialKernel": _of_spectral_kernel(spectral.PolynomialKernel(2), groups.Cyclic(3)),
        "Polynomials": _of_manifold(spectral.Polynomials(3)),
        "Product": _of_manifold(spectral.Product(spectral.Sphere(3), spectral.Sphere(3))),
        "SobolevKernel": _of_spectral_kernel(
            spectral.SobolevKernel(spectral.Sphere(3), 2.0, max_level=4), groups.Cyclic(3)
        ),
        "SpectralClassifier": _classified(
            lambda: spectral.SpectralClassifier(group="cyclic", max_level=1, alpha=0.1),
            "decision_function",
        ),
        "SpectralRegressor": _fitted(
            lambda: spectral.SpectralRegressor(group="cyclic", max_level=2, alpha=0.1)
        ),
        "Sphere": _of_manifold(spectral.Sphere(3)),
        "Stereographic": _fitted(spectral.Stereographic, "transform"),
        "SymmetricPolynomials": _fitted(lambda: spectral.SymmetricPolynomials(2), "transform"),
        "ToSphere": _fitted(spectral.ToSphere, "transform"),
        "ToTorus": _fitted(spectral.ToTorus, "transform"),
        "Torus": _of_manifold(spectral.Torus(3)),
    },
    "symkernel": {
        "align": lambda X, y: align(X, X[::-1], group=CYCLIC).distance,
        "orbit_distance": lambda X, y: [
            orbit_distance(X, group=CYCLIC),
            orbit_distance(X, X[:5], group=SYMMETRIC),
        ],
        "ChainKernel": _CHAIN,
        "Canonicalizer": _fitted(lambda: Canonicalizer("cyclic"), "transform"),
        "InvariantKernelClassifier": _classified(
            lambda: InvariantKernelClassifier(0.1, group="cyclic"), "decision_function"
        ),
        "EquivariantKernelRidge": lambda X, y: [
            EquivariantKernelRidge(0.1, group="cyclic", output="same").fit(X, X).predict(X),
            EquivariantKernelRidge(0.1, group="cyclic", output="trivial")
            .fit(X, y, sample_weight=1 + y)
            .predict(X, return_std=True),
        ],
        "EquivariantKernelRidgeCV": lambda X, y: [
            EquivariantKernelRidgeCV([0.1, 1.0], [0.1], group="cyclic", output="same")
            .fit(X, X)
            .predict(X),
            EquivariantKernelRidgeCV([0.1, 1.0], [0.1], group="cyclic", output="trivial")
            .fit(X, y, sample_weight=1 + y)
            .predict(X, return_std=True),
        ],
        "InvariantKernelRidge": lambda X, y: [
            _fitted(lambda: InvariantKernelRidge(0.1, group="cyclic"))(X, y),
            _fitted(lambda: InvariantKernelRidge(0.1, kernel="rbf"))(X, y),
            InvariantKernelRidge(0.1, group="cyclic").fit(X, y, sample_weight=1 + y).predict(X),
            InvariantKernelRidge(0.1, group="cyclic")
            .fit(X[:6], y[:6], gradient=X[:6])
            .predict(X, return_gradient=True),
        ],
        "InvariantKernelRidgeCV": _fitted(
            lambda: InvariantKernelRidgeCV([0.1, 1.0], [0.1], group="cyclic")
        ),
        "GroupScaler": _fitted(lambda: GroupScaler("cyclic"), "transform"),
        "InvariantNystroem": lambda X, y: InvariantNystroem(
            RBF(2.0), 6, group="cyclic", random_state=0
        ).fit_transform(X),
        "MaxFilter": lambda X, y: MaxFilter(X[:3], "cyclic").fit_transform(X),
        "SoftInvariantKernel": _SOFT,
        "Ragged": lambda X, y: Ragged(X, [0, 3, len(X)])[1],
        "suggest_length_scale": lambda X, y: suggest_length_scale(X, group=CYCLIC, random_state=0),
    },
    "theory": {
        "LearningCurve": _learning_curve,
        "dimension_counts": NO_ARRAY,
        "effective_dimension": lambda X, y: [
            theory.effective_dimension(InvariantKernel(RBF(), CYCLIC), 0.1, X),
            theory.effective_dimension(np.eye(4).astype(X.dtype), 0.1),
        ],
        "invariant_dimension": NO_ARRAY,
        "molien_series": NO_ARRAY,
        "quotient": NO_ARRAY,
        "recommended_level": NO_ARRAY,
        "sample_gain": lambda X, y: (
            theory.sample_gain(kernels.Laplacian(), InvariantKernel(RBF(), CYCLIC), X, 0.1).plain
        ),
        "standard_models": NO_ARRAY,
        "volume": NO_ARRAY,
        "weyl_estimate": NO_ARRAY,
    },
    # Not exported, but importable by path, and with doors of their own.
    "within": {
        "Along": lambda X, y: Along(groups.SO(2), 1, (2, 2)).lie_algebra[0].apply(X),
        "ChainForm": _of_form(ChainForm(CYCLIC)),
        "DictionaryFields": lambda X, y: DictionaryFields(lie.monomials(1, 4)).values(X),
        "DictionaryFunction": lambda X, y: DictionaryFunction(lie.monomials(1, 3), X).values(
            X[:, :3]
        ),
        "EnumeratedForm": _of_form(EnumeratedForm(CYCLIC)),
        "Fourier": lambda X, y: Fourier(1, 4).values(X),
        "FrameForm": _of_form(FrameForm(groups.SO(2).along(1, (2, 2)))),
        "LieGenerator": lambda X, y: [xi.apply(X) for xi in groups.SE(4).lie_algebra],
        "LieOperator": lambda X, y: LieOperator(lie.monomials(1, 4), lie.linear(4), X).columns(
            X[0, :1] + np.arange(5)
        ),
        "Monomials": lambda X, y: [Monomials(2, 4).values(X), Monomials(2, 4).jacobians(X)],
        "Motion": lambda X, y: Motion(_square(X), X[0]).apply(X),
        "Product": lambda X, y: groups.move_randomly(
            groups.SO(2).along(1, (2, 2)) * groups.Symmetric(2).along(0, (2, 2)), X, random_state=0
        ),
        "RotationForm": _of_form(RotationForm(CYCLIC)),
        "ShiftForm": _of_form(ShiftForm(groups.Translations(2).along(1, (2, 2)))),
        "SortForm": _of_form(SortForm(SYMMETRIC)),
        "Transporters": lambda X, y: (
            SortForm(SYMMETRIC).canonicalize(ROWS * 1.0).transporter.apply(X)
        ),
        "dictionary_operator": lambda X, y: dictionary_operator(
            lie.monomials(1, 4), lie.linear(4), X
        ),
        "finite_rows": lambda X, y: finite_rows(lie.monomials(1, 4), [_square(X)], X),
        "mean_squared_error": lambda X, y: mean_squared_error(y, X[: len(y), 0]),
        "weighted_frame": lambda X, y: weighted_frame(groups.SO(2).along(1, (2, 2))).frames(X),
    },
}
