"""Find the nearest point of an orbit, one way in each file."""
