"""What a worker does: plain functions of a spec and a context, one per kind of job.

Inputs are folders, and so is the result.
"""
