"""Ladders of models that ship with the package, and the commands that make them."""
