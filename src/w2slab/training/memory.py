"""Errors of exhausted memory: recognised, and explained where nothing smaller helps."""

from __future__ import annotations

from w2slab.errors import JobError

# Beside `torch.OutOfMemoryError`: the allocators of the CPU and of Apple's GPUs, and cuBLAS.
_WORDS = ("can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


class RanOut(RuntimeError):
    """Some process of a job ran out of memory."""


def ran_out(error: RuntimeError) -> bool:
    """Return True if an error says that memory ran out, so that a smaller batch may fit."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | RanOut):
        return True
    return any(words in str(error) for words in _WORDS)


def does_not_fit(what: str) -> JobError:
    """Return the error for a failure that no smaller batch can avoid."""
    return JobError(
        f"{what} does not fit into memory. Give the model a smaller max_length, run with --gradient-checkpointing, "
        "train less of it (tuning: lora), or run fewer jobs at once (--workers)"
    )
