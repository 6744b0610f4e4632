"""Show a progress bar where tqdm is installed, plain lines where it is not."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self


class Progress:
    """Steps of a known number, shown on standard error.

    Parameters
    ----------
    total : int
        Number of steps.
    label : str
        What is being done.
    show : bool
        Nothing is shown if False.

    Examples
    --------
    >>> from symkernel.estimators._progress import Progress
    >>> with Progress(2, "fitting", show=False) as progress:
    ...     progress.step("gamma=1")
    """

    def __init__(self, total: int, label: str, show: bool) -> None:
        self._total, self._label, self._show = total, label, show
        self._done = 0
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self._show:
            try:
                from tqdm import tqdm  # optional: the extra `demo` brings it
            except ImportError:
                self._line(f"{self._total} steps (install tqdm for a progress bar)")
            else:
                self._bar = tqdm(total=self._total, desc=self._label)
        return self

    def step(self, note: str) -> None:
        """Mark one more step as done; `note` says what came out of it."""
        self._done += 1
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update()
        elif self._show:
            self._line(f"{self._done}/{self._total} {note}")

    def _line(self, text: str) -> None:
        print(f"{self._label}: {text}", file=sys.stderr, flush=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
