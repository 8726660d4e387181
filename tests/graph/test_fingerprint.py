from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import pytest

from w2slab.errors import DataError
from w2slab.graph.component import NOT_IN_KEY, Component
from w2slab.graph.fingerprint import LocalFile, canonical, digest


@dataclass(frozen=True)
class InnerSpec:
    KIND: ClassVar = "inner"
    name: str = "a"


@dataclass(frozen=True)
class OuterSpec:
    inner: InnerSpec = field(default_factory=InnerSpec)
    sizes: MappingProxyType = field(default_factory=lambda: MappingProxyType({"b": None, "a": 1}))
    files: tuple = ()


def test_dataclasses_mappings_and_tuples_become_plain_data():
    assert canonical(OuterSpec()) == {"inner": {"name": "a"}, "sizes": {"a": 1, "b": None}, "files": []}


def test_an_integer_and_a_float_of_one_value_are_told_apart():
    assert digest(1) != digest(1.0) != digest(True) != digest("1")


@dataclass(frozen=True)
class Reader(Component):
    """A component with a display name and a file."""

    n_words: int = 3
    name: str = field(default="reader", metadata=NOT_IN_KEY)
    path: Path | None = None


def test_a_component_enters_by_its_class_and_fields_and_not_by_names_and_paths():
    assert canonical(Reader(path=Path("a"))) == {"class": "Reader", "n_words": 3, "path": {"path": None}}
    assert digest(Reader(path=Path("a"))) == digest(Reader(path=Path("b"), name="other"))
    assert digest(Reader()) != digest(Reader(n_words=4))
    assert digest(Reader()) != digest(InnerSpec())


def test_a_file_that_was_written_anew_is_digested_anew(tmp_path):
    path = tmp_path / "a"
    path.write_text("one")
    before = LocalFile.of(path)
    assert before.is_unchanged()
    path.write_text("three")

    assert not before.is_unchanged()
    assert LocalFile.of(path) != before


def test_a_link_counts_as_what_it_leads_to(tmp_path):
    for name in ("linked", "copied", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "elsewhere" / "blob").write_text("weights")
    (tmp_path / "linked" / "model").symlink_to(tmp_path / "elsewhere" / "blob")
    (tmp_path / "linked" / "folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "copied" / "model").write_text("weights")
    (tmp_path / "copied" / "folder").mkdir()
    (tmp_path / "copied" / "folder" / "blob").write_text("weights")

    assert LocalFile.of(tmp_path / "linked") == LocalFile.of(tmp_path / "copied")


def test_a_folder_that_links_to_itself_is_an_error_and_not_an_endless_walk(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "again").symlink_to(tmp_path / "folder")

    with pytest.raises(DataError, match="Remove the link"):
        LocalFile.of(tmp_path / "folder")


def test_a_missing_file_is_an_error_with_its_path(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.csv: no such file or folder"):
        LocalFile.of(tmp_path / "nowhere.csv")


def test_a_file_of_the_same_size_and_time_is_not_read_again(tmp_path):
    path = tmp_path / "big"
    path.write_bytes(os.urandom(1000))
    first = LocalFile.of(path)
    found = path.stat()
    path.write_bytes(os.urandom(1000))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))

    assert LocalFile.of(path) == first
