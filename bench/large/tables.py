"""Data sets that a user has as files: their columns, their symmetry, and a fit to them.

Nothing is downloaded. A file is read only if its SHA-256 is the one that is given, so that results
name the data that they are of.

* ``higgs``, ``susy``: the UCI files of P. Baldi, P. Sadowski, D. Whiteson (2014), label first.
  Pairs of transverse momentum and azimuth become vectors of the plane, which turn and reflect
  together.
* ``taxi``: yellow cabs of New York City, a CSV with coordinates and a header; the target is the
  logarithm of the seconds of a trip. It has no symmetry.
* ``qm9``: an ``.npz`` with R (n, atoms, 3) in angstrom, z (n, atoms), padded with zeros, and U0
  (n,): inverse distances, sorted within each pair of elements, do not depend on the order of the
  atoms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernelRidge, groups
from symkernel.groups import Group

from ..memory import watched
from ..peers import Array
from ..text import duration, markdown, memory
from ..timing import threads

HIGGS = (
    "label", "lepton_pT", "lepton_eta", "lepton_phi", "missing_energy_magnitude",
    "missing_energy_phi", "jet1_pt", "jet1_eta", "jet1_phi", "jet1_btag", "jet2_pt", "jet2_eta",
    "jet2_phi", "jet2_btag", "jet3_pt", "jet3_eta", "jet3_phi", "jet3_btag", "jet4_pt", "jet4_eta",
    "jet4_phi", "jet4_btag", "m_jj", "m_jjj", "m_lv", "m_jlv", "m_bb", "m_wbb", "m_wwbb",
)  # fmt: skip
SUSY = (
    "label", "lepton1_pT", "lepton1_eta", "lepton1_phi", "lepton2_pT", "lepton2_eta", "lepton2_phi",
    "missing_energy_magnitude", "missing_energy_phi", "MET_rel", "axial_MET", "M_R", "M_TR_2", "R",
    "MT2", "S_R", "M_Delta_R", "dPhi_r_b", "cos_theta_r1",
)  # fmt: skip
TAXI = (
    "tpep_pickup_datetime", "tpep_dropoff_datetime", "passenger_count", "trip_distance",
    "pickup_longitude", "pickup_latitude", "dropoff_longitude", "dropoff_latitude",
)  # fmt: skip
ELEMENTS = (1, 6, 7, 8, 9)  # of QM9


@dataclass(frozen=True)
class Table:
    """Rows of features, targets, whether those are +-1, and a group or None.

    The group acts on the first `turning` features.
    """

    X: Array
    y: Array
    classes: bool
    group: Group | None = None
    turning: int = 0


def checked(path: Path, sha256: str) -> Path:
    """Return the path of a file whose checksum is the one that is given.

    Raises
    ------
    ValueError
        If it is another.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256.lower():
        raise ValueError(f"{path.name} has the SHA-256 {found}, not {sha256}")
    return path


def _collisions(frame: pd.DataFrame, angle: str) -> Table:
    """Events: vectors in the plane first, then the columns that do not turn."""
    turning = [name for name in frame.columns if name.lower().endswith("_phi")]
    plane, used = [], {"label", *turning}
    for phi in turning:
        stem = phi.removesuffix(angle)
        length = next(
            name for name in frame.columns
            if name.lower() in (f"{stem}_pt".lower(), f"{stem}_magnitude".lower())
        )  # fmt: skip
        used.add(length)
        plane += [frame[length] * np.cos(frame[phi]), frame[length] * np.sin(frame[phi])]
    fixed = frame[[name for name in frame.columns if name not in used]].to_numpy(np.float64)
    fixed = (fixed - fixed.mean(axis=0)) / np.where(fixed.std(axis=0) > 0, fixed.std(axis=0), 1.0)
    vectors = np.stack(plane, axis=1)
    vectors /= vectors.std()
    columns = list(range(vectors.shape[1]))
    group = groups.O(2).along(1, (len(turning), 2)).on(columns)
    y = np.where(frame["label"].to_numpy() > 0.5, 1.0, -1.0)
    return Table(np.hstack([vectors, fixed]), y, True, group, len(columns))


def higgs(path: Path, rows: int) -> Table:
    """Events with a lepton, missing energy and four jets."""
    return _collisions(pd.read_csv(path, header=None, names=list(HIGGS), nrows=rows), "_phi")


def susy(path: Path, rows: int) -> Table:
    """Events with two leptons and missing energy."""
    return _collisions(pd.read_csv(path, header=None, names=list(SUSY), nrows=rows), "_phi")


def taxi(path: Path, rows: int) -> Table:
    """Trips of at least a minute and at most five hours, within a degree of Manhattan."""
    kept: list[pd.DataFrame] = []
    for part in pd.read_csv(path, usecols=list(TAXI), chunksize=100_000):
        start, end = (pd.to_datetime(part[name]) for name in TAXI[:2])
        part = part.assign(seconds=(end - start).dt.total_seconds())
        part["time"] = start.dt.hour * 3600.0 + start.dt.minute * 60.0 + start.dt.second
        part["day"] = start.dt.day_of_week
        near = (part[list(TAXI[4:])] - [-73.97, 40.78, -73.97, 40.78]).abs().max(axis=1) < 1.0
        kept.append(part[near & part["seconds"].between(60, 18_000)])
        if sum(map(len, kept)) >= rows:
            break
    frame = pd.concat(kept)[:rows]
    X = frame[[*TAXI[2:], "time", "day"]].to_numpy(np.float64)
    X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0)
    y = np.log(frame["seconds"].to_numpy(np.float64))
    return Table(X, y - y.mean(), False)


def qm9(path: Path, rows: int) -> Table:
    """Energies less those of the elements; bags of inverse distances, and counts of atoms."""
    with np.load(path) as found:
        R, z, energy = found["R"][:rows], found["z"][:rows], found["U0"][:rows]
    counts = np.stack([(z == element).sum(axis=1) for element in ELEMENTS], axis=1)
    bags = [_bag(R, z, a, b) for a, b in combinations_with_replacement(ELEMENTS, 2)]
    X = np.hstack([bag for bag in bags if bag.shape[1]])
    y = energy - counts @ np.linalg.lstsq(counts.astype(np.float64), energy, rcond=None)[0]
    return Table(X, y, False)


def _bag(R: Array, z: Array, a: int, b: int) -> Array:
    """Inverse distances of all pairs of two elements, the largest first, padded with zeros."""
    found = []
    for positions, charges in zip(R, z, strict=True):
        first, second = positions[charges == a], positions[charges == b]
        distances = np.linalg.norm(first[:, None] - second, axis=2)
        pairs = distances[np.triu_indices(len(first), 1)] if a == b else distances.ravel()
        found.append(np.sort(1.0 / pairs)[::-1])
    bag = np.zeros((len(found), max(map(len, found), default=0)))
    for row, values in zip(bag, found, strict=True):
        row[: len(values)] = values
    return bag


LOADERS: dict[str, Callable[[Path, int], Table]] = {
    "higgs": higgs, "susy": susy, "taxi": taxi, "qm9": qm9,
}  # fmt: skip


def length_scale(X: Array) -> float:
    """Median distance of some rows."""
    some = X[:: max(1, len(X) // 300)][:300]
    distances = np.linalg.norm(some[:, None] - some, axis=2)
    return float(np.median(distances[np.triu_indices(len(some), 1)]))


def fit_table(
    name: str, path: Path, sha256: str, rows: int, M: int, n_threads: int
) -> dict[str, Any]:
    """Fit nine tenths of the rows with the symmetry and without; tell errors on the others.

    Raises
    ------
    ValueError
        If the checksum is another, or the file has fewer than 20 rows.
    AssertionError
        If a prediction changes when events turn.
    """
    table = LOADERS[name](checked(path, sha256), rows)
    n = len(table.X) * 9 // 10
    if len(table.X) < 20:
        raise ValueError(f"{path.name} has {len(table.X)} rows; 20 are the least")
    order = np.random.default_rng(0).permutation(len(table.X))
    train, test = order[:n], order[n:]
    X, y, new, truth = table.X[train], table.y[train], table.X[test], table.y[test]
    kernel = RBF(length_scale(X))
    found: dict[str, Any] = {}
    with threads(n_threads):
        for words, group in {"plain kernel": None, "averaged kernel": table.group}.items():
            if words == "averaged kernel" and group is None:
                continue
            model = InvariantKernelRidge(
                1e-3, group=group, kernel=kernel, solver="nystroem", n_components=M,
                random_state=0, n_jobs=n_threads,
            )  # fmt: skip
            took, _ = watched(lambda model=model: model.fit(X, y))
            predicted = model.predict(new)
            if group is not None:
                _check_turned(model, new[:100], table.turning, float(y.std()))
            error = (
                np.mean(np.sign(predicted) != truth) if table.classes
                else np.sqrt(np.mean((predicted - truth) ** 2)) / truth.std()
            )  # fmt: skip
            found[words] = {
                "seconds": took.seconds, "cpu_seconds": took.cpu_seconds,
                "peak_bytes": took.peak_bytes, "error": float(error),
            }  # fmt: skip
    kind = "share that is wrong" if table.classes else "RMSE / spread"
    lines = [
        (words, f"{f['error']:.4f}", duration(f["seconds"]), memory(f["peak_bytes"]))
        for words, f in found.items()
    ]
    title = f"{name}, n = {n:,}, {M} centres"
    return {
        "table": name, "sha256": sha256, "n": n, "centers": M, "fits": found,
        "text": markdown((title, kind, "fit", "memory over X"), lines),
    }  # fmt: skip


def _check_turned(model: Any, X: Array, width: int, spread: float) -> None:
    """Assert that predictions stay when all vectors of the plane turn and reflect."""
    c, s = np.cos(0.7), np.sin(0.7)
    turned = X.copy()
    vectors = X[:, :width].reshape(len(X), -1, 2) @ np.array([[c, s], [s, -c]])
    turned[:, :width] = vectors.reshape(len(X), width)
    difference = float(np.abs(model.predict(turned) - model.predict(X)).max() / spread)
    if not difference <= 1e-8:
        raise AssertionError(f"predictions change by {difference:.1e} when events turn")
