"""Learn energies and forces of molecules."""
