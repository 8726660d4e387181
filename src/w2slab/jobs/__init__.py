"""Kinds of jobs: of each its spec and the function of a spec and a context that does it.

Inputs are folders, and so is the result.
"""
