"""Train, evaluate and use force fields from the command line."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from symkernel.molecules.force_field import ForceField
    from symkernel.molecules.frames import Frames

__all__ = ["add_commands"]

_UNITS = 'units of energy and length, such as "kcal/mol Angstrom"'


def add_commands(commands: Any) -> None:
    """Add ``train``, ``evaluate``, ``predict`` and ``md`` to the commands of a parser.

    Parameters
    ----------
    commands : argparse's action of subcommands
        Each command sets ``run``, which returns the exit status: 0, or 2 where something that was
        given cannot be used, after one sentence on standard error.
    """
    train = _command(commands, "train", _train, "fit a force field to energies and forces")
    _data(train)
    train.add_argument("-o", "--output", type=Path, help="model to write (DATA.model.npz)")
    train.add_argument(
        "--n-train", type=int, help="structures to draw for training (all, or all but --evaluate's)"
    )
    train.add_argument(
        "--evaluate", metavar="rest|FILE", help='predict "rest", what was not drawn, or a file'
    )
    train.add_argument("--seed", type=int, default=0, help="seed of the draw and the search (0)")
    train.add_argument("--checkpoint", type=Path, help="file that an interrupted run resumes from")
    train.add_argument(
        "--permutations",
        choices=("feasible", "all", "none"),
        default="feasible",
        help="permutations of like atoms to average over (feasible)",
    )
    train.add_argument("--noise", type=float, help="variance of the noise (chosen)")
    train.add_argument(
        "--one-kernel",
        action="store_true",
        help="one kernel for all distances: faster, less accurate",
    )
    train.add_argument("--n-search", type=int, help="structures of the search (chosen)")
    train.add_argument("--solver", default="auto", help="cholesky, pcg or auto (auto)")
    train.add_argument("--threads", type=int, help="threads (the default of the library)")
    _outputs(train, "errors by distance from the data")

    evaluate = _command(commands, "evaluate", _evaluate, "tell the errors of a force field")
    evaluate.add_argument("model", type=Path, help="what train wrote")
    _data(evaluate)
    _outputs(evaluate, "errors by distance from the data")

    predict = _command(commands, "predict", _predict, "write energies and forces of structures")
    predict.add_argument("model", type=Path, help="what train wrote")
    _data(predict)
    predict.add_argument(
        "-o", "--output", type=Path, required=True, help=".npz, in --units, or xyz, db, traj, in eV"
    )
    predict.add_argument("--std", action="store_true", help="standard deviations as well")
    _outputs(predict, None)

    md = _command(commands, "md", _md, "run dynamics with a force field")
    md.add_argument("model", type=Path, help="what train wrote")
    md.add_argument("--start", type=Path, help="file with the structure to start from")
    md.add_argument("--index", default="0", help="which structure of --start (0)")
    md.add_argument("--units", nargs=2, metavar=("ENERGY", "LENGTH"), help=f"{_UNITS}, of --start")
    md.add_argument("--temperature", type=float, default=300.0, help="kelvin (300)")
    md.add_argument("--time", type=float, default=1.0, help="picoseconds (1)")
    md.add_argument("--timestep", type=float, default=0.5, help="femtoseconds (0.5)")
    md.add_argument("--friction", type=float, default=0.01, help="of Langevin, per fs (0.01)")
    md.add_argument("--nve", action="store_true", help="constant energy: no thermostat")
    md.add_argument("--every", type=int, default=10, help="steps between records (10)")
    md.add_argument("--far", type=float, help="stop at this distance from the data (10)")
    md.add_argument("--seed", type=int, default=0, help="seed of velocities and thermostat (0)")
    md.add_argument("-o", "--output", type=Path, help="trajectory: .traj, .xyz or .extxyz")
    _outputs(md, "energy, temperature and distance from the data against time")


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=lambda options: _sentences(name, run, options))
    return parser


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", type=Path, nargs="+", help="xyz, extxyz, db, traj or npz")
    parser.add_argument("--index", default=":", help='which structures of each file, ":100" (:)')
    parser.add_argument("--units", nargs=2, metavar=("ENERGY", "LENGTH"), help=f"{_UNITS} (eV)")
    parser.add_argument("--energy-key", help="name of energies in the files")
    parser.add_argument("--forces-key", help="name of forces in the files")


def _outputs(parser: argparse.ArgumentParser, picture: str | None) -> None:
    parser.add_argument(
        "--json", metavar="FILE", help="write what was found as JSON; - is standard output"
    )
    if picture:
        parser.add_argument("--plot", type=Path, metavar="FILE", help=f"draw {picture}")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def _sentences(
    name: str, run: Callable[[argparse.Namespace], int], options: argparse.Namespace
) -> int:
    """Run a command; errors and warnings are sentences on standard error."""

    def tell(text: object) -> None:
        print(f"symkernel {name}: {text}", file=sys.stderr)

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        tell(message)

    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        shown, warnings.showwarning = warnings.showwarning, show
        try:
            return run(options)
        except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
            tell(" ".join(str(error).split()))
            return 2
        finally:
            warnings.showwarning = shown


# ---- commands -----------------------------------------------------------------------------------


def _train(options: argparse.Namespace) -> int:
    from symkernel.molecules.force_field import ForceField

    output = options.output or options.data[0].with_suffix(".model.npz")
    _writable(options.plot, output, options.json, options.checkpoint)
    frames = _read(options, options.data)
    training, tested = _drawn(frames, options)
    _say(options, f"{len(training)} of {len(frames)} structures of {frames.formula} for training")
    model = ForceField(
        permutations=options.permutations,
        noise=options.noise,
        local=not options.one_kernel,
        n_search=options.n_search,
        solver=options.solver,
        random_state=options.seed,
        n_jobs=options.threads,
        verbose=not options.quiet,
    )
    try:
        model.fit(training, checkpoint=options.checkpoint, units=options.units)
    except KeyboardInterrupt:
        if options.checkpoint is not None and options.checkpoint.exists():
            print(f"{options.checkpoint}: the same command goes on from here", file=sys.stderr)
        raise
    model.save(output)
    _say(options, f"{model.summary_['molecule']}\ntrained in {model.summary_['seconds']:.3g} s")
    found: dict[str, Any] = {
        "model": str(output),
        "n_train": len(training),
        "training": model.summary_,
    }
    if tested is not None:
        found |= _scored(model, tested, options)
    elif options.plot:
        raise ValueError("--plot needs structures to predict: give --evaluate rest, or a file")
    _say(options, f"model: {output}")
    return _finish(options, found)


def _evaluate(options: argparse.Namespace) -> int:
    _writable(options.plot, options.json)
    model = _load(options)
    return _finish(options, _scored(model, _read(options, options.data, model), options))


def _predict(options: argparse.Namespace) -> int:
    from symkernel.molecules.units import Units

    _writable(None, options.output, options.json)
    model = _load(options)
    frames = _read(options, options.data, model)
    units = Units.of(options.units)
    found = model.predict(frames, return_std=options.std, units=units)
    names = ("E", "F", "E_std", "F_std")[: len(found)]
    if options.output.suffix == ".npz":
        positions = units.lengths_from_angstrom(frames.positions)
        np.savez(
            options.output,
            z=frames.numbers,
            R=positions,
            e_unit=units.energy,
            r_unit=units.length,
            **dict(zip(names, found, strict=True)),  # type: ignore[arg-type]
        )
    else:
        _write_structures(options.output, frames, found, units)
    _say(options, f"{len(frames)} predictions: {options.output}")
    return _finish(options, {"output": str(options.output), "n": len(frames)})


def _md(options: argparse.Namespace) -> int:
    from symkernel.molecules.dynamics import run_dynamics

    _writable(options.plot, options.output, options.json)
    model = _load(options)
    start = None
    if options.start is not None:
        start = _matched(_read_files([options.start], options), model)
    extra: dict[str, Any] = {} if options.far is None else {"far": options.far}
    if not (np.isfinite(options.time) and options.time > 0.0 and options.timestep > 0.0):
        raise ValueError("--time and --timestep must be positive")
    run = run_dynamics(
        model,
        start,
        temperature=options.temperature,
        n_steps=max(1, round(1000.0 * options.time / options.timestep)),
        timestep=options.timestep,
        friction=None if options.nve else options.friction,
        record_every=options.every,
        trajectory=options.output,
        random_state=options.seed,
        progress=not options.quiet,
        **extra,
    )
    _say(options, str(run))
    if options.plot:
        _draw(run.plot(), options.plot)
    _finish(options, {**run.to_dict(), "trajectory": _text(options.output)})
    return int(bool(run.stopped))  # a run that is not whole, as the molecule broke or left the data


# ---- parts --------------------------------------------------------------------------------------


def _read_files(paths: list[Path], options: argparse.Namespace) -> Frames:
    from symkernel.molecules.reading import read_structures

    return read_structures(
        paths,
        options.index,
        units=options.units,
        energy_key=getattr(options, "energy_key", None),
        forces_key=getattr(options, "forces_key", None),
    )


def _read(
    options: argparse.Namespace, paths: list[Path], model: ForceField | None = None
) -> Frames:
    frames = _read_files(paths, options)
    return frames if model is None else _matched(frames, model)


def _matched(frames: Frames, model: ForceField) -> Frames:
    """Structures with their atoms in the order of the model."""
    from symkernel.molecules.matching import AtomMatcher

    if np.array_equal(frames.numbers, model.numbers_):
        return frames
    matcher = AtomMatcher(model.numbers_, model.reference_)
    p = matcher.order(frames.numbers, frames.positions[0])
    if p is None:
        raise ValueError("the structures have other bonds than the molecule of the model")
    return frames.reordered(p)


def _drawn(frames: Frames, options: argparse.Namespace) -> tuple[Frames, Frames | None]:
    """Training structures, and those to predict."""
    n = options.n_train
    if options.evaluate == "rest" and n is None:
        raise ValueError("--evaluate rest needs --n-train, which says how many are not the rest")
    if n is not None and n < 1:
        raise ValueError(f"--n-train must be at least 1, got {n}")
    if n is not None and n > len(frames):
        raise ValueError(f"--n-train must be at most {len(frames)}, all structures, got {n}")
    if options.evaluate == "rest" and n == len(frames):
        raise ValueError(f"--n-train {n} takes all structures: no rest is left to evaluate")
    training, rest = (frames, None) if n is None else frames.split(n, options.seed)
    if options.evaluate in (None, "rest"):
        return training, rest if options.evaluate else None
    tested = _read(options, [Path(options.evaluate)])
    if not np.array_equal(tested.numbers, frames.numbers):
        raise ValueError(
            f"{options.evaluate} holds {tested.formula} in another order of atoms than the "
            f"training data, {frames.formula}"
        )
    return training, tested


def _scored(model: ForceField, frames: Frames, options: argparse.Namespace) -> dict[str, Any]:
    units = options.units or (model.units_.energy, model.units_.length)
    scores = model.score_table(frames, units)
    _say(options, str(scores))
    if options.plot:
        _draw(model.plot(frames, units), options.plot)
        _say(options, f"picture: {options.plot}")
    return {"n_test": len(frames), "errors": scores.to_dict()}


def _load(options: argparse.Namespace) -> ForceField:
    from symkernel.molecules.force_field import ForceField

    model = ForceField.load(options.model)
    model.verbose = not options.quiet
    return model


def _write_structures(path: Path, frames: Frames, found: tuple[Any, ...], units: Any) -> None:
    from symkernel.molecules.frames import Frames

    told = Frames(
        frames.numbers,
        frames.positions,
        units.energies_to_ev(found[0]),
        units.forces_to_ev(found[1]),
    )
    structures = told.to_ase()  # says what to install where ASE is absent
    from ase.io import write

    if len(found) > 2:
        deviations = units.energies_to_ev(found[2]), units.forces_to_ev(found[3])
        for atoms, energy, forces in zip(structures, *deviations, strict=True):
            atoms.info["energy_std"] = float(energy)
            atoms.arrays["forces_std"] = forces
    options = {"format": "extxyz"} if path.suffix == ".xyz" else {}
    write(path, structures, **options)


def _writable(picture: Path | None, *paths: Any) -> None:
    """Refuse, before the work, what could not be drawn or written after it."""
    if picture is not None and importlib.util.find_spec("matplotlib") is None:
        raise ModuleNotFoundError("--plot needs matplotlib: pip install 'symkernel[demo]'")
    for path in (picture, *paths):
        if path is None or str(path) == "-":
            continue
        folder = Path(path).parent
        if not folder.is_dir():
            raise FileNotFoundError(f"the folder {folder} of {path} does not exist")


def _draw(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=150)
    import matplotlib.pyplot as plt

    plt.close(figure)


def _say(options: argparse.Namespace, text: str) -> None:
    """Print, unless standard output is for JSON."""
    print(text, file=sys.stderr if options.json == "-" else sys.stdout)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _finish(options: argparse.Namespace, found: dict[str, Any]) -> int:
    if options.json is not None:
        # NaN, of what is not known, is no JSON
        text = json.dumps(_known(found), indent=1)
        if options.json == "-":
            print(text)
        else:
            Path(options.json).write_text(text + "\n")
    return 0


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _known(v) for k, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_known(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
