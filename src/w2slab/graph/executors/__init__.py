"""The protocol of executors, and two that follow it."""

from w2slab.graph.executors.executor import Executor
from w2slab.graph.executors.inline import Inline
from w2slab.graph.executors.worker_processes import Processes

__all__ = ["Executor", "Inline", "Processes"]
