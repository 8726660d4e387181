"""What a worker does once, before its first job."""

from __future__ import annotations

import os


def prepare_worker() -> None:
    """Import torch with as many threads as `OMP_NUM_THREADS` says (one by default), and quiet the libraries.

    Numbers too small for full precision count as 0: a confident model makes them by the million, and they slow a
    processor down fourfold. It must be said before the first parallel operation, or only one thread hears it.
    """
    for name in ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_TELEMETRY", "TQDM_DISABLE"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

    import torch

    torch.set_flush_denormal(True)
    threads = os.environ.get("OMP_NUM_THREADS", "1").split(",")[0]
    torch.set_num_threads(max(1, int(threads)) if threads.isdigit() else 1)
