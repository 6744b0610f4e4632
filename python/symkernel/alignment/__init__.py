"""Orbit distances and the group elements that align samples."""
