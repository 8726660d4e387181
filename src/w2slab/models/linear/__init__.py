"""Linear models, for the toy task."""
