"""The user's own data: texts with classes, or with candidates of which one is right, from any file or hub set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field

from w2slab.data.examples import Labelled
from w2slab.data.readers.files import data_files, read_rows
from w2slab.data.readers.hub import Source, commit
from w2slab.data.readers.hub import files as hub_files
from w2slab.data.readers.row import Row, converted, kind_of, shown
from w2slab.data.readers.templates import check_fields, fields_of, filled, joined, template
from w2slab.errors import DataError
from w2slab.tasks.task import Task
from w2slab.tasks.text.choices import Dropped, choice, dialogues, pair
from w2slab.tasks.text.item import Item
from w2slab.tasks.text.named import assembled

Label = str | int | bool | float
MOST_CLASSES = 1000
MOST_SHOWN = 10


@dataclass(frozen=True)
class OwnData(Task):
    """Source of the rows.

    Args:
        data: A file (.jsonl, .json, .csv, .tsv, .parquet; also .gz or in a .zip) or a folder of such. In a folder,
            files named for a test part are the test part.
        hub: A data set of the Hugging Face hub instead, `org/name`.
        config: Its configuration; `None` is the only one, or `default`.
        revision: Its branch, tag or commit; `None` is the branch on which the hub keeps it as Parquet. Settled as a
            commit when the study is planned.
        split: Its split; several are joined by `+`.
        test_data: A file or folder that is a test part of its own; else groups are drawn for the test split.
        test_split: The same, on the hub.
    """

    data: Path | None = None
    hub: str | None = None
    config: str | None = None
    revision: str | None = None
    split: str = "train"
    test_data: Path | None = None
    test_split: str | None = None

    def __post_init__(self) -> None:
        if (self.data is None) == (self.hub is None):
            raise ValueError("name either `data`, a file or folder, or `hub`, a data set of the hub")
        if self.data is not None and any(value is not None for value in (self.config, self.revision, self.test_split)):
            raise ValueError("`config`, `revision` and `test_split` go with `hub`, not with `data`")
        if self.hub is not None and self.test_data is not None:
            raise ValueError("`test_data` goes with `data`; with `hub`, name a `test_split`")

    def files(self) -> tuple[Path, ...]:
        """The files and folders named."""
        return tuple(path for path in (self.data, self.test_data) if path is not None)

    def resolved(self) -> Self:
        """Itself with the hub's revision as a commit.

        Raises:
            DataError: A file is of no known kind.
            UnavailableError: It is neither in the local cache nor, if that can be reached, on the hub.
        """
        if self.hub is None:
            for path in filter(Path.exists, self.files()):  # of what is missing the plan tells
                data_files(path)
            return self
        return replace(self, revision=commit(self._source(), self.revision))

    def _source(self) -> Source:
        test = () if self.test_split is None else tuple(self.test_split.split("+"))
        return Source(str(self.hub), self.config, train=tuple(self.split.split("+")), test=test)

    def _parts(self) -> list[tuple[bool, list[Row]]]:
        """Rows of the training part, and of the test part."""
        rows: dict[bool, list[Row]] = {False: [], True: []}
        if self.hub is not None:
            source = self._source()
            for path, split in hub_files(source, commit(source, self.revision)):
                rows[split in source.test] += read_rows(path)
        for path in self.files():
            for file in data_files(path):
                in_test = path == self.test_data or (self.test_data is None and file.part == "test")
                rows[in_test] += read_rows(file.path, member=file.member)
        if not rows[False]:
            raise DataError(f"{self.data or self.hub}: no rows outside the test part; there is nothing to learn from")
        return list(rows.items())


@dataclass(frozen=True)
class Text(OwnData):
    """Your own texts with classes, or with candidates of which one is right.

    A template is text with fields in braces, `"{question} {answer}"`. Of two parts that are read one after the other a
    space is put between them where neither has one.

    Args:
        data, hub, config, revision, split, test_data, test_split: See `OwnData`.
        text: Template of what is read first; too long, it is cut on the left.
        answer: Template of what is read after it and never cut.
        label: Field of the class; with `candidates`, that of the right one: its position from 0, letter, field or text.
        classes: The classes in order; `None` is the values found, numbers by size and texts by the alphabet.
        candidates: Templates of the candidates, or the name of a field that holds a list of them.
        group: Template; examples for which it gives the same are never parted. `None` is the text.
        balanced: Whether a class of over 55 % is cut down at random to one half, as in the paper.
    """

    text: str = "{text}"
    answer: str | None = None
    label: str = "label"
    classes: Annotated[tuple[Label, ...], Field(max_length=MOST_CLASSES)] | None = None
    candidates: str | tuple[str, ...] | None = None
    group: str | None = None
    balanced: bool = False  # type: ignore[misc]  # of the base a class variable, here a field

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.candidates is not None and (self.classes is not None or self.answer is not None):
            raise ValueError("`candidates` stand in place of `classes` and `answer`; leave those out")
        if self.classes is not None and len({_name(each) for each in self.classes}) < max(len(self.classes), 2):
            raise ValueError("`classes` must be two or more, all different")
        if not fields_of(self.text):
            raise ValueError(f'`text` names no field: "{self.text}"; write a field in braces, "{{text}}"')
        _refuse_malformed(self.answer, self.group, self.candidates)

    def load(self) -> Labelled:
        """Every example.

        Raises:
            DataError: A file is missing or malformed; names file, line and field.
            UnavailableError: A data set of the hub is neither in the local cache nor can be downloaded.
        """
        parts = self._parts()
        for _, rows in parts:
            check_fields(_templates(self.text, self.answer, self.group, self.candidates), self._named(), rows)
        place = str(self.data or self.hub)
        if self.candidates is not None:
            return assembled(((in_test, converted(rows, self._choice)) for in_test, rows in parts), None, place)
        names = self._classes(parts, place)
        read = partial(self._classified, names=names)
        return assembled(((in_test, converted(rows, read)) for in_test, rows in parts), names, place)

    def _named(self) -> list[str]:
        return [self.label, self.candidates] if isinstance(self.candidates, str) else [self.label]

    def _choice(self, row: Row) -> Item | Dropped:
        return choice(row, filled(self.text, row), self.candidates or (), self.label, _group(self.group, row))

    def _classified(self, row: Row, names: Sequence[str]) -> Item:
        name = _class_name(row, self.label)
        if name not in names:
            raise row.error(f"{self.label}: {shown(row.value(self.label))}; allowed: {_listed(names)}")
        text = filled(self.text, row)
        answer = "" if self.answer is None else joined(text, filled(self.answer, row))
        return Item(text=text, answer=answer, right=names.index(name), group=_group(self.group, row))

    def _classes(self, parts: Iterable[tuple[bool, list[Row]]], place: str) -> tuple[str, ...]:
        if self.classes is not None:
            return tuple(_name(each) for each in self.classes)
        rows = [row for _, part in parts for row in part]
        found = set(converted(rows, partial(_class_name, name=self.label)))
        if not 2 <= len(found) <= MOST_CLASSES:
            values = "one value alone" if len(found) == 1 else f"{len(found)} different values"
            raise DataError(
                f"{place}: {self.label}: {values} ({_listed(sorted(found))}); 2 to {MOST_CLASSES} "
                "classes are needed: is `label` the right field?"
            )
        if self.hub is not None and "-1" in found:
            raise DataError(
                f"{place}: {self.label}: -1, by which the hub marks examples without a label; choose other splits, or "
                "name `classes` if it is a class"
            )
        return _in_order(found)


@dataclass(frozen=True)
class Preference(OwnData):
    """Your own preferences: of two or more answers to a prompt, one is right.

    A template is text with fields in braces, `"Human: {prompt}"`. Between text and candidate a space is put where
    neither has one. The candidates stand in an order that follows from their texts alone.

    Args:
        data, hub, config, revision, split, test_data, test_split: See `OwnData`.
        text: Template of the prompt. `""` where the candidates hold all there is: of two dialogues with turns
            `Human:` and `Assistant:`, or lists of messages with `role` and `content`, the common beginning becomes the
            text.
        chosen: Field, or template, of the preferred answer.
        rejected: Field, or template, of the other one.
        candidates: Instead of these: templates of the candidates, or the name of a field that holds a list of them.
        label: With `candidates`, field of the right one: its position from 0, letter, field or text.
        group: Template; pairs for which it gives the same are never parted. `None` is the text.
    """

    text: str = "{prompt}"
    chosen: str | None = None
    rejected: str | None = None
    candidates: str | tuple[str, ...] | None = None
    label: str = "label"
    group: str | None = None

    balanced: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.candidates is not None and (self.chosen is not None or self.rejected is not None):
            raise ValueError("name either `candidates` and `label`, or `chosen` and `rejected`")
        _refuse_malformed(self.text, self.group, self.candidates, self.chosen, self.rejected)

    def load(self) -> Labelled:
        """Every example.

        Raises:
            DataError: A file is missing or malformed; names file, line and field.
            UnavailableError: A data set of the hub is neither in the local cache nor can be downloaded.
        """
        parts = self._parts()
        answers = self._answers if self.candidates is None else self.candidates
        named = [] if self.candidates is None else [self.label]
        named += [self.candidates] if isinstance(self.candidates, str) else []
        for _, rows in parts:
            check_fields(_templates(self.text, self.group, answers), named, rows)
        made = ((in_test, converted(rows, self._pair)) for in_test, rows in parts)
        return assembled(made, None, str(self.data or self.hub))

    @property
    def _answers(self) -> tuple[str, str]:
        return template(self.chosen or "chosen"), template(self.rejected or "rejected")

    def _pair(self, row: Row) -> Item | Dropped:
        text, group = filled(self.text, row), _group(self.group, row)
        if self.candidates is not None:
            return choice(row, text, self.candidates, self.label, group)
        better, worse = (filled(each, row) for each in self._answers)
        if text:
            return pair(text, joined(text, better), joined(text, worse), group=group)
        made = dialogues(better, worse)
        if isinstance(made, Dropped):
            return pair("", better, worse, group=group or "\0".join(sorted((better, worse))))
        return replace(made, group=group)


def _templates(*written: str | Sequence[str] | None) -> list[str]:
    """All templates: of a list of candidates those of each; the name of a list's field is none."""
    found: list[str] = []
    for each in written:
        if isinstance(each, str):
            found += [each] if "{" in each else []
        else:
            found += [template(one) for one in each or ()]
    return found


def _refuse_malformed(*written: str | Sequence[str] | None) -> None:
    for each in _templates(*written):
        fields_of(each)


def _group(written: str | None, row: Row) -> str | None:
    return None if written is None else filled(written, row)


def _name(value: Label) -> str:
    """A class as text: 1 and 1.0 and "1" are one class."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _class_name(row: Row, name: str) -> str:
    value = row.value(name)
    if not isinstance(value, Label):
        raise row.error(f"{name}: {shown(value)} is {kind_of(value)}; text or a number is needed")
    if not str(value).strip():
        raise row.error(f"{name}: is empty; a class is needed")
    return row.text(name) if isinstance(value, str) else _name(value)


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Numbers by size, texts by the alphabet."""
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(sorted(names))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return ", ".join(f'"{name}"' for name in names[:MOST_SHOWN]) + more
