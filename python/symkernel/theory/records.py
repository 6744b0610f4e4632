"""Record results of many fits in a CSV file that a later run goes on from."""

from __future__ import annotations

import csv
from dataclasses import astuple, dataclass, fields
from pathlib import Path

__all__ = ["Record", "Records"]

_HEAD = "# symkernel learning curve: "


@dataclass(frozen=True)
class Record:
    """One fit."""

    model: str
    samples: int
    repeat: int
    risk: float
    seconds: float


class Records:
    """Records by (model, samples, repeat), kept in a file as well.

    Parameters
    ----------
    path : Path or None
        File to read and to add to; made when the first record comes. None for none.
    settings : str
        What all records share; a file with other settings is refused.
    """

    def __init__(self, path: Path | None, settings: str) -> None:
        self._path, self._settings = path, settings
        self._found: dict[tuple[str, int, int], Record] = {}
        if path is not None and path.exists():
            self._read(path)

    def _read(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        head, _, body = text.partition("\n")
        if head != _HEAD + self._settings:
            raise ValueError(
                f"path holds other results: {path} starts with {head[:200]!r}, expected "
                f"{_HEAD + self._settings!r}; choose another file"
            )
        whole = body[: body.rfind("\n") + 1]  # an interrupted run may leave half a line
        for row in list(csv.reader(whole.splitlines()))[1:]:
            model, samples, repeat, risk, seconds = row
            record = Record(model, int(samples), int(repeat), float(risk), float(seconds))
            self._found[record.model, record.samples, record.repeat] = record
        if whole != body:
            self.write(path)

    def __contains__(self, key: tuple[str, int, int]) -> bool:
        return key in self._found

    def __getitem__(self, key: tuple[str, int, int]) -> Record:
        return self._found[key]

    def add(self, record: Record) -> None:
        """Keep a record, in the file too."""
        self._found[record.model, record.samples, record.repeat] = record
        if self._path is None:
            return
        if not self._path.exists():
            self.write(self._path)
            return
        with self._path.open("a", newline="", encoding="utf-8") as stream:
            csv.writer(stream, lineterminator="\n").writerow(astuple(record))

    def write(self, path: Path) -> None:
        """Write all records to a file."""
        with path.open("w", newline="", encoding="utf-8") as stream:
            stream.write(_HEAD + self._settings + "\n")
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(field.name for field in fields(Record))
            writer.writerows(astuple(record) for record in self._found.values())
