"""Rows from files: right, or an error that names file, line, field and value."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2slab.data.readers.files import data_files, part_of, read_rows
from w2slab.data.readers.row import Row, RowError, converted
from w2slab.errors import DataError

FILMS = [{"text": "good", "label": "1"}, {"text": 'a "bad", bad\nfilm 🎬', "label": "0"}]
JSON_LINES = "".join(json.dumps(row) + "\n" for row in FILMS).encode()
CSV = b'text,label\ngood,1\n"a ""bad"", bad\nfilm \xf0\x9f\x8e\xac",0\n'


def written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def values(path: Path, **how: object) -> list[dict]:
    return converted(read_rows(path, **how), lambda row: dict(row.values))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("films.jsonl", JSON_LINES),
        ("films.ndjson.gz", JSON_LINES),
        ("films.json", json.dumps(FILMS, indent=1).encode()),
        ("lines.json", JSON_LINES),
        ("films.csv", CSV),
        ("films.CSV.gz", CSV),
        ("films.tsv", CSV.replace(b"text,", b"text\t").replace(b"good,", b"good\t").replace(b'",0', b'"\t0')),
        ("films.jsonl", b"\xef\xbb\xbf" + JSON_LINES.replace(b"\n", b"\r\n") + b"\r\n   \n"),
        ("films.csv", b"\xef\xbb\xbf" + CSV.replace(b",1\n", b",1\r\n\r\n")),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path, name, content):
    assert values(written(tmp_path / name, content)) == FILMS


def test_parquet_gives_the_same_rows(tmp_path):
    pq.write_table(pa.Table.from_pylist(FILMS), tmp_path / "films.parquet")
    assert values(tmp_path / "films.parquet") == FILMS


def test_a_file_in_a_zip_is_read_and_what_the_system_added_is_not(tmp_path):
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as archive:
        archive.writestr("Films 2/train.jsonl", JSON_LINES)
        archive.writestr("Films 2/test.csv.gz", gzip.compress(CSV))
        archive.writestr("__MACOSX/Films 2/._train.jsonl", b"\x00\x05")
        archive.writestr("Films 2/readme.txt", b"read me")
    assert values(tmp_path / "films.zip", member="train.jsonl") == FILMS
    assert next(read_rows(tmp_path / "films.zip", member="test.csv.gz")).place == "films.zip/Films 2/test.csv.gz:2"
    assert [(file.member, file.part) for file in data_files(tmp_path / "films.zip")] == [
        ("Films 2/test.csv.gz", "test"),
        ("Films 2/train.jsonl", "train"),
    ]
    with pytest.raises(DataError, match=r"films.zip: one data file is needed in it; there are: Films 2/test"):
        list(read_rows(tmp_path / "films.zip"))


def test_lines_of_label_and_text_may_be_latin_1_or_utf_8(tmp_path):
    path = written(tmp_path / "reviews.txt", b"1 caf\xe9 noir\n0 caf\xc3\xa9\r\n\n1  two spaces\n")
    assert [row["text"] for row in values(path)] == ["café noir", "café", " two spaces"]


def test_a_table_without_a_header_and_without_quotes(tmp_path):
    path = written(tmp_path / "cola.tsv", b'gj04\t1\t\tHe said "yes.\ncj99\t0\t*\t"No he did.\n')
    rows = values(path, columns=("source", "label", "mark", "sentence"), quoted=False)
    assert [row["sentence"] for row in rows] == ['He said "yes.', '"No he did.']


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_any_texts_survive_json_lines_and_csv(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("any")
    rows = [{"text": text, "n": str(i)} for i, text in enumerate(texts)]
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, ("text", "n"), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    assert values(written(folder / "a.csv", file.getvalue().encode())) == rows
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    assert values(written(folder / "a.jsonl", lines.encode())) == rows


def test_a_text_of_a_million_characters_and_a_null_byte_are_read(tmp_path):
    text = "a\0b " * 250_000
    rows = [{"text": text, "label": "1"}]
    assert values(written(tmp_path / "a.jsonl", json.dumps(rows[0]).encode())) == rows
    assert values(written(tmp_path / "a.csv", f'text,label\n"{text}",1\n'.encode())) == rows


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"text": x}\n', r"^a.jsonl:2: not JSON: Expecting value at column 10$"),
        ("a.jsonl", b'{"text": "x"}\n[1, 2]\n', r"^a.jsonl:2: \[1, 2\] is a list; an object with named fields"),
        ("a.jsonl", b'\n{"text": "caf\xe9"}\n', r"^a.jsonl:2: not UTF-8: byte 0xe9 at character 14; save the file as"),
        ("a.jsonl", b"[" * 100_000, r"^a.jsonl:1: JSON that cannot be read"),
        ("a.json", b'[{"text": "x"},', r"^a.json: not JSON: .*line 1 column 16"),
        ("a.csv", b"text,label\nx,1\ny\n", r"^a.csv:3: 1 fields; 2 are needed: text, label$"),
        ("a.csv", b'text,label\n"x\ny",1\n"never closed,0\n', r"^a.csv:4: not CSV: .*; is a quote not closed\?$"),
        ("a.csv", b"text,text\n", r"^a.csv:1: the header names a field twice: text, text"),
        ("a.csv", b"text,label\ncaf\xe9,1\n", r"^a.csv:2: not UTF-8: byte 0xe9 at character 4"),
        ("a.csv", "text,label\n".encode("utf-16"), r"a.csv: cannot be read: it is UTF-16; save it as UTF-8"),
        ("a.txt", b"1 good\nbad\n", r"^a.txt:2: 'bad'; a label, a space and a text are needed$"),
        ("a.parquet", b"no", r"^a.parquet: not Parquet, or damaged"),
        ("a.zip", b"no", r"a.zip: cannot be read"),
        ("a.docx", b"no", r"a.docx: not of a known kind; allowed: .jsonl, .ndjson"),
    ],
)
def test_what_is_malformed_is_named_with_its_line(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message):
        values(written(tmp_path / name, content))


def test_a_file_that_was_cut_short_is_an_error_and_not_fewer_rows(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(JSON_LINES * 1000)[:-20])
    with pytest.raises(DataError, match=r"a.jsonl.gz: cannot be read: .* Is it damaged, cut short"):
        values(path)
    with pytest.raises(DataError, match="no such file"):
        values(tmp_path / "b.jsonl")


def test_the_first_five_malformed_rows_are_shown_and_all_are_counted(tmp_path):
    path = written(tmp_path / "a.jsonl", b'{"label": 1}\n' * 2 + b'{"label": 7}\n{"label": "x"}\n' * 3)
    with pytest.raises(DataError) as error:
        converted(read_rows(path), lambda row: row.label("label", 2))
    lines = str(error.value).splitlines()
    assert lines[0] == "6 malformed rows, the first 5:"
    assert [line.split(":")[1] for line in lines[1:]] == ["3", "4", "5", "6", "7"]
    assert lines[2] == "  a.jsonl:4: label: 'x'; allowed: 0 to 1"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda row: row.text("none"), 'a.jsonl:3: no field "none"; there are: text, n, list, empty, half, inner'),
        (lambda row: row.text("empty"), r"empty: is empty \(null\); a value is needed"),
        (lambda row: row.text("n"), "n: 2 is a number; text is needed"),
        (lambda row: row.text("half"), r"half: half a character \('\\ud83d'\) at position 1"),
        (lambda row: row.texts("text"), "text: 'x' is text; a list of texts is needed"),
        (lambda row: row.texts("list"), r"list\[1\]: 5 is a number; text is needed"),
        (lambda row: row.number("text"), "text: 'x' is text; a finite number is needed"),
        (lambda row: row.label("n", ("a", "b")), "n: 2; allowed: a, b"),
        (lambda row: row.label("n", 2), "n: 2; allowed: 0 to 1"),
        (lambda row: row.nested("n"), "n: 2 is a number; an object with named fields is needed"),
        (lambda row: row.nested("inner").text("x"), 'a.jsonl:3: inner: no field "x"; there are: y'),
        (lambda row: row.nested_list("list"), r"list\[0\]: 'a' is text; an object"),
    ],
)
def test_a_field_that_is_not_what_is_needed_is_named_with_its_value(ask, message):
    fields = {"text": "x", "n": 2, "list": ["a", 5], "empty": None, "half": "a\ud83d", "inner": {"y": 1}}
    with pytest.raises(RowError, match=message):
        ask(Row("a.jsonl:3", fields))


def test_labels_are_numbers_digits_or_names():
    row = Row("a:1", {"n": 2, "s": "2", "t": True, "name": "neutral", "minus": -1})
    assert row.label("n", 3) == row.label("s", 3) == row.label("name", ("no", "yes", "neutral")) == 2
    for name in ("t", "minus"):
        with pytest.raises(RowError, match="allowed: 0 to 2"):
            row.label(name, 3)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train.jsonl", "train"),
        ("data/test-00000-of-00001.parquet", "test"),
        ("default/validation/0000.parquet", "validation"),
        ("ethics_deontology_dev.csv", "validation"),
        ("test/train.csv", "train"),
        ("latest.csv", "train"),
        ("testimonials.csv", "train"),
    ],
)
def test_a_files_name_tells_its_part(name, part):
    assert part_of(name) == part


def test_a_folders_data_files_come_in_the_order_of_their_names(tmp_path):
    for name in ("b/test.csv", "a/train.jsonl.gz", "a/val.jsonl", "notes.md", "a/picture.png"):
        written(tmp_path / name, b"")
    found = [(file.path.relative_to(tmp_path).as_posix(), file.part) for file in data_files(tmp_path)]
    assert found == [("a/train.jsonl.gz", "train"), ("a/val.jsonl", "validation"), ("b/test.csv", "test")]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no data of a known kind; allowed: \.jsonl"):
        data_files(tmp_path / "empty")
    with pytest.raises(DataError, match="no such file or folder"):
        data_files(tmp_path / "none")
