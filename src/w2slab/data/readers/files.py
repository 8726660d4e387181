"""Rows of text data from files: JSON Lines, JSON, CSV, TSV, Parquet, or lines of label and text; also .gz or in a .zip.

A malformed row is a row all the same, with its fault: who converts rows collects what is wrong with all of them and
reports it at once, with file, line and field.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal, cast

from w2slab.data.readers.row import Row, kind_of, shown
from w2slab.errors import DataError

Part = Literal["train", "validation", "test"]

KINDS = ("jsonl", "ndjson", "json", "csv", "tsv", "parquet", "txt")
ALLOWED = f"allowed: {', '.join('.' + kind for kind in KINDS)}, each also with .gz or in a .zip"


@dataclass(frozen=True)
class DataFile:
    """A file of rows.

    Args:
        path: Where it is.
        part: What its name, or a folder's on the way to it, says it holds.
        member: Its name inside `path`, a .zip.
    """

    path: Path
    part: Part = "train"
    member: str | None = None


def data_files(path: Path) -> list[DataFile]:
    """The file at `path`, or the data files in that folder or .zip, by name.

    Raises:
        DataError: There are none, or the file is of a kind that is not known.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder. Check the path.")
    if path.is_dir():
        names = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
        found = [each for name in names if _kind(name) for each in _in_archive(path / name, part_of(name))]
    else:
        found = _in_archive(path, None)
    if not found or not all(_kind(each.member or each.path.name) for each in found):
        raise DataError(f"{path}: no data of a known kind; {ALLOWED}")
    return found


def part_of(name: str) -> Part:
    """The part stated by a file's name, or else by its folder's: `data/test-00000-of-00001.parquet` is a test part."""
    for each in reversed(PurePosixPath(name).parts):
        words = set(re.split(r"[^a-z]+", each.lower()))
        if "test" in words:
            return "test"
        if words & {"valid", "validation", "val", "dev"}:
            return "validation"
        if "train" in words:
            return "train"
    return "train"


def read_rows(
    path: Path, *, member: str | None = None, columns: Sequence[str] | None = None, quoted: bool = True
) -> Iterator[Row]:
    """The rows of a file, by its ending: .jsonl, .ndjson, .json, .csv, .tsv, .parquet or .txt, also with .gz.

    Text is UTF-8, with or without a byte order mark; lines of a .txt that are not may be Latin-1. Empty lines are left
    out. A .txt has a label, a space and a text on each line: the fields `label` and `text`.

    Args:
        path: The file.
        member: The last parts of a file's name inside `path`, a .zip; needed where that has several files.
        columns: Names of the fields of a CSV or TSV whose first line is not a header.
        quoted: Whether a field of a CSV or TSV may stand in double quotes; if not, they are characters as any other.

    Raises:
        DataError: The file is missing, damaged or of a kind that is not known.
    """
    with ExitStack() as stack:
        try:
            file, name = _opened(path, member, stack)
            kind = _kind(name)
            if kind == "parquet":
                yield from _parquet_rows(file, name)
            elif kind in ("csv", "tsv"):
                yield from _table_rows(_lines(file), name, "," if kind == "csv" else "\t", columns, quoted)
            elif kind == "txt":
                yield from _labelled_rows(_lines(file, or_latin_1=True), name)
            elif kind:
                yield from _json_rows(file, name, may_be_array=kind == "json")
            else:
                raise DataError(f"{path}: not of a known kind; {ALLOWED}")
        except FileNotFoundError:
            raise DataError(f"{path}: no such file. Check the path.") from None
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise DataError(f"{path}: cannot be read: {error}. Is it damaged, cut short or encrypted?") from None


def _kind(name: str) -> str:
    """The ending of a name without `.gz`, if it is known, `zip` included; else nothing."""
    ending = name.lower().removesuffix(".gz").rpartition(".")[2]
    return ending if ending in KINDS or (ending == "zip" and name.lower().endswith(".zip")) else ""


def _in_archive(path: Path, part: Part | None) -> list[DataFile]:
    """A file, or the files in a .zip; `part` is what the file's own name says."""
    if _kind(path.name) != "zip":
        return [DataFile(path, part or "train")]
    members = _members(path)
    return [DataFile(path, part_of(m) if len(members) > 1 else part or "train", m) for m in members]


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot be read: {error}. Is it damaged, cut short or no .zip?") from None
    # What begins with a dot or __MACOSX was added by the system on which the archive was made.
    hidden = re.compile(r"(^|/)(\.|__MACOSX/)")
    return [name for name in names if _kind(name) in KINDS and not hidden.search(name) and "readme" not in name.lower()]


def _opened(path: Path, member: str | None, stack: ExitStack) -> tuple[IO[bytes], str]:
    """The bytes of a file, and its name for messages."""
    if _kind(path.name) != "zip":
        # Files of the hub are all called 0000.parquet: the split's name tells which is meant.
        name = f"{path.parent.name}/{path.name}" if path.stem.isdigit() else path.name
        return _unpacked(stack.enter_context(path.open("rb")), name), name
    members = _members(path)
    found = [name for name in members if member is None or f"/{name}".endswith(f"/{member}")]
    if len(found) != 1:
        wanted = "one data file" if member is None else f"one file {member}"
        raise DataError(f"{path}: {wanted} is needed in it; there are: {', '.join(members) or 'none'}; {ALLOWED}")
    inner = stack.enter_context(stack.enter_context(zipfile.ZipFile(path)).open(found[0]))
    name = f"{path.name}/{found[0]}"
    return _unpacked(inner, name), name


def _unpacked(file: IO[bytes], name: str) -> IO[bytes]:
    return cast(IO[bytes], gzip.GzipFile(fileobj=file)) if name.lower().endswith(".gz") else file


def _lines(file: IO[bytes], *, or_latin_1: bool = False) -> Iterator[str]:
    """Lines with their ends; bytes that are not UTF-8 become lone surrogates, which `_encoding_fault` finds."""
    for number, raw in enumerate(file):
        line = raw.removeprefix(b"\xef\xbb\xbf") if number == 0 else raw
        if number == 0 and line[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise OSError("it is UTF-16; save it as UTF-8")
        try:
            yield line.decode()
        except UnicodeDecodeError:
            yield line.decode("latin-1") if or_latin_1 else line.decode(errors="surrogateescape")


def _encoding_fault(line: str) -> str | None:
    try:
        line.encode()
    except UnicodeEncodeError as error:
        byte = ord(line[error.start]) - 0xDC00
        return f"not UTF-8: byte 0x{byte:02x} at character {error.start + 1}; save the file as UTF-8"
    return None


def _json_rows(file: IO[bytes], name: str, *, may_be_array: bool) -> Iterator[Row]:
    lines = enumerate(_lines(file), 1)
    if may_be_array:
        text = "".join(line for _, line in lines)
        if text.lstrip().startswith("["):
            fault = _encoding_fault(text)
            try:
                rows = [] if fault else json.loads(text)
            except (ValueError, RecursionError) as error:
                fault = f"not JSON: {error}"
            if fault:
                raise DataError(f"{name}: {fault}")
            for number, values in enumerate(rows, 1):
                yield _object(f"{name}:{number}", values)
            return
        lines = enumerate(text.split("\n"), 1)
    for number, line in lines:
        if line.isspace() or not line:
            continue
        place, fault = f"{name}:{number}", _encoding_fault(line)
        if fault:
            yield Row(place, {}, fault)
            continue
        try:
            yield _object(place, json.loads(line))
        except json.JSONDecodeError as error:
            yield Row(place, {}, f"not JSON: {error.msg} at column {error.colno}")
        except (ValueError, RecursionError) as error:  # a number of thousands of digits; thousands of brackets
            yield Row(place, {}, f"JSON that cannot be read: {error}")


def _object(place: str, values: Any) -> Row:
    if isinstance(values, dict):
        return Row(place, values)
    return Row(place, {}, f"{shown(values)} is {kind_of(values)}; an object with named fields is needed")


def _table_rows(
    lines: Iterator[str], name: str, delimiter: str, columns: Sequence[str] | None, quoted: bool
) -> Iterator[Row]:
    csv.field_size_limit(2**31 - 1)  # the default refuses texts of more than 131,072 characters
    quoting: Any = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
    header = list(columns) if columns else None
    while True:
        place = f"{name}:{reader.line_num + 1}"
        try:
            values = next(reader, None)
        except csv.Error as error:
            yield Row(place, {}, f"not {'CSV' if delimiter == ',' else 'TSV'}: {error}; is a quote not closed?")
            continue
        if values is None:
            return
        if not values or (len(values) == 1 and not values[0].strip() and len(header or ()) != 1):
            continue
        if header is None:
            header = values
            if len(set(header)) < len(header):
                raise DataError(f"{place}: the header names a field twice: {', '.join(header)}")
            continue
        fault = _encoding_fault(delimiter.join(values))
        if fault is None and len(values) != len(header):
            fault = f"{len(values)} fields; {len(header)} are needed: {', '.join(header)}"
        yield Row(place, {}, fault) if fault else Row(place, dict(zip(header, values, strict=True)))


def _labelled_rows(lines: Iterator[str], name: str) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        label, space, text = line.strip("\r\n").partition(" ")
        if space and label:
            yield Row(f"{name}:{number}", {"label": label, "text": text})
        elif line.strip():
            yield Row(f"{name}:{number}", {}, f"{shown(line.strip())}; a label, a space and a text are needed")


def _parquet_rows(file: IO[bytes], name: str) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        for batch in pq.ParquetFile(pa.BufferReader(file.read())).iter_batches(batch_size=4096):
            for values in batch.to_pylist():
                number += 1
                yield Row(f"{name}:{number}", values)
    except pa.ArrowException as error:
        raise DataError(f"{name}: not Parquet, or damaged: {error}") from None
