"""The early end of a run: by a signal, or after the time that it was given."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal

Interruption = Literal["SIGINT", "SIGTERM", "max_seconds"]


class Ending:
    """The state of an end that is asked for: has it come, and for which reason.

    Args:
        max_seconds: After this time from now it ends; `None` is never.
        on_signal: Called, in the signal's handler, upon each signal.

    Attributes:
        reason: What ended the run; `None` while it goes on.
        is_forced: A second signal came: what still runs is killed.
    """

    def __init__(self, max_seconds: float | None, on_signal: Callable[[], None]) -> None:
        self.reason: Interruption | None = None
        self.is_forced = False
        self._deadline = None if max_seconds is None else time.monotonic() + max_seconds
        self._on_signal = on_signal

    def has_come(self) -> bool:
        """Return whether no further job may be begun."""
        if self.reason is None and self._deadline is not None and time.monotonic() >= self._deadline:
            self.reason = "max_seconds"
        return self.reason is not None

    def within(self, seconds: float) -> float:
        """Return `seconds`, or the time that is left if that is less."""
        return seconds if self._deadline is None else min(seconds, max(0.0, self._deadline - time.monotonic()))

    @contextmanager
    def answering_signals(self) -> Iterator[None]:
        """Answer SIGINT and SIGTERM by an orderly end. Only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._answer) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _answer(self, number: int, _: FrameType | None) -> None:
        self.is_forced = self.reason in ("SIGINT", "SIGTERM")
        if not self.is_forced:
            self.reason = "SIGINT" if number == signal.SIGINT else "SIGTERM"
        self._on_signal()
