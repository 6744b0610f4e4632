"""Orbit distances, and the group elements that align samples with each other."""

from symkernel.alignment.base import NoRouteError
from symkernel.alignment.functions import Alignment, UpperBoundWarning, align, orbit_distance

__all__ = ["Alignment", "NoRouteError", "UpperBoundWarning", "align", "orbit_distance"]
