"""Shared set-up of the test suite."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# tests/ holds plain modules (oracles, catalog) that the tests import by name.
sys.path.insert(0, str(Path(__file__).parent))
# Workers of a parallel test run share the machine.
os.environ.setdefault("OMP_NUM_THREADS", "2")
