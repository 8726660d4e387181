"""Work in shards: a shard is a file, written whole or not at all, so a killed command loses the current one alone."""

from __future__ import annotations

import gzip
import io
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from w2slab.errors import DataError
from w2slab.graph.atomic import write_atomically


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line, gzipped; the same rows give the same bytes."""
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    buffer = io.BytesIO()
    # Neither the time nor the file's name enters the header: they would make equal shards differ.
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as stream:
        stream.write(text.encode())
    write_atomically(path, buffer.getvalue())


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a shard that `write_rows` wrote."""
    try:
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a whole gzipped shard ({error}). Delete it and run the command again") from error
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}:{number}: not a JSON object ({error}). Delete the file and run again") from error
        rows.append(row)
    return rows


def open_text(path: Path, encoding: str = "utf-8") -> io.TextIOWrapper:
    """A text file for reading, unpacked as its name says (.gz, .zst)."""
    import pyarrow as pa

    if not path.is_file():
        raise DataError(f"{path}: no such file; give the path of one that exists")
    try:
        return io.TextIOWrapper(pa.input_stream(str(path), compression="detect"), encoding=encoding)
    except OSError as error:
        raise DataError(f"{path}: cannot be opened ({error}); check that you may read it") from error


def run_shards(
    work: Callable[..., Any], arguments: Iterable[tuple[Any, ...]], *, label: str, n_workers: int = 1
) -> Iterator[Any]:
    """Call `work` once per tuple of arguments and yield the results in the order they end.

    One worker works in this process; more are fresh processes, so `work` must be a module's function. Arguments are
    taken as they are needed, so they may be read from a file that is larger than memory.
    """
    if n_workers < 1:
        raise DataError(f"workers: {n_workers} is too few; give at least 1")
    total = len(arguments) if isinstance(arguments, Sized) else None
    given = iter(arguments)
    with progress(label, total) as advance:
        if n_workers == 1:
            for values in given:
                result = work(*values)
                advance()
                yield result
            return
        with ProcessPoolExecutor(n_workers, mp_context=get_context("spawn")) as pool:
            waiting: set[Future[Any]] = set()
            try:
                while True:
                    waiting |= {pool.submit(work, *values) for values in islice(given, 2 * n_workers - len(waiting))}
                    if not waiting:
                        return
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in done:
                        result = future.result()
                        advance()
                        yield result
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def progress(label: str, n_items: int | None) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, a plain line now and then elsewhere; call the yielded function once per item."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(label, total=n_items)
            yield lambda: bar.advance(task)
        return
    yield PlainProgress(label, n_items)


class PlainProgress:
    """Progress as lines of text, at most one every `every_s` seconds, and one at the end."""

    def __init__(self, label: str, n_items: int | None, every_s: float = 20.0) -> None:
        self.label, self.n_items, self.every_s = label, n_items, every_s
        self.n_done = 0
        self.started = self.last = time.monotonic()

    def __call__(self) -> None:
        """One more item is done."""
        self.n_done += 1
        now = time.monotonic()
        if self.n_done != self.n_items and now - self.last < self.every_s:
            return
        self.last = now
        of_all = "" if self.n_items is None else f"/{self.n_items}"
        print(f"{self.label}: {self.n_done}{of_all} in {now - self.started:.0f} s", file=sys.stderr, flush=True)
