"""Laws of canonical forms, for the tests of every form."""

from __future__ import annotations

from collections import Counter

import numpy as np
from symkernel.backends import cpu

DTYPES = (np.float64, np.float32)


def same_bits(a, b):
    """Equal numbers, and no -0.0 among them."""
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)
    for z in (a, b):
        assert not np.signbit(z[z == 0]).any()


def samples(d, dtype, seed=0, n=40):
    """Random rows, rows of few values, zeros of both signs, huge, tiny and constant rows."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    X[1::4] = rng.integers(-1, 2, size=X[1::4].shape)
    X[2::8] = rng.integers(0, 2, size=X[2::8].shape)
    X[3] = 0.0
    X[4] = -0.0
    X[5] *= np.where(rng.random(d) < 0.5, 0.0, -1.0)
    X[6] = 3.0
    X = X.astype(dtype)
    X[7] *= np.finfo(dtype).max / 8
    X[8] *= np.finfo(dtype).tiny
    return X


def brute_force(group, X):
    """Least images (n, d) and stabiliser orders (n,), by all elements in Python."""
    elements = list(group.elements())
    least, orders = [], []
    for x in X + X.dtype.type(0):
        images = [tuple(g.apply(x) + x.dtype.type(0)) for g in elements]
        best = min(images)
        least.append(best)
        orders.append(Counter(images)[best])
    return np.array(least, X.dtype), orders


def check_exact(form, X, seed=0):
    """Laws of every exact form, on the rows of X."""
    G = form.group
    found = form.canonicalize(X)
    C = found.representative
    n = len(X)
    assert C.shape == X.shape and len(found) == len(found.transporter) == n
    assert found.gap.shape == found.degenerate.shape == found.stabilizer_order.shape == (n,)
    same_bits(C, form.representatives(X))
    same_bits(C, form.canonicalize(C).representative)
    np.testing.assert_array_equal(found.transporter.apply(X), C)
    for i in range(0, n, 5):
        assert G.contains(found.transporter[i])
        np.testing.assert_array_equal(found.transporter[i].apply(X[i]), C[i])
    for order in found.stabilizer_order:
        assert type(order) is int and G.order % order == 0
    assert ((found.gap >= 0) & ((found.gap <= 1) | np.isinf(found.gap))).all()
    for g in G.sample(3, random_state=seed):
        moved = form.canonicalize(g.apply(X))
        same_bits(moved.representative, C)
        assert list(moved.stabilizer_order) == list(found.stabilizer_order)
        np.testing.assert_allclose(moved.gap, found.gap, rtol=1e-6)
    check_continuity_within_the_gap(form, X, found)
    check_threads(form, X, found)


def check_continuity_within_the_gap(form, X, found):
    rng = np.random.default_rng(0)
    for x, c, gap in zip(X, found.representative, found.gap, strict=True):
        size = np.linalg.norm(x.astype(np.longdouble)).astype(float)
        if not 1e-100 < size < 1e100:
            continue
        nudge = rng.standard_normal((5, len(x)))
        nudge *= min(0.9 * gap, 1.0) * size / np.linalg.norm(nudge, axis=1, keepdims=True)
        moved = np.linalg.norm(form.representatives(x + nudge) - c, axis=1)
        assert (moved <= np.linalg.norm(nudge, axis=1) + 1e-6 * size).all()


def check_threads(form, X, found):
    for jobs in (1, 3):
        again = form.canonicalize(np.tile(X, (50, 1)), n_jobs=jobs)
        same_bits(again.representative, np.tile(found.representative, (50, 1)))
        np.testing.assert_array_equal(again.gap, np.tile(found.gap, 50))
    for n in range(0, 20):
        few = form.canonicalize(X[:n])
        same_bits(few.representative, found.representative[:n])
        same_bits(form.representatives(X[:n]), found.representative[:n])
        assert list(few.stabilizer_order) == list(found.stabilizer_order[:n])


def on_every_isa(check):
    """Call check() once for each instruction set of this machine."""
    before = cpu.info()["isa"]
    try:
        for isa in cpu.info()["available_isas"]:
            cpu.set_isa(isa)
            check()
    finally:
        cpu.set_isa(before)
