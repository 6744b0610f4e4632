"""Learn force fields of molecules from energies and forces, and run dynamics with them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symkernel.molecules.dynamics import run_dynamics
    from symkernel.molecules.force_field import ForceField
    from symkernel.molecules.frames import Frames
    from symkernel.molecules.reading import read_structures

__all__ = ["ForceField", "Frames", "read_structures", "run_dynamics"]


# Imported when first named: the command line names the package in vain most times, and dynamics
# needs ASE, which is optional and takes a second.
_HOMES = {
    "ForceField": "force_field",
    "Frames": "frames",
    "read_structures": "reading",
    "run_dynamics": "dynamics",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"symkernel.molecules.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
