"""Keep the state of a long fit in a file, from which an interrupted one goes on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Checkpoint", "fingerprint"]

Array = NDArray[Any]

# Rows of long arrays that a fingerprint reads.
_ROWS = 1000


def fingerprint(words: str, *arrays: Any) -> str:
    """Return a text that tells fits apart: by their words, shapes, and up to 1,000 rows of arrays.

    Examples
    --------
    >>> import numpy as np
    >>> fingerprint("alpha=1", np.zeros(3)) == fingerprint("alpha=1", np.ones(3))
    False
    """
    found = hashlib.sha256(words.encode())
    for array in arrays:
        if array is None:
            found.update(b"none")
            continue
        step = max(1, len(array) // _ROWS)
        rows = np.ascontiguousarray(array[::step])
        found.update(f"{array.shape}{array.dtype}".encode())
        found.update(rows.tobytes())
    return found.hexdigest()


class Checkpoint:
    """A file of arrays that belongs to one fit.

    Parameters
    ----------
    path : str or Path
        The file, in NumPy's npz format; ``.npz`` is not appended.
    key : str
        Fingerprint of the fit.

    Raises
    ------
    ValueError
        From ``load``, if the file was written by another fit.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kept = Checkpoint(Path(folder) / "fit", "key")
    ...     kept.save({"sums": np.ones(2)})
    ...     kept.load()["sums"].tolist(), Checkpoint(Path(folder) / "other", "key").load()
    ([1.0, 1.0], None)
    """

    def __init__(self, path: str | Path, key: str) -> None:
        self._path, self._key = Path(path), key

    def load(self) -> dict[str, Array] | None:
        """Return the arrays, or None where there is no file."""
        if not self._path.exists():
            return None
        try:
            with np.load(self._path) as file:
                arrays = {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(
                f"checkpoint={str(self._path)!r} is no checkpoint of a fit ({error}); name another "
                "file"
            ) from error
        key = arrays.pop("key", None)
        if key is None or str(key) != self._key:
            raise ValueError(
                f"checkpoint={str(self._path)!r} is of a fit to other samples, targets, weights, "
                "kernel or options; delete it to start anew, or name another file"
            )
        return arrays

    def save(self, arrays: dict[str, Any]) -> None:
        """Write the arrays; the file is replaced once all are written."""
        partial = self._path.with_name(self._path.name + ".partial")
        with partial.open("wb") as stream:
            np.savez(stream, allow_pickle=False, key=np.array(self._key), **arrays)
        partial.replace(self._path)

    def remove(self) -> None:
        """Delete the file of a fit that is done."""
        self._path.unlink(missing_ok=True)
