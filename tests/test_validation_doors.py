"""Every public callable gives for any dtype and layout what it gives for float64, or refuses it."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest
from doors import CYCLIC, DATA, EXAMPLES, MODULES, RNG, ROWS, Y
from scipy.sparse import csr_array
from sklearn.gaussian_process.kernels import RBF
from symkernel import Canonicalizer, MaxFilter, groups, lie, orbit_distance, spectral
from symkernel.kernels import InvariantKernel

CASES = [
    pytest.param(module, name, id=f"{module}.{name}")
    for module, entries in EXAMPLES.items()
    for name, entry in entries.items()
    if callable(entry)
]
every_door = pytest.mark.parametrize(("module", "name"), CASES)

DTYPES = ("int64", "int8", "bool", "uint8", "float16", "longdouble", "object", ">f8")


def _strided(array):
    wide = np.zeros([2 * n for n in array.shape], array.dtype)
    part = wide[(slice(None, None, 2),) * array.ndim]
    part[...] = array
    return part


def _read_only(array):
    array = array.astype(np.float64)
    array.flags.writeable = False
    return array


LAYOUTS = {
    "fortran": lambda array: np.asfortranarray(array, np.float64),
    "strided": lambda array: _strided(array.astype(np.float64)),
    "read-only": _read_only,
}


def _numbers(result):
    """Arrays in a result, as float64."""
    if isinstance(result, list | tuple):
        return [array for part in result for array in _numbers(part)]
    return [] if result is None else [np.asarray(result, np.float64)]


def _outcome(module, name, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _numbers(EXAMPLES[module][name](X, y))


def _same(module, name, X, y):
    """Compare with the outcome for the same numbers as plain float64."""
    plain = _outcome(module, name, X.astype(np.float64, order="C"), y.astype(np.float64))
    found = _outcome(module, name, X, y)
    assert len(found) == len(plain)
    for one, other in zip(found, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


def test_every_public_name_has_an_example_or_a_reason():
    for module in MODULES:
        public = set(importlib.import_module(f"symkernel.{module}").__all__)
        assert set(EXAMPLES[module]) == public, module
    top = set(importlib.import_module("symkernel").__all__) - {"__version__", "cuda", *MODULES}
    assert top == {*EXAMPLES["symkernel"], "InvariantKernel"}


@every_door
def test_dtypes(module, name):
    data = DATA.get(f"{module}.{name}", ROWS)
    for dtype in DTYPES:
        if np.dtype(dtype).itemsize == 1 and data.max() > 100:
            continue
        _same(module, name, data.astype(dtype), Y.astype(dtype))


@every_door
def test_layouts(module, name):
    for layout in LAYOUTS.values():
        _same(module, name, layout(DATA.get(f"{module}.{name}", ROWS)), layout(Y))


REFUSED = {
    "masked": lambda X: np.ma.masked_array(X, X == 1),
    "sparse": csr_array,
    "complex": lambda X: X.astype(complex),
    "dates": lambda X: X.astype("datetime64[s]"),
    "durations|dates or times": lambda X: X.astype("timedelta64[s]"),
    "text": lambda X: X.astype(int).astype(str),
}


@every_door
def test_refusals(module, name):
    data = DATA.get(f"{module}.{name}", ROWS).astype(float)
    for words, make in REFUSED.items():
        if words == "sparse" and data.ndim > 2:
            continue
        with pytest.raises((TypeError, ValueError), match=words):
            _outcome(module, name, make(data), Y)


def test_heat_kernel_of_integer_vectors():
    axes = np.concatenate([np.eye(3, dtype=int), -np.eye(3, dtype=int)])
    K = spectral.HeatKernel(spectral.Sphere(3), 0.3, max_level=8)(axes)
    side = [0.5951, 0.5951, 0.0098, 0.5951, 0.5951]
    np.testing.assert_allclose(K[0], [3.6879, *side], atol=5e-5)
    single = spectral.HeatKernel(spectral.Sphere(3), 0.3)(axes, axes.astype(np.float32))
    assert single.dtype == np.float64  # integers with float32 are float64


def test_moved_integers_keep_their_lengths():
    moved = groups.move_randomly(groups.SO(3), np.array([[1, 0, 0], [3, 4, 5]]), random_state=0)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), [1.0, 50**0.5])
    flips = groups.move_randomly(groups.SignFlips(3), np.ones((50, 3), np.uint8), random_state=0)
    assert set(np.unique(flips)) == {-1, 1}
    turned = groups.Cyclic(3).generators[0].apply(np.array([1, 2, 3], np.int8))
    assert turned.tolist() == [2, 3, 1]
    assert turned.dtype.kind == "i"


def test_float32_stays_float32():
    X = ROWS.astype(np.float32)
    k = InvariantKernel(RBF(2.0), CYCLIC)
    arrays = [k(X), orbit_distance(X, group=CYCLIC), groups.move_randomly(groups.SO(4), X)]
    arrays.append(Canonicalizer("cyclic").fit_transform(X))
    arrays.append(MaxFilter("samples", "cyclic").fit_transform(X))
    arrays.append(groups.SO(4).sample(1)[0].apply(X))
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def test_runs_of_dynamics_match_one_by_one():
    runs = [RNG.standard_normal((n, 2)) for n in (37, 80)]
    speeds = [run @ [[0.0, 1.0], [-1.0, 0.0]] for run in runs]
    with pytest.raises(ValueError, match="run 0 has 37 states in X and 80 velocities in dX"):
        lie.discover_dynamics(runs, speeds[::-1], lie.linear(2))
    with pytest.raises(ValueError, match="X has 2 runs and dX has 1"):
        lie.discover_dynamics(runs, speeds[:1], lie.linear(2))
    plain = lie.discover_dynamics(np.concatenate(runs), np.concatenate(speeds), lie.linear(2))
    objects = np.empty(2, object)
    objects[:] = runs
    for given in (runs, tuple(runs), iter(runs), objects, (run.astype(object) for run in runs)):
        found = lie.discover_dynamics(given, (speed for speed in speeds), lie.linear(2))
        np.testing.assert_allclose(found.singular_values, plain.singular_values, atol=1e-12)
