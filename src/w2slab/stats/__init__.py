"""Numbers that one may cite: PGR, intervals, agreement, calibration, error anatomy. NumPy and SciPy only, no files."""
