from __future__ import annotations

import os
import subprocess
import sys

CHECK = """
from w2slab.jobs.setup import prepare_worker
prepare_worker()
import os, torch
tiny = torch.full((4,), 1e-39)
print(torch.get_num_threads(), (tiny * 1.0).sum().item(), os.environ["HF_HUB_DISABLE_PROGRESS_BARS"])
"""


# "`torch.set_flush_denormal(True)` comes before the first operation"; one thread each by default.
def test_a_worker_computes_with_the_threads_it_was_given_and_without_denormals():
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout.split() == ["1", "0.0", "1"], done.stderr
