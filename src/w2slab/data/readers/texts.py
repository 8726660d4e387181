"""Texts that a user brings with ids by which labels find them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.data.readers.files import read_rows
from w2slab.data.readers.row import MOST_SHOWN, Row, converted, shown
from w2slab.data.readers.templates import check_fields, fields_of, filled, joined, template
from w2slab.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Layout:
    """Roles of the fields of a row of texts; a template is text with fields in braces, `"{question} {answer}"`.

    Args:
        id: The field with the id.
        text: Template of what is read first; `None` is the field `text`, or nothing where texts have candidates and
            there is no such field.
        answer: Template of what is read after it and never cut.
        candidates: Templates of the candidates, or the name of a field that holds a list of them; `None` where there
            are classes.
        group: Template; texts for which it gives the same are never parted. `None` is the text.
    """

    id: str = "id"
    text: str | None = None
    answer: str | None = None
    candidates: str | tuple[str, ...] | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        if self.candidates is not None and self.answer is not None:
            raise ValueError("candidates stand in place of an answer; leave one of them out")
        for written in self.templates:
            fields_of(written)

    @property
    def templates(self) -> list[str]:
        """All templates that are written."""
        several = () if self.candidates is None or isinstance(self.candidates, str) else self.candidates
        return [*filter(None, (self.text, self.answer, self.group)), *map(template, several)]

    @property
    def candidate_names(self) -> tuple[str, ...]:
        """Names that a label may use for the candidates, beside their numbers."""
        return () if self.candidates is None or isinstance(self.candidates, str) else tuple(self.candidates)


@dataclass(frozen=True)
class Texts:
    """Texts without labels.

    Args:
        path: Their file.
        table: Columns `id`, `group`, `text`, and `answer` or `candidates` where there are such.
        places: File and line of each.
        names: What labels may call the candidates, where they are not classes.
    """

    path: Path
    table: pa.Table
    places: list[str]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return self.table.num_rows

    @cached_property
    def row(self) -> dict[str, int]:
        """Position by id."""
        return {name: index for index, name in enumerate(self.table.column("id").to_pylist())}

    @property
    def where(self) -> str:
        """The place in which an id is looked up."""
        return str(self.path)

    def called(self, index: int) -> tuple[str, ...]:
        """Names that labels may use for the candidates of one text, beside their numbers."""
        return self.names

    @cached_property
    def n_candidates(self) -> np.ndarray | None:
        """Candidates of each text, int64 [N]; `None` where there are classes."""
        if "candidates" not in self.table.column_names:
            return None
        return np.array([len(each) for each in self.table.column("candidates").to_pylist()], dtype=np.int64)


def read_texts(path: Path, layout: Layout) -> Texts:
    """Texts with their ids.

    Raises:
        DataError: A row is malformed or an id stands twice; names file and line of the first five.
    """
    seen: dict[str, str] = {}
    rows = list(read_rows(path))
    check_fields(layout.templates, [layout.id], rows)

    def convert(row: Row) -> tuple[str, dict[str, Any]]:
        name = id_of(row, layout.id)
        if name in seen:
            raise row.error(f'{layout.id}: "{name}" stands twice, first at {seen[name]}; ids must be unique')
        seen[name] = row.place
        return row.place, {"id": name, **_read(row, layout)}

    made = converted(rows, convert)
    if not made:
        raise DataError(f"{path}: there is no text in it; bring at least two")
    import pyarrow as pa

    columns = list(made[0][1])
    types = {"candidates": pa.list_(pa.string())}
    arrays = {c: pa.array([values[c] for _, values in made], types.get(c, pa.string())) for c in columns}
    return Texts(path, pa.table(arrays), [place for place, _ in made], layout.candidate_names)


def read_more(path: Path, layout: Layout, labelled: Texts) -> Texts:
    """Further texts, which have no label.

    Raises:
        DataError: As `read_texts`, or an id is that of a labelled text.
    """
    more = read_texts(path, layout)
    both = [
        f'{place}: "{name}" is the id of a labelled text too, at {labelled.places[labelled.row[name]]}; give it another'
        for name, place in zip(more.row, more.places, strict=True)
        if name in labelled.row
    ]
    refuse(both, "ids are used twice")
    return more


def refuse(problems: list[str], what: str) -> None:
    """Raise the first problems, if there are any, and say how many they are."""
    if problems:
        first = f", the first {MOST_SHOWN}" if len(problems) > MOST_SHOWN else ""
        raise DataError("\n  ".join([f"{len(problems)} {what}{first}:", *problems[:MOST_SHOWN]]))


def id_of(row: Row, field: str) -> str:
    """The id of a row, a whole number or text.

    Raises:
        RowError: It is neither.
    """
    value = row.value(field)
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise row.error(f"{field}: {shown(value)}; an id is text or a whole number")
    return row.but(**{field: str(value)}).text(field)


def _read(row: Row, layout: Layout) -> dict[str, Any]:
    written = layout.text
    if written is None:
        written = "" if layout.candidates is not None and "text" not in row.values else "{text}"
    text = filled(written, row)
    values: dict[str, Any] = {"text": text}
    if layout.answer is not None:
        values["answer"] = joined(text, filled(layout.answer, row))
    if layout.candidates is not None:
        values["candidates"] = _candidates(row, layout.candidates, text)
    group = text if layout.group is None else filled(layout.group, row)
    whole = group or "\0".join(sorted(values.get("candidates", ())))
    return {"group": hashlib.sha256(whole.encode()).hexdigest()[:16], **values}


def _candidates(row: Row, written: str | tuple[str, ...], text: str) -> list[str]:
    plain = row.texts(written) if isinstance(written, str) else [filled(template(each), row) for each in written]
    whole = [joined(text, each) for each in plain]
    if len(whole) < 2 or len(set(whole)) < len(whole):
        raise row.error(f"{shown(list(plain))}: two or more candidates are needed, all different; leave the row out")
    return whole
