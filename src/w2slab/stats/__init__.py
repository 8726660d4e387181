"""Statistics of predictions: PGR, confidence intervals, tests, agreement, calibration, error anatomy. No files."""
