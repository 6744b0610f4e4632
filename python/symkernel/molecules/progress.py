"""Show the stages of a fit: bars where tqdm is installed, lines where it is not."""

from __future__ import annotations

import sys
import time
from typing import Any, Self

__all__ = ["Stages"]

# Seconds between two lines of one stage.
_PAUSE = 2.0


class Stages:
    """Progress of stages, told as ``(stage, done, total, message)``, on standard error.

    Parameters
    ----------
    show : bool
        Nothing is shown if False.

    Examples
    --------
    >>> from symkernel.molecules.progress import Stages
    >>> with Stages(show=False) as tell:
    ...     tell("search", 1, 2, "noise 1e-9")
    """

    def __init__(self, show: bool) -> None:
        self._show = show
        self._stage = ""
        self._bar: Any = None
        self._last = 0.0

    def __enter__(self) -> Self:
        return self

    def __call__(self, stage: str, done: int, total: int, message: str = "") -> None:
        """Tell that `done` of `total` steps of a stage are done, and what came out of the last."""
        if not self._show:
            return
        fresh = stage != self._stage
        if fresh:
            self._close()
            self._stage = stage
        try:
            from tqdm import tqdm  # optional: the extra `demo` brings it
        except ImportError:
            moment = time.monotonic()
            if fresh or done == total or moment - self._last > _PAUSE:
                self._last = moment
                text = f"{stage}: {done}/{total} {message}".rstrip()
                print(text, file=sys.stderr, flush=True)
            return
        if self._bar is None:
            self._bar = tqdm(total=total, desc=stage)
        self._bar.total = total
        if message:
            self._bar.set_postfix_str(message, refresh=False)
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __exit__(self, *_: object) -> None:
        self._close()
