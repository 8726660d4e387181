"""Jobs in this process, one call after the other: for tests, for debugging and for code that lives in a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from w2slab.graph.perform import End, Progress, Ticket, perform


class Inline:
    """An executor that does jobs in this process while `wait` is called."""

    def __init__(self) -> None:
        self._tickets: Sequence[Ticket] = ()
        self._is_busy = False
        self._is_cancelled = False

    def capacity(self) -> int:
        """Return one."""
        return 1

    def submit(self, tickets: Sequence[Ticket]) -> None:
        """Keep the jobs for the next `wait`."""
        self._is_cancelled = False
        self._tickets = tickets

    def wait(self, timeout_s: float) -> list[Progress | End]:
        """Do what was submitted."""
        tickets, self._tickets = self._tickets, ()
        if not tickets:
            return []
        messages: list[Progress | End] = []
        self._is_busy = True
        try:
            perform(tickets, on_message=messages.append, stop_requested=lambda: self._is_cancelled)
        except KeyboardInterrupt:
            if not self._is_cancelled:
                raise
            ended = {each.key for each in messages if isinstance(each, End)}
            messages += [End(key=each.key, status="stopped") for each in tickets if each.key not in ended]
        finally:
            self._is_busy = False
        return messages

    def cancel(self, *, force: bool = False) -> None:
        """Ask the call to stop; by force, interrupt it as Ctrl-C does."""
        self._is_cancelled = True
        if force and self._is_busy:
            raise KeyboardInterrupt

    def close(self) -> None:
        """Do nothing: there is nothing to end."""

    def __enter__(self) -> Inline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
