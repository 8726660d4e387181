"""Locks that the kernel lets go when their holder dies, so that nobody waits for a dead process.

docs/decisions/026-locks.md says why they are our own.
"""

from __future__ import annotations

import fcntl
import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

from w2slab.errors import StoreError

_RETRY_SECONDS = 0.01
_held: WeakSet[Lock] = WeakSet()


def most_locks() -> int:
    """Return how many locks one process may hold: each is an open file, and work needs two thirds of those left."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if allowed == resource.RLIM_INFINITY:
        return sys.maxsize
    n_open = 0
    with suppress(OSError):  # where the system does not tell, few are open
        n_open = len(os.listdir("/proc/self/fd"))
    return max(1, (allowed - n_open) // 3)


class Lock:
    """A lock that is held; made by `take`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor
        _held.add(self)

    @classmethod
    def take(cls, path: Path, *, wait_s: float = 0.0) -> Lock | None:
        """Take the lock at `path`; `None` if another holder keeps it for longer than `wait_s`.

        Raises:
            StoreError: The file system has no locks, or the file cannot be written.
        """
        deadline = time.monotonic() + wait_s
        while True:
            try:
                lock = cls._try(path)
            except OSError as error:
                raise StoreError(
                    f"{path}: cannot be locked: {error.strerror}. Use a store that you may write to, on a file system "
                    "with locks."
                ) from None
            if lock is not None or time.monotonic() >= deadline:
                return lock
            time.sleep(_RETRY_SECONDS)

    @classmethod
    def _try(cls, path: Path) -> Lock | None:
        while True:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # A holder removes the file as it lets go: what was locked may no longer be the file at `path`.
                if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                    return cls(path, descriptor)
            except BlockingIOError:
                os.close(descriptor)
                return None
            except FileNotFoundError:
                pass
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def release(self) -> None:
        """Let go; harmless if done twice."""
        if self._descriptor is not None:
            self._path.unlink(missing_ok=True)
            self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _leave_to_parent() -> None:
    """Close what a forked child has inherited: a lock is the parent's, and ends with the parent."""
    for lock in list(_held):
        lock._close()


os.register_at_fork(after_in_child=_leave_to_parent)
