"""Executors of jobs, an argument of `run`: this process, worker processes, or one of your own.

One of one's own is a class with the five methods of `Executor`, which brings `Ticket`s to where `perform` is called and
`Progress` and `End` back.
"""

from w2slab.graph.executors import Executor, Inline, Processes
from w2slab.graph.perform import End, Progress, Ticket, perform

__all__ = ["End", "Executor", "Inline", "Processes", "Progress", "Ticket", "perform"]
