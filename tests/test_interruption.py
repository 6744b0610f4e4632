"""Ctrl-C stops every native call, on one thread and on two.

The calls run in a child process: started once for each number of threads, it makes the inputs of
a case, says so, and calls. Without a question whether to go on every one would take minutes.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

ANSWER = 5.0  # seconds, for a machine that does other things too; on an idle one it takes 0.1


def random(*shape, dtype=np.float64):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def averages(group, n, use, dtype=np.float64):
    """Use an invariant kernel on n samples."""
    from sklearn.gaussian_process.kernels import RBF
    from symkernel import InvariantKernel

    def case(threads):
        k = InvariantKernel(RBF(3.0), group())
        X = random(n, k.group.degree, dtype=dtype)
        return lambda: use(k, X)

    return case


def symmetric(n):
    from symkernel import groups

    return lambda: groups.Symmetric(n)


def signed(n):
    from symkernel import groups

    return lambda: groups.Hyperoctahedral(n)


def rotations():
    from symkernel import groups

    return groups.SO(3).along(1, (400, 3))


def elements():
    """Many signed permutations of 64 features, as they are."""
    from symkernel.backends.cpu import _cpu

    rows = np.random.default_rng(0).permuted(
        np.tile(np.arange(64, dtype=np.int32), (20000, 1)), axis=1
    )
    return _cpu.OrbitAction.signed_permutations(np.ascontiguousarray(rows), None)


def sums(call):
    def case(threads):
        from symkernel.backends.cpu import _cpu

        action, kernel = elements(), _cpu.BaseKernel("rbf", [0.1])
        X = random(20000, 64)
        return lambda: call(_cpu, kernel, action, X, threads)

    return case


def matching(threads):
    from symkernel.backends.cpu import _cpu

    X = random(2000, 400, 3)
    return lambda: _cpu.match_points(X, None, [400], np.eye(3)[None], n_threads=threads)


def one_matching(threads):
    """A single assignment that takes long: costs are products, which no reduction helps with."""
    from symkernel.backends.cpu import _cpu

    n = 6000
    x = np.arange(1.0, n + 1)[None, :, None]
    return lambda: _cpu.match_points(x, 1e3 * x**2, [n], np.eye(1)[None], n_threads=threads)


def turning(threads):
    from symkernel.backends.cpu import _cpu

    rows = np.random.default_rng(0).permuted(
        np.tile(np.arange(20, dtype=np.int32), (5000, 1)), axis=1
    )
    X, rows = random(2000, 20, 3), np.ascontiguousarray(rows)
    return lambda: _cpu.rotate_points(X, None, rows, n_threads=threads)


def chain(threads):
    """A wreath product of large base: minutes of proof."""
    from symkernel.backends.cpu import _cpu

    a, b = 60, 40
    points = np.arange(a * b, dtype=np.int32).reshape(b, a)
    first, swap = points.copy(), points.ravel().copy()
    first[0] = np.roll(first[0], 1)
    swap[[0, 1]] = [1, 0]
    rows = np.array([first.ravel(), np.roll(points, 1, axis=0).ravel(), swap])
    return lambda: _cpu.permutation_chain(rows)


def closure(threads):
    from symkernel.backends.cpu import _cpu

    c, s = np.cos(1.0), np.sin(1.0)
    return lambda: _cpu.close_matrices(np.array([[[c, -s], [s, c]]]), 10**9, 1e-12)


def enumeration(threads):
    """All subsets of 60 coordinates, of which none adds up to the level."""
    from symkernel.backends.cpu import _cpu

    return lambda: _cpu.modes(60, 100, 1, False)


def orbits_of_modes(threads):
    from symkernel.backends.cpu import _cpu

    words = _cpu.modes(12, 6, 6, False)
    maps = np.tile(np.arange(72, dtype=np.int32), (50000, 1))
    return lambda: _cpu.mode_orbits(words, maps, np.ones(maps.shape, dtype=np.int8))


def sums_of_modes(threads):
    from symkernel.backends.cpu import _cpu

    words = _cpu.modes(12, 7, 7, False)
    ones, column = np.ones(len(words)), np.zeros(len(words), dtype=np.int32)
    X = random(10**6, 12)
    return lambda: _cpu.mode_sums(X, words, ones, column, None, 1, 7, 0.0, threads)


def frames(threads):
    """Points that all tie for the farthest: as many frames as choices of them."""
    from symkernel.backends.cpu import _cpu

    n, d = 30, 6
    X = random(64, n, d)
    X /= np.linalg.norm(X, axis=2, keepdims=True)
    members, kinds = np.arange(n, dtype=np.int32), np.zeros(n, dtype=np.int32)
    return lambda: _cpu.permuted_frames(
        X, np.ones(n), members, kinds, False, False, 1e9, 1e-12, 1.0, 1e-9, threads
    )


def joint(use):
    """Values and derivatives together: many samples, 200 images of each."""

    def case(threads):
        from symkernel.backends import joint as native

        ones = np.ones((2, 40))
        kernel = native.Components("matern52", ones, ones[:, 0])
        images, Y = random(40, 200, 40), random(20000, 40)
        fields = native.Fields(kernel, Y, Y[:, 0], Y)
        return lambda: use(native, kernel, fields, images, Y, threads)

    return case


def mixed(native, kernel, fields, images, Y, threads):
    A, B = random(40, 200, 10, 40), random(2000, 10, 40)
    out = np.empty((400, 20000))
    for _ in range(20):
        native.mixed(kernel, images, A, Y[:2000], B, native.Dense(out), n_jobs=threads)


def rates(threads):
    from symkernel.backends.cpu import _cpu

    return lambda: _cpu.exp_rate(False, threads, 1000.0)


def derivatives(k, X):
    from symkernel import InvariantKernel

    assert isinstance(k, InvariantKernel)
    return k(X, eval_gradient=True)


CASES = {
    "permanents": averages(symmetric(24), 40, lambda k, X: k(X)),
    "permanents_float32": averages(symmetric(24), 40, lambda k, X: k(X), np.float32),
    "signed_permanents": averages(signed(24), 40, lambda k, X: k(X)),
    "permanents_subsets": averages(symmetric(13), 2000, lambda k, X: k(X)),
    "permanents_diagonal": averages(symmetric(24), 400, lambda k, X: k.diag(X)),
    "permanents_derivatives": averages(symmetric(20), 60, derivatives),
    "permanents_gradient_x": averages(
        symmetric(20), 60, lambda k, X: k.gradient_x(X, X, np.ones((len(X), 1)))
    ),
    "rotations": averages(rotations, 8000, lambda k, X: k.matvec(X, X, X[:, :1])),
    "gram": sums(lambda c, k, g, X, t: c.gram(k, g, X[:2000], None, t)),
    "matvec": sums(lambda c, k, g, X, t: c.matvec(k, g, X, X, X[:, :1].copy(), t)),
    "gradient": sums(lambda c, k, g, X, t: c.gram_gradient(k, g, X[:2000], None, True, t)),
    "gradient_x": sums(lambda c, k, g, X, t: c.gradient_x(k, g, X, X, X[:, :1].copy(), t)),
    "diagonal": sums(lambda c, k, g, X, t: c.diagonal(k, g, np.tile(X, (5, 1)), n_threads=t)),
    "nearest": sums(lambda c, k, g, X, t: c.nearest(g, X[:2000], None, n_threads=t)),
    "match_points": matching,
    "one_match": one_matching,
    "rotate_points": turning,
    "permutation_chain": chain,
    "close_matrices": closure,
    "modes": enumeration,
    "mode_orbits": orbits_of_modes,
    "mode_sums": sums_of_modes,
    "permuted_frames": frames,
    "joint_apply": joint(lambda j, k, f, x, Y, t: [f.apply(x, True, t) for _ in range(20)]),
    "joint_contract": joint(lambda j, k, f, x, Y, t: f.contract(x, x[:, 0, 0], x, t)),
    "joint_mixed": joint(mixed),
    "rates": rates,
}  # fmt: skip
ONE_THREAD = {"permutation_chain", "close_matrices", "modes", "mode_orbits"}


def serve() -> None:
    """Run the cases named on standard input."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells' background jobs ignore it
    for line in sys.stdin:
        name, threads = line.split()
        with threadpool_limits(int(threads), user_api="openmp"):
            work = CASES[name](int(threads))
            print("started", flush=True)
            try:
                work()
                print("ended", flush=True)
            except KeyboardInterrupt:
                print("interrupted", flush=True)


class Child:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def answer(self, seconds):
        """Return the next line, or nothing after so many seconds; then the child is gone."""
        timer = threading.Timer(seconds, self.process.kill)
        timer.start()
        try:
            return self.process.stdout.readline().strip()
        finally:
            timer.cancel()


@pytest.fixture(scope="module")
def children():
    """The child process, made anew after one that had to be killed."""
    kept = []

    def get():
        if kept and kept[-1].process.poll() is not None:
            kept.pop().close()
        if not kept:
            kept.append(Child())
        return kept[-1]

    yield get
    for child in kept:
        child.close()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    ("name", "threads"),
    [(name, t) for name in CASES for t in ((1,) if name in ONE_THREAD else (1, 2))],
)
def test_ctrl_c_is_answered(children, name, threads):
    child = children()
    child.process.stdin.write(f"{name} {threads}\n")
    assert child.answer(60.0) == "started"
    time.sleep(0.15)
    sent = time.perf_counter()
    child.process.send_signal(signal.SIGINT)
    said = child.answer(ANSWER)
    print(f"{name} on {threads}: {time.perf_counter() - sent:.2f} s")
    assert said == "interrupted"


if __name__ == "__main__":
    serve()
