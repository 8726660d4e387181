"""Numbers that one may cite: PGR, intervals, agreement. NumPy only, no files."""
