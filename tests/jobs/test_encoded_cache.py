"""Rows that are kept on disk: made once, the same as fresh ones, and made again when something is wrong with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.jobs.language import folder_of, plugin, reviews
from tests.models import small_models
from tests.small_data import data_in
from w2slab.errors import DataError
from w2slab.jobs import encoded_cache
from w2slab.models.hf.huggingface import HuggingFace


class Counting:
    """A family that counts how often it reads."""

    def __init__(self, family) -> None:
        self._family, self.n_read = family, 0

    def __getattr__(self, name):
        return getattr(self._family, name)

    def encode(self, examples):
        self.n_read += 1
        return self._family.encode(examples)


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data").mkdir()
    return folder_of(tmp_path / "data", reviews())


@pytest.fixture
def family(tmp_path):
    return Counting(plugin(tmp_path / "model"))


def read(family, data: Path, shared: Path | None, split: str = "test"):
    return encoded_cache.encoded(family, data_in(data).examples(split), shared)


def entries(shared: Path) -> list[Path]:
    return sorted((shared / "encoded").iterdir())


def test_a_split_is_read_once_and_what_is_kept_equals_what_was_read(family, data, tmp_path):
    shared = tmp_path / "shared"
    fresh = read(family, data, None)
    first, again = read(family, data, shared), read(family, data, shared)
    assert family.n_read == 2
    for kept in (first, again):
        assert kept.ids == fresh.ids
        assert (kept.lengths == fresh.lengths).all()
        a, b = fresh.batch(np.arange(5)), kept.batch(np.arange(5))
        assert all((a[name] == b[name]).all() for name in a)
    read(family, data, shared, "validation")
    assert family.n_read == 3
    assert len(entries(shared)) == 2


def test_models_that_read_alike_share_and_others_do_not(data, tmp_path):
    shared = tmp_path / "shared"
    small = Counting(plugin(tmp_path / "small", layers=1))
    large = Counting(plugin(tmp_path / "large", tuning="lora"))
    short = Counting(plugin(tmp_path / "large", max_length=8))
    for family in (small, large, short):
        read(family, data, shared)
    assert [family.n_read for family in (small, large, short)] == [1, 0, 1]


def test_rows_of_another_model_are_refused_where_this_one_does_not_know_their_tokens(data, tmp_path):
    read(plugin(tmp_path / "model"), data, tmp_path / "shared")
    few = HuggingFace("few", path=small_models.save(tmp_path / "few", "llama", vocab_size=300))
    with pytest.raises(DataError, match=r"few: the tokenizer gives the token 3.*, and the model knows 300"):
        read(few, data, tmp_path / "shared")


def test_the_same_examples_prepared_by_another_job_are_not_read_again(family, data, tmp_path):
    shared = tmp_path / "shared"
    read(family, data, shared)
    read(family, Path(shutil.copytree(data, tmp_path / "other")), shared)
    assert family.n_read == 1


@pytest.mark.parametrize("harm", ["cut", "lost", "flipped", "unfinished", "of another version"])
def test_a_damaged_entry_is_made_again(family, data, tmp_path, harm):
    shared = tmp_path / "shared"
    expected = read(family, data, shared).batch(np.arange(3))
    (entry,) = entries(shared)
    file = max((p for p in entry.iterdir() if p.name != encoded_cache.WHOLE), key=lambda p: p.stat().st_size)
    content = file.read_bytes()
    if harm == "cut":
        file.write_bytes(content[:-4])
    elif harm == "lost":
        file.unlink()
    elif harm == "flipped":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif harm == "unfinished":
        (entry / encoded_cache.WHOLE).unlink()
    else:
        for other in entry.iterdir():
            other.unlink()
        (entry / encoded_cache.WHOLE).write_text("{}")
    found = read(family, data, shared).batch(np.arange(3))
    assert all((expected[name] == found[name]).all() for name in expected)
    assert family.n_read == 2
    read(family, data, shared)
    assert family.n_read == 2
    assert entries(shared) == [entry]


def test_what_a_killed_process_left_behind_goes_after_an_hour(family, data, tmp_path):
    folder = tmp_path / "shared" / "encoded"
    old, new = folder / ".old.1", folder / ".new.1"
    for left in (old, new):
        left.mkdir(parents=True)
        (left / "ids").write_bytes(b"half")
    os.utime(old, (time.time() - 4000,) * 2)
    read(family, data, tmp_path / "shared")
    assert not old.exists()
    assert new.exists()


def test_without_room_the_rows_are_used_as_they_are(family, data, tmp_path):
    (tmp_path / "shared").write_text("a file where a folder should be")
    assert len(read(family, data, tmp_path / "shared")) == len(read(family, data, None))


class Plain:
    """A family that keeps the lengths of texts: its processes start at once."""

    def reads(self):
        return "lengths"

    def encode(self, examples):
        return np.array([len(text) for text in examples.table.column("text").to_pylist()])

    def save_encoded(self, rows, folder):
        np.save(folder / "rows.npy", rows)

    def load_encoded(self, folder):
        return np.load(folder / "rows.npy", mmap_mode="r")

    def lengths(self, rows):
        return rows

    def collate(self, rows, indices):
        return rows[indices]


BOTH = """
import os, shutil, sys
from pathlib import Path
from tests.jobs.test_encoded_cache import Plain, entries, read
root = Path(sys.argv[1])
(root / f"ready.{os.getpid()}").write_text("")
while len(list(root.glob("ready.*"))) < 2:
    pass
found = set()
for _ in range(200):
    found.add(tuple(read(Plain(), root / "data", root / "shared").rows.tolist()))
    for entry in entries(root / "shared"):  # someone who tidies up, besides
        shutil.rmtree(entry, ignore_errors=True)
print(found)
"""


# "Deleting it loses nothing; safe under two processes."
def test_two_processes_at_once_do_not_disturb_each_other(data, tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", BOTH, str(tmp_path)]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert said[0] == said[1] == f"{ {tuple(read(Plain(), data, None).rows.tolist())} }\n"
    assert [process.returncode for process in both] == [0, 0]
