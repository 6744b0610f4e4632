"""Write models to npz files, and read them: arrays and JSON, no pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

__all__ = ["FORMAT", "read_arrays", "write_arrays"]

Array = NDArray[Any]

#: Version of the format: raised where older programs would misread a file.
FORMAT = 1
_KIND = "symkernel.molecules.ForceField"
_PREFIX = "potential."


def write_arrays(path: Any, about: Mapping[str, Any], state: Mapping[str, Array]) -> None:
    """Write a description and the arrays of a potential to one file, whole or not at all.

    Parameters
    ----------
    path : path
        Replaced if it exists.
    about : mapping
        Of what JSON holds.
    state : mapping of str to ndarray
    """
    target = Path(path)
    head = json.dumps({**about, "kind": _KIND, "format": FORMAT})
    arrays = {_PREFIX + name: np.asarray(value) for name, value in state.items()}
    for name, value in arrays.items():
        if value.dtype.hasobject:
            raise TypeError(f"{name} must be an array of numbers or text, got objects")
    # A run that is stopped here leaves the file that was there.
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            np.savez(file, about=np.array(head), **arrays)  # type: ignore[arg-type]
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def read_arrays(path: Any) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the description and the arrays that ``write_arrays`` wrote.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is something else, or was written by a newer version.
    """
    source = Path(path)
    if not source.exists():
        raise FileNotFoundError(f"{source} does not exist")
    refusal = f"{source} is no force field that ForceField.save wrote"
    try:
        with np.load(source, allow_pickle=False) as data:
            if "about" not in data.files:
                raise ValueError(refusal)
            about = json.loads(str(data["about"]))
            if not isinstance(about, dict) or about.get("kind") != _KIND:
                raise ValueError(refusal)
            if about["format"] > FORMAT:
                raise ValueError(
                    f"{source} has format {about['format']} of a newer symkernel; this one reads "
                    f"up to {FORMAT}: upgrade, or train again"
                )
            state = {n[len(_PREFIX) :]: data[n] for n in data.files if n.startswith(_PREFIX)}
    except (OSError, EOFError, KeyError, TypeError, BadZipFile) as error:
        raise ValueError(f"{refusal}: {error}") from error
    except ValueError as error:
        raise error if str(source) in str(error) else ValueError(f"{refusal}: {error}") from error
    return about, state
