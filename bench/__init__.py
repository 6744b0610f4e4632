"""Benchmarks: cases, peers and a runner that times them side by side in one process.

Installed with the library as ``symkernel.bench`` and started by ``symkernel bench``.

* ``grams``: Gram matrices averaged over a group, the library's inner loop;
* ``nuclear``: the interpolant of least nuclear norm, beside a general conic solver;
* ``closed_forms``: Gram matrices over groups that no sum could visit;
* ``canonical``: canonical forms of large batches;
* ``alignments``: orbit distances, by ``python -m symkernel.bench.alignments``;
* ``sets``: kernels between sets of unequal size, by ``python -m symkernel.bench.sets``;
* ``joint``: values and forces together, by ``python -m symkernel.bench.joint``;
* ``force_fields``: force fields beside sGDML, by ``python -m symkernel.bench.force_fields``;
  ``force_programs`` has both programs, each for a process of its own;
* ``nystroem``: regression on Nystroem features in one pass, by
  ``python -m symkernel.bench.nystroem``;
* ``large``: up to ten million samples, error against time and memory, by ``symkernel bench large``;
* ``graphs``: isomorphism classes of graphs, by ``python -m symkernel.bench.graphs``;
* ``solvers``: conjugate gradients beside Cholesky, by ``python -m symkernel.bench.solvers``;
* ``planning``: the time of plan() for every named group;
* ``latency``: single predictions, by ``python -m symkernel.bench.latency``;
* ``programs``: whole programs, fit and predict, with peak memory;
* ``peers``: the same answers by NumPy, scikit-learn, PyTorch, invariantkernels with GPyTorch;
* ``formulas``: closed forms in NumPy, by a grid of rotations, by thewalrus;
* ``loops``: the averaged kernel as a loop in NumPy, for scikit-learn;
* ``plain``: canonical forms in NumPy and in plain C++, by the system's compiler;
* ``timing``, ``memory``, ``machine``: how time, memory and the machine are measured;
* ``runner``: runs cases and gathers the results; ``report``: tables, comparison, documentation;
* ``gpu``: the library on a GPU, started by ``bench/gpu.sh``.

An answer is asserted against a peer's before anything is timed.
"""
