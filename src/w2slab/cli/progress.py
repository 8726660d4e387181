"""Progress of a run on stderr: a line per running job and a total on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w2slab.graph.job import Graph
    from w2slab.graph.runner import Event, Outcome

_PLAIN_EVERY_S = 10.0
_TITLE_WIDTH = 44
_MOST_ROWS = 12  # of jobs on a terminal: hundreds may be done in one call


class Display:
    """Shows the events of one run; to be used as a context."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._is_terminal = enabled and sys.stderr.isatty()
        self._started = time.monotonic()
        self._spoken = self._started
        self._n_made = 0
        self._rich: Any = None
        self._rows: dict[str, Any] = {}
        self._total: Any = None

    def __enter__(self) -> Display:
        if self._is_terminal:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
            self._rich = Progress(*columns, console=Console(stderr=True), transient=True)
            self._total = self._rich.add_task("all jobs", total=None, words="")
            self._rich.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._rich is not None:
            self._rich.stop()

    def on_event(self, event: Event) -> None:
        """Show one event."""
        if event.kind == "finished":
            self._n_made += 1
        if not self._enabled:
            return
        if self._rich is not None:
            self._draw(event)
        else:
            self._say(event)

    def _draw(self, event: Event) -> None:
        key = event.job.key
        if event.kind in ("started", "retried", "waiting"):
            if key not in self._rows and len(self._rows) < _MOST_ROWS:
                self._rows[key] = self._rich.add_task(_short(event.job.title), total=1.0, words="")
            if key in self._rows:
                self._rich.update(self._rows[key], completed=0.0, words="" if event.kind == "started" else event.kind)
        elif event.kind == "progress" and key in self._rows:
            self._rich.update(self._rows[key], completed=event.share, words=event.message)
        elif event.kind in ("finished", "failed", "stopped", "cached") and key in self._rows:
            self._rich.remove_task(self._rows.pop(key))
        if event.kind == "failed":
            self._rich.console.print(f"failed: {event.job.title}: {event.message}", markup=False)
        made, left = self._n_made, event.n_left
        self._rich.update(
            self._total, total=made + left, completed=made, words=f"{made}/{made + left} {self._left(left)}"
        )

    def _say(self, event: Event) -> None:
        if event.kind == "failed":
            print(f"failed: {event.job.title}: {event.message}", file=sys.stderr, flush=True)
        elif time.monotonic() - self._spoken > _PLAIN_EVERY_S or (event.kind == "finished" and event.n_left == 0):
            self._spoken = time.monotonic()
            total, left = self._n_made + event.n_left, self._left(event.n_left)
            now = f"{event.kind} {event.share:.0%}" if event.kind == "progress" else event.kind
            counts = f"{self._n_made} of {total} jobs done{' ' if left else ''}{left}"
            print(f"{counts}; {now}: {event.job.title}", file=sys.stderr, flush=True)

    def _left(self, n_left: int) -> str:
        """The time left, if jobs go on at the pace so far."""
        if not self._n_made or not n_left:
            return ""
        seconds = (time.monotonic() - self._started) / self._n_made * n_left
        return f"(about {seconds:.0f} s left)" if seconds < 100 else f"(about {seconds / 60:.0f} min left)"


def summary(outcome: Outcome, graph: Graph, seconds: float) -> list[str]:
    """Return the outcome of a run in a few lines; failed jobs with their reason."""
    # A file that changed during the run gives the jobs that read it other keys now.
    titles = {key: graph[key].title if key in graph else "" for key in outcome.failed}
    lines = [f"failed  {key}  {titles[key]}: {words}" for key, words in outcome.failed.items()]
    counts = {"made": outcome.done, "cached": outcome.cached, "failed": outcome.failed, "not begun": outcome.skipped}
    counts["stopped"] = outcome.stopped
    parts = [f"{len(keys)} {name}" for name, keys in counts.items() if keys or name in ("made", "cached")]
    return [*lines, f"{', '.join(parts)} in {seconds:.1f} s"]


def _short(title: str) -> str:
    return title if len(title) <= _TITLE_WIDTH else "…" + title[1 - _TITLE_WIDTH :]
