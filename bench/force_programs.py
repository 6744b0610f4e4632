"""Force fields of symkernel and of sGDML, each in a process of its own, for ``force_fields``.

Run by path, ``python force_programs.py PROGRAM ACTION JOB``, as sGDML may live in another Python
than symkernel: a job is a JSON file, rows come from and answers go to npz files that it names.
``train`` fits and predicts, ``call`` times the prediction of single structures with the model that
``train`` left. What is told goes to standard output as a last line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # The folder of this file holds names, such as text and memory, that others may import as well.
    sys.path.pop(0)

import numpy as np

# What `sgdml all` tries, in this order, until the error on validation rows rises again.
SIGMAS = tuple(range(10, 100, 10))


def resident_bytes(field: str) -> int:
    """Resident size of this process, VmRSS, and the largest so far, VmHWM; needs Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith(field))
    return 1024 * int(line.split()[1])


class Clock:
    """Seconds of the wall, and of processors in this process and in those it waited for."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), self._processors()

    @staticmethod
    def _processors() -> float:
        import resource  # Unix only

        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    def read(self) -> dict[str, float]:
        """Seconds since the beginning."""
        wall, cpu = time.perf_counter() - self._wall, self._processors() - self._cpu
        return {"seconds": wall, "cpu_seconds": cpu}


class Symkernel:
    """``ForceField``, which chooses by halves of the training rows, and reads no others."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        from symkernel.molecules import ForceField

        self._job, self._kind = job, ForceField

    def train(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Fit, with what another job chose or with a search."""
        given = self._job.get("given")
        model = self._kind(
            hyperparameters=self._kind.load(given) if given else None,
            verbose=False,
            n_jobs=self._job["threads"],
            **self._job["options"],
        )
        rows = {name: data[f"{name}_train"] for name in ("R", "E", "F")}
        self._model = model.fit(
            z=data["z"],
            positions=rows["R"],
            energies=rows["E"],
            forces=rows["F"],
            units=("kcal/mol", "Angstrom"),
        )
        told = self._model.summary_
        return {"noise": told["noise"], "permutations": len(self._model.permutations_)}

    def save(self, path: str) -> None:
        """Write the model."""
        self._model.save(path)

    def load(self, path: str) -> None:
        """Read a model."""
        self._model = self._kind.load(path)

    def predict(self, R: Any) -> Any:
        """Energies and forces of structures."""
        return self._model.predict(R)


class SGDML:
    """sGDML with its permutations, and its grid of length scales on validation rows."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        import sgdml.predict
        import sgdml.train

        self._job, self._trainer = job, sgdml.train.GDMLTrain
        self._kind = sgdml.predict.GDMLPredict

    def _dataset(self, data: Mapping[str, Any], rows: str) -> dict[str, Any]:
        words = {"type": "d", "name": rows, "theory": "none"}
        found: dict[str, Any] = {name: data[f"{name}_{rows}"] for name in ("R", "E", "F")}
        return found | {name: np.array(word) for name, word in words.items()} | {"z": data["z"]}

    def train(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Fit, with what another job chose or with a search."""
        given = self._job.get("given")
        trainer = self._trainer(max_processes=self._job["threads"])
        training, validation = self._dataset(data, "train"), self._dataset(data, "valid")
        fixed = dict(np.load(given, allow_pickle=True)) if given else None
        task = trainer.create_task(
            training,
            len(training["E"]),
            validation,
            0 if given else len(validation["E"]),
            sig=int(fixed["sig"]) if fixed else SIGMAS[0],
            perms=fixed["perms"] if fixed else None,
        )
        if fixed:
            self._model = trainer.train(task)
        else:
            self._model = self._search(trainer, task, validation)
        return {"sigma": int(self._model["sig"]), "permutations": len(self._model["perms"])}

    def _search(self, trainer: Any, task: dict[str, Any], validation: dict[str, Any]) -> Any:
        """Length scales one after another, as long as errors of forces fall."""
        best: Any = None
        least = np.inf
        for sigma in SIGMAS:
            model = trainer.train({**task, "sig": sigma})
            forces = self._predictor(model).predict(_flat(validation["R"]))[1]
            error = float(np.sqrt(np.mean((forces - _flat(validation["F"])) ** 2)))
            if not error < least:
                break
            best, least = model, error
        return best

    def _predictor(self, model: Any) -> Any:
        threads = self._job["threads"]
        predictor = self._kind(model, max_processes=threads)
        if threads > 1:  # whole structures to each process
            predictor._set_num_workers(threads)
            predictor._set_bulk_mp(True)
        return predictor

    def save(self, path: str) -> None:
        """Write the model."""
        np.savez_compressed(path, **self._model)

    def load(self, path: str) -> None:
        """Read a model; sGDML measures how large its blocks are best."""
        self._ready = self._predictor(np.load(path, allow_pickle=True))
        self._ready.prepare_parallel(n_bulk=1)

    def predict(self, R: Any) -> Any:
        """Energies and forces of structures."""
        if not hasattr(self, "_ready"):
            self._ready = self._predictor(self._model)
        single = R.ndim == 2
        energies, forces = self._ready.predict(R.reshape(1 if single else len(R), -1))
        return (energies[0], forces[0].reshape(R.shape)) if single else (energies, forces)


def _flat(R: Any) -> Any:
    return R.reshape(len(R), -1)


PROGRAMS: dict[str, Any] = {"symkernel": Symkernel, "sgdml": SGDML}


def main(name: str, action: str, path: str) -> None:
    """Do one job."""
    job = json.loads(Path(path).read_text())
    data = dict(np.load(job["data"]))
    program = PROGRAMS[name](job)
    if action == "train":
        before, clock = resident_bytes("VmRSS"), Clock()
        told = program.train(data)
        told |= clock.read()
        told["peak_bytes"] = max(resident_bytes("VmHWM") - before, 0)
        program.save(job["model"])
        energies, forces = program.predict(data["R_test"])
    else:
        program.load(job["model"])
        R = data["R_test"]
        energies, forces = program.predict(R[:20])
        took, clock = [], Clock()
        for i in range(job["calls"]):
            start = time.perf_counter()
            program.predict(R[i % len(R)])
            took.append(time.perf_counter() - start)
        told = {
            "seconds": float(np.median(took)),
            "cpu_seconds": clock.read()["cpu_seconds"] / job["calls"],
        }
    np.savez(job["answers"], energies=energies, forces=np.reshape(forces, (len(energies), -1)))
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
