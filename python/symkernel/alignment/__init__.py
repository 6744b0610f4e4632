"""Measure distances between orbits, and find the elements that attain them."""
