"""Results on disk: one folder per job, named by the job's key.

    objects/<2 digits>/<key>/   a result: the job's files and `record.json`
    work/<key>/                 checkpoints of an attempt; outlives a kill, removed on publication
    tmp/<key>.<pid>.<id>/       a result that is being written
    locks/                      who is working on what; the kernel lets go of a dead holder's lock
    shared/                     what jobs can make again and share, such as tokenized texts; may be deleted at any time
    logs/<key>.log              what an unfinished or failed job printed
    failures/<key>.json         why a job failed the last time; removed on success
    damaged/                    results that were set aside, each with a note
    verified.json               which files were found whole, so that they are not read again while unchanged

The record is written last, then one rename puts the folder into its place. A folder without a record does not exist.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from w2slab.errors import StoreError
from w2slab.graph.atomic import write_atomically
from w2slab.graph.contents import RECORD, contents, damages, flush, signature
from w2slab.graph.job import Job
from w2slab.graph.locks import Lock

_LEAST_FREE_BYTES = 256 * 2**20
_LOG_TAIL_BYTES = 4000
_ABANDONED_SECONDS = 3600.0

_encode = json.JSONEncoder(sort_keys=True, allow_nan=False).encode


class Store:
    """Results of jobs under one folder. Reading writes nothing; `open` prepares it for a run."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(os.path.abspath(root))
        self.shared = self.root / "shared"
        self._objects = os.path.join(self.root, "objects")
        self._verified: dict[str, str] | None = None
        self._has_news = False

    # --- reading ------------------------------------------------------------------------------------------------------

    def has(self, key: str) -> bool:
        """Return whether the result is there; its files are not looked at."""
        return os.path.exists(f"{self._path(key)}/{RECORD}")

    def folder(self, key: str) -> Path:
        """Return the folder of a result, there or not."""
        return Path(self._path(key))

    def record(self, key: str) -> dict[str, Any]:
        """Return how the result was made: payload, facts, packages, host, times, checksums.

        Raises:
            StoreError: There is no such result, or its record is unreadable.
        """
        path = self.folder(key) / RECORD
        try:
            return _read_json(path)
        except FileNotFoundError:
            raise StoreError(f"{path}: there is no such result. Run the study to make it.") from None
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: cannot be read: {error}. Remove its folder and run the study again.") from None

    def keys(self, kind: str) -> list[str]:
        """Return the keys of all results of a kind of job, sorted."""
        found = []
        with suppress(FileNotFoundError, NotADirectoryError):
            for folder in os.listdir(self._objects):
                names = os.listdir(f"{self._objects}/{folder}")
                found += [name for name in names if name.rpartition("-")[0] == kind and self.has(name)]
        return sorted(found)

    def failure(self, key: str) -> dict[str, Any] | None:
        """Return the record of a job's last failure, `None` if its last try did not fail."""
        try:
            return _read_json(self.root / "failures" / f"{key}.json")
        except (OSError, ValueError):
            return None

    def failures(self) -> dict[str, int]:
        """Return the keys of jobs that failed the last time, each with a stamp that a new failure changes."""
        try:
            names = os.listdir(self.root / "failures")
        except (FileNotFoundError, NotADirectoryError):
            return {}
        stamps = {key: self.failure_stamp(key) for key in (n.removesuffix(".json") for n in names if n[0] != ".")}
        return {key: stamp for key, stamp in stamps.items() if stamp is not None}

    def failure_stamp(self, key: str) -> int | None:
        """Return a stamp that a new failure of the job changes; `None` if it did not fail."""
        try:
            return os.stat(self.root / "failures" / f"{key}.json").st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return None

    def work(self, key: str) -> Path:
        """Return the folder for the checkpoints of a job's attempts."""
        return self.root / "work" / key

    def log(self, key: str) -> Path:
        """Return the file with what an unfinished or failed job printed."""
        return self.root / "logs" / f"{key}.log"

    def output(self, key: str) -> str:
        """Return the end of what an unfinished or failed job printed."""
        try:
            with self.log(key).open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_TAIL_BYTES))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    # --- checking -----------------------------------------------------------------------------------------------------

    def check(self, job: Job) -> bool:
        """Return whether the job's result is there, is what was asked for, and is whole.

        Files that are unchanged (name, size, time, inode) since they were last found whole are not read again, nor is
        their record. A damaged result is set aside.

        Raises:
            StoreError: The result is of another computation than the one asked for.
        """
        return self._inspect(job, trust_unchanged=True)

    def verify(self, job: Job) -> bool:
        """Do as `check`, and read every file to compare it with its checksum."""
        return self._inspect(job, trust_unchanged=False)

    def mark_whole(self, key: str) -> None:
        """Note that the result, just published, is whole."""
        self._trusted()[key] = signature(self._path(key))
        self._has_news = True

    def save_marks(self) -> None:
        """Keep the marks of results that were found whole; without them the next run reads those again."""
        if self._has_news:
            known, self._verified = self._trusted(), None
            self._verified = {**self._trusted(), **known}  # with what other runs found meanwhile
            with suppress(OSError):  # a store that one may only read
                write_atomically(self.root / "verified.json", json.dumps(self._verified))
            self._has_news = False

    def _trusted(self) -> dict[str, str]:
        if self._verified is None:
            try:
                self._verified = _read_json(self.root / "verified.json")
            except (OSError, ValueError):
                self._verified = {}
        return self._verified

    def _inspect(self, job: Job, *, trust_unchanged: bool) -> bool:
        if not self.has(job.key):
            return False
        stamp = signature(self._path(job.key))
        if trust_unchanged and self._trusted().get(job.key) == stamp:
            return True
        try:
            record = _read_json(self.folder(job.key) / RECORD)
            payload, files = record["payload"], record["files"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.set_aside(job.key, f"its record cannot be read: {error!r}")
            return False
        if payload != job.payload:
            raise StoreError(
                f"{self.folder(job.key)}: its record is of another computation: {_differences(payload, job.payload)}. "
                "Remove the folder to have the result made again."
            )
        damage = next(damages(self.folder(job.key), files), None)
        if damage is not None:
            self.set_aside(job.key, damage)
            return False
        self._trusted()[job.key] = stamp
        self._has_news = True
        return True

    def set_aside(self, key: str, reason: str) -> Path:
        """Move a damaged result out of the way, with a note; returns where it is now."""
        target = self.root / "damaged" / f"{key}.{_stamp()}.{uuid.uuid4().hex[:8]}"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(self.folder(key), target)
            (target / "damage.txt").write_text(f"{reason}\n", encoding="utf-8")
        except FileNotFoundError:
            pass  # another run was faster
        except OSError as error:
            raise StoreError(
                f"{self.folder(key)}: damaged ({reason}) and cannot be set aside: {error.strerror}. Remove the folder."
            ) from None
        return target

    # --- writing ------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Make the folders, and remove what dead processes left behind.

        Raises:
            StoreError: The store cannot be written, or its disk is nearly full.
        """
        try:
            for name in ("objects", "work", "tmp", "locks", "logs", "failures"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root / "tmp") as probe:
                probe.write(b"may one write here?")
            free = shutil.disk_usage(self.root).free
        except OSError as error:
            raise StoreError(
                f"{self.root}: cannot be written: {error.strerror}. Choose another store or mend its permissions."
            ) from None
        if free < _LEAST_FREE_BYTES:
            raise StoreError(
                f"{self.root}: only {free / 2**20:.0f} MiB are free on its disk, and at least "
                f"{_LEAST_FREE_BYTES / 2**20:.0f} MiB are needed. Make room or choose another store."
            )
        self._clean()

    def _clean(self) -> None:
        # Whoever writes into tmp/<key>.* holds the attempt's lock: a free lock means that the writer is gone.
        for path in list((self.root / "tmp").iterdir()):
            lock = self.lock_attempt(path.name.partition(".")[0])
            if lock is not None:
                with lock:
                    shutil.rmtree(path, ignore_errors=True)
        for name in ("work", "logs", "failures"):  # of jobs that were killed just after their publication
            for path in list((self.root / name).iterdir()):
                key = path.name.partition(".")[0]
                if key and self.has(key):
                    self.clear(key)
        for path in [*self.root.glob(".verified*"), *(self.root / "failures").glob(".*")]:  # of `write_atomically`
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    path.unlink()

    def lock(self, key: str) -> Lock | None:
        """Take the right to have this job done, held by a run; `None` while another run has it."""
        return Lock.take(self.root / "locks" / key)

    def lock_attempt(self, key: str, *, wait_s: float = 0.0) -> Lock | None:
        """Take the right to write into the job's work and temporary folders, held by the process that does the job.

        Distinct from the run's own lock: a run that was killed lets go a moment before its workers are dead.
        """
        return Lock.take(self.root / "locks" / f"{key}.attempt", wait_s=wait_s)

    def temporary(self, key: str) -> Path:
        """Make a new empty folder for a result that is being written."""
        path = self.root / "tmp" / f"{key}.{os.getpid()}.{uuid.uuid4().hex}"
        path.mkdir(parents=True)
        return path

    def publish(self, key: str, folder: Path, record: Mapping[str, Any]) -> bool:
        """Put a finished temporary folder into its place, flushed to the disk, its record written last.

        Returns:
            False if another process was faster: its result stays and `folder` is removed.

        Raises:
            JobError: The folder holds what a result may not hold.
        """
        files = contents(folder)
        with open(folder / RECORD, "wb") as file:
            file.write(_record_text({**record, "files": files}).encode("utf-8"))
        flush(folder)
        target = self._path(key)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.exists(target) and not self.has(key):
            self.set_aside(key, "it had no record")
        try:
            os.rename(folder, target)
        except OSError:
            if not self.has(key):
                raise
            shutil.rmtree(folder, ignore_errors=True)
            return False
        finally:
            if self.has(key):
                self.clear(key)
        return True

    def clear(self, key: str) -> None:
        """Remove the traces of attempts: checkpoints, printed text, the last failure."""
        self.forget_attempts(key)
        for path in (f"{self.root}/logs/{key}.log", f"{self.root}/failures/{key}.json"):
            with suppress(FileNotFoundError):
                os.unlink(path)

    def forget_attempts(self, key: str) -> None:
        """Remove a job's checkpoints, so that it starts afresh."""
        path = f"{self.root}/work/{key}"
        try:
            os.rmdir(path)  # most are empty
        except FileNotFoundError:
            pass
        except OSError:
            shutil.rmtree(path, ignore_errors=True)

    def write_failure(self, key: str, failure: Mapping[str, Any]) -> None:
        """Record why the job failed, with how often it has failed in a row (`n_failures`)."""
        n_failures = (self.failure(key) or {}).get("n_failures", 0) + 1
        content = {**failure, "n_failures": n_failures, "output": self.output(key)}
        write_atomically(self.root / "failures" / f"{key}.json", json.dumps(content, indent=1, sort_keys=True))

    def remove(self, key: str) -> None:
        """Forget a result."""
        if self.folder(key).exists():
            trash = self.root / "tmp" / f"{key}.{os.getpid()}.{uuid.uuid4().hex}"
            trash.parent.mkdir(parents=True, exist_ok=True)
            os.rename(self.folder(key), trash)
            shutil.rmtree(trash)

    def _path(self, key: str) -> str:
        # The first two digits of the digest keep the folders small.
        return f"{self._objects}/{key[key.rfind('-') + 1 :][:2]}/{key}"


def _read_json(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_bytes())
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    return content


def _stamp() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def _record_text(record: Mapping[str, Any]) -> str:
    """Return JSON with a line for each field."""
    lines = (f" {json.dumps(name)}: {_encode(value)}" for name, value in sorted(record.items()))
    return "{\n" + ",\n".join(lines) + "\n}"


def _differences(recorded: Any, asked: Any, place: str = "") -> str:
    if isinstance(recorded, dict) and isinstance(asked, dict):
        found = (
            _differences(recorded.get(n), asked.get(n), f"{place}.{n}".lstrip("."))
            for n in sorted({*recorded, *asked})
            if recorded.get(n) != asked.get(n)
        )
        return "; ".join(found)
    return f"{place}: recorded {json.dumps(recorded)}, asked {json.dumps(asked)}"
