"""The content of a result's folder: what it is, that it is on the disk, and what has happened to it since."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from w2slab.errors import JobError
from w2slab.graph.fingerprint import sha256_of

RECORD = "record.json"
_FLUSHES_AT_ONCE = 8


def contents(folder: Path) -> dict[str, dict[str, Any]]:
    """Return size and checksum of each file by name.

    Raises:
        JobError: The folder holds what a result may not hold.
    """
    return {name: {"size": os.stat(path).st_size, "sha256": sha256_of(path)} for name, path in _files(folder)}


def flush(folder: Path) -> None:
    """Write a folder with all that is in it through to the disk.

    All at once: the file system then writes its journal once, and not for each file in turn.
    """
    paths = []
    for below, _, names in os.walk(folder):
        paths += [below, *(os.path.join(below, name) for name in names)]
    with ThreadPoolExecutor(min(len(paths), _FLUSHES_AT_ONCE)) as pool:
        for _ in pool.map(_flush, paths):
            pass


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def damages(folder: Path, files: Mapping[str, Any]) -> Iterator[str]:
    """Yield each damage of the files in words, sizes first since they cost nothing."""
    for name, recorded in files.items():
        try:
            size = (folder / name).stat().st_size
        except OSError as error:
            yield f"{name}: {error.strerror}"
            continue
        if size != recorded["size"]:
            yield f"{name}: {size} bytes, recorded were {recorded['size']}"
    for name, recorded in files.items():
        found = sha256_of(folder / name)
        if found != recorded["sha256"]:
            yield f"{name}: its checksum is {found}, recorded was {recorded['sha256']}"


def signature(folder: str) -> str:
    """Return a text that changes when a file of the folder is written: of names, sizes, times and inodes."""
    lines: list[str] = []
    folders = [folder]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    found = entry.stat(follow_symlinks=False)
                    name = entry.path[len(folder) :]
                    lines.append(f"{name}\0{found.st_size}\0{found.st_mtime_ns}\0{found.st_ino}")
    return hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _files(folder: Path) -> list[tuple[str, str]]:
    """Return name and path of each file, sorted."""
    found: list[tuple[str, str]] = []
    unseen = [""]
    while unseen:
        below = unseen.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                name = f"{below}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    unseen.append(f"{name}/")
                elif not entry.is_file(follow_symlinks=False):
                    raise JobError(
                        f"{name}: a result may hold files and folders only. Copy the content in place of a link."
                    )
                elif name == RECORD:
                    raise JobError(f"{name}: this name is kept for the store. Let the job write under another name.")
                else:
                    found.append((name, entry.path))
    return sorted(found)
