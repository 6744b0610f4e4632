"""Ways to the nearest point of an orbit, one file each."""
