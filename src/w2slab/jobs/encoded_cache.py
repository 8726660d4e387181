"""Examples as a model encodes them, cached on disk for all jobs that encode the same examples alike.

`<shared>/encoded/<digest>/` holds what the model wrote and, written last, `whole.json` with the checksum of each file.
Nothing is lost with it: an entry that is missing or damaged is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2slab.graph.fingerprint import digest, sha256_of

if TYPE_CHECKING:
    from w2slab.data.examples import Examples
    from w2slab.models.model import Model
    from w2slab.training.batches import Encoded

WHOLE = "whole.json"
_ABANDONED_SECONDS = 3600.0


def encoded(model: Model, examples: Examples, shared: Path | None) -> Encoded:
    """Return the examples of a split as a model encodes them.

    Args:
        model: Its encoded rows are cached where it `reads`.
        examples: The split's examples.
        shared: Folder of the cache; `None` caches nothing.
    """
    from w2slab.training import batches

    rows = None
    reads = None if shared is None else model.reads()
    if shared is not None and reads is not None:
        source = {"family": type(model).__qualname__, "reads": reads, "classes": examples.classes}
        name = digest(source | {"examples": _content(examples)})[:32]
        rows = _cached(model, examples, shared / "encoded" / name)
    return batches.encode(model, examples, rows)


def _content(examples: Examples) -> str:
    """Return the digest of the examples' table."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, examples.table.schema) as writer:
        writer.write_table(examples.table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _cached(model: Model, examples: Examples, folder: Path) -> Any:
    """Return the rows in the folder, made first if they are not there."""
    if _is_whole(folder):
        # Whatever is wrong with what an older version or another machine wrote, it can be made again.
        with suppress(Exception):
            return model.load_encoded(folder)
    rows = model.encode(examples)
    unfinished = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        unfinished.mkdir(parents=True)
        model.save_encoded(rows, unfinished)
        (unfinished / WHOLE).write_text(json.dumps({name: sha256_of(unfinished / name) for name in _files(unfinished)}))
        _put(unfinished, folder)
        return model.load_encoded(folder)
    except OSError:  # a full disk, a store that one may only read, a faster process: the rows themselves are at hand
        return rows
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    try:
        sums = json.loads((folder / WHOLE).read_text())
        return all(sha256_of(folder / name) == recorded for name, recorded in sums.items())
    except (OSError, ValueError, AttributeError):
        return False


def _files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def _put(unfinished: Path, folder: Path) -> None:
    """Rename a folder into its place; what is there goes, since it could not be read."""
    for other in folder.parent.glob(".*"):  # of processes that were killed
        with suppress(FileNotFoundError):
            if time.time() - other.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
    trash = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    with suppress(FileNotFoundError):
        os.rename(folder, trash)
        shutil.rmtree(trash, ignore_errors=True)
    unfinished.rename(folder)
