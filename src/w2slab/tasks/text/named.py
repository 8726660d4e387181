"""Base of all named data sets: the source of their rows, and how rows become examples.

A named set is a class of a few lines. Its first docstring line is what `w2slab list tasks` shows:

    class Cola(NamedTask):
        \"\"\"CoLA: is this English sentence acceptable? (GLUE; Warstadt et al. 2019)\"\"\"

        source = Source("nyu-mll/glue", "cola", train=("train",), test=("validation",))
        local = (
            LocalPart("cola_train.tsv.gz", "train", partial(read_rows, columns=COLUMNS, quoted=False)),
            LocalPart("cola_dev.tsv.gz", "test", partial(read_rows, columns=COLUMNS, quoted=False)),
        )
        classes = ("unacceptable", "acceptable")

        def items(self, row: Row) -> Iterator[Item | Dropped]:
            yield Item(text=row.text("sentence"), right=row.label("label", 2))

Rows have the hub's columns wherever they come from: the reader of a local file renames what is called otherwise
(`adapt=lambda row: row.but(question=row.text("q"))`). A set of questions with several answers is a `MultipleChoice` and
says what its questions are; one whose questions span several rows overrides `questions`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import ClassVar, Literal, Self

from w2slab.data.examples import Labelled
from w2slab.data.readers import hub
from w2slab.data.readers.files import data_files, read_rows
from w2slab.data.readers.hub import Source
from w2slab.data.readers.row import Row, converted
from w2slab.errors import DataError, UnavailableError
from w2slab.tasks.task import Task
from w2slab.tasks.text.choices import WRONG_RIGHT, Dropped, one_of, right_and_wrong
from w2slab.tasks.text.item import Item, labelled

__all__ = ["Dropped", "Item", "LocalPart", "MultipleChoice", "NamedTask", "Question", "Row", "Source", "read_rows"]

FOLDERS = ("", "nlp", "preference")
"""Where below the folder that W2SLAB_DATA names a set's original files may lie."""


@dataclass(frozen=True)
class LocalPart:
    """A file in which the set was published, and its place among the parts.

    Args:
        filename: Its name; the same without `.gz` will do.
        part: Whether its examples belong to the set's own test part; `None`: the column `split` of each row says so.
        rows: Reads its rows.
        adapt: Gives a row the columns that it has on the hub; `None` where it has them.
    """

    filename: str
    part: Literal["train", "test"] | None
    rows: Callable[[Path], Iterable[Row]] = read_rows
    adapt: Callable[[Row], Row] | None = None


@dataclass(frozen=True)
class NamedTask(Task):
    """A data set known by name. Subclasses need no decorator unless they add fields.

    Its rows come from the first of these that is there: `data`; the set's original files in the folder that the
    environment variable W2SLAB_DATA names (in itself, `nlp` or `preference`) unless a `revision` is given; the local
    cache of the Hugging Face hub; the hub.

    Args:
        data: A folder with the set's original files; or a file or folder of rows with the hub's columns, the test part
            in files named for it.
        revision: Branch, tag or commit on the hub; `None` is the source's branch, usually the one on which the hub
            itself keeps every data set as Parquet. Settled as a commit when the study is planned.
    """

    data: Path | None = None
    revision: str | None = None

    source: ClassVar[Source | None] = None
    """Where it is on the hub; `None` where it is read from local files only."""
    local: ClassVar[tuple[LocalPart, ...]] = ()
    classes: ClassVar[tuple[str, ...] | None] = None
    """Names of the classes; `None` where each example has its own candidates."""
    most_rows: ClassVar[int | None] = None
    """How many rows of each file are read, from its beginning; `None` is all of them."""
    balanced: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data is not None and self.revision is not None:
            raise ValueError("`data` and `revision` exclude each other; leave out one of the two")

    def items(self, row: Row) -> Iterable[Item | Dropped]:
        """The examples of one row; `in_test` is set by the caller.

        Raises:
            RowError: A field is missing or has a value that is not allowed. All rows are tried before it is reported.
        """
        raise NotImplementedError

    def read(self, rows: Iterable[Row]) -> Iterable[Item | Dropped]:
        """The examples of the rows of one part."""
        for made in converted(rows, lambda row: list(self.items(row))):
            yield from made

    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes of what `items` gives."""
        return self.classes

    def hub_source(self) -> Source:
        """Place on the hub; overridden where a field of the study decides it.

        Raises:
            UnavailableError: It is not there.
        """
        if self.source is None:
            names = ", ".join(dict.fromkeys(part.filename for part in self.local))
            raise UnavailableError(
                f"{type(self).__name__}: this data set is read from local files only: {names}; name their folder as "
                "`data:` of the task or in the environment variable W2SLAB_DATA"
            )
        return self.source

    def files(self) -> tuple[Path, ...]:
        """The local files or the folder it is read from; none where it comes from the hub."""
        if self.data is not None and not (self.data.is_dir() and self._published(self.data)):
            return (self.data,)  # of a folder the names of its files count too: they tell the parts
        return tuple(dict.fromkeys(path for path, _ in self._local_parts()))

    def resolved(self) -> Self:
        """Itself with the folder of local files, or else the hub's revision as a commit, written out.

        Raises:
            UnavailableError: It is neither on this machine nor, if that can be reached, on the hub.
        """
        if self.data is not None:
            return self
        folder = self._folder()
        if folder is not None:
            return replace(self, data=folder)
        return replace(self, revision=hub.commit(self.hub_source(), self.revision))

    def load(self) -> Labelled:
        """Every example.

        Raises:
            DataError: A file is missing or malformed; names file, line and field.
            UnavailableError: It is neither on this machine nor, if that can be reached, on the hub.
        """
        made = ((in_test, self.read(rows)) for in_test, rows in self._parts())
        return assembled(made, self.class_names(), ", ".join(map(str, self.files())) or "the hub's files")

    def _parts(self) -> Iterator[tuple[bool, list[Row]]]:
        """Rows of the training part, then of the test part."""
        rows: dict[bool, list[Row]] = {False: [], True: []}
        for path, part in self._local_parts() or self._hub_parts():
            read: Iterable[Row] = islice(part.rows(path), self.most_rows)
            for row in converted(read, part.adapt) if part.adapt else read:
                rows[(row.get("split") if part.part is None else part.part) == "test"].append(row)
        yield from rows.items()

    def _local_parts(self) -> list[tuple[Path, LocalPart]]:
        folder = self._folder() if self.data is None else self.data
        if folder is None:
            return []
        if self._published(folder):
            return [(_in(folder, part.filename), part) for part in self.local]
        return [
            (f.path, LocalPart("", _part(f.part == "test"), partial(read_rows, member=f.member)))
            for f in data_files(folder)
        ]

    def _hub_parts(self) -> list[tuple[Path, LocalPart]]:
        source = self.hub_source()
        found = hub.files(source, hub.commit(source, self.revision))
        return [(path, LocalPart("", _part(split in source.test))) for path, split in found]

    def _folder(self) -> Path | None:
        """The folder below W2SLAB_DATA that holds the set's original files."""
        root = os.environ.get("W2SLAB_DATA")
        if not root or self.revision is not None:
            return None
        if not Path(root).is_dir():
            raise DataError(f"W2SLAB_DATA: {root} is not a folder; mend or unset this environment variable")
        return next((Path(root, name) for name in FOLDERS if self._published(Path(root, name))), None)

    def _published(self, folder: Path) -> bool:
        """True if the set's original files are in a folder.

        Raises:
            DataError: Only some of them are.
        """
        missing = [each.filename for each in self.local if not _in(folder, each.filename).is_file()]
        if self.local and missing and len(missing) < len(self.local):
            raise DataError(f"{folder}: {', '.join(dict.fromkeys(missing))} is missing beside the set's other files")
        return bool(self.local) and not missing


@dataclass(frozen=True)
class Question:
    """A question with several answers.

    Args:
        text: The question, and the passage before it.
        answers: Joined to `text` as they stand, so they begin with a space.
        right: Positions of the right ones.
        group: Questions of one passage share it; the text itself by default.
    """

    text: str
    answers: Sequence[str]
    right: Collection[int]
    group: str | None = None


@dataclass(frozen=True)
class MultipleChoice(NamedTask):
    """A named set of questions with several answers.

    Args:
        form: `items`: is this answer right? as many right as wrong ones of each question (Burns et al. 2023, appendix
            A.1). `options`: which of these answers is right? for questions with one right answer.
    """

    form: Literal["items", "options"] = "items"

    def question(self, row: Row) -> Question | Dropped:
        """The question of one row.

        Raises:
            RowError: A field is missing or has a value that is not allowed.
        """
        raise NotImplementedError

    def questions(self, rows: Iterable[Row]) -> Iterable[Question | Dropped]:
        """The questions of the rows of one part; overridden where one spans several rows."""
        return converted(rows, self.question)

    def read(self, rows: Iterable[Row]) -> Iterable[Item | Dropped]:
        """The examples of the rows of one part."""
        questions = self.questions(rows)
        for asked in united(questions) if self.form == "items" else questions:
            if isinstance(asked, Dropped):
                yield asked
            elif self.form == "items":
                if not 0 < len(asked.right) < len(asked.answers):
                    yield Dropped("question without right or without wrong answers")
                yield from right_and_wrong(asked.text, asked.answers, asked.right, group=asked.group)
            elif len(asked.right) != 1 or len(set(asked.answers)) < len(asked.answers):
                yield Dropped("question whose right option is not one of its kind")
            else:
                yield one_of(asked.text, asked.answers, next(iter(asked.right)), group=asked.group)

    def class_names(self) -> tuple[str, ...] | None:
        """`wrong` and `right`, or none where options are chosen among."""
        return WRONG_RIGHT if self.form == "items" else None


def united(questions: Iterable[Question | Dropped]) -> Iterator[Question | Dropped]:
    """Questions that are asked again as one: with the answers of all, of which those are right that are so in any."""
    found: dict[str, list[Question]] = {}
    for asked in questions:
        if isinstance(asked, Dropped):
            yield asked
        else:
            found.setdefault(asked.text, []).append(asked)
    for text, same in found.items():
        right = {each.answers[position] for each in same for position in each.right}
        answers = tuple(dict.fromkeys(answer for each in same for answer in each.answers))
        yield Question(text, answers, [i for i, answer in enumerate(answers) if answer in right], same[0].group)


def assembled(
    parts: Iterable[tuple[bool, Iterable[Item | Dropped]]], classes: tuple[str, ...] | None, place: str
) -> Labelled:
    """All examples, with a count of what gave none.

    Args:
        parts: The examples of each part, and whether it is the test part.
        classes: Names of the classes; `None` where each example has its own candidates.
        place: Where they come from, for an error message.

    Raises:
        DataError: There are none.
    """
    items: list[Item] = []
    dropped: Counter[str] = Counter()
    for in_test, part in parts:
        for made in part:
            if isinstance(made, Dropped):
                dropped[made.reason] += 1
            else:
                items.append(replace(made, in_test=in_test))
    if not items:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in dropped.items())
        raise DataError(f"{place}: no examples{f' ({reasons})' if reasons else ''}")
    result = labelled(items, classes, own_test=any(item.in_test for item in items))
    if len(items) > len(result.examples):
        dropped["repeated"] = len(items) - len(result.examples)
    return replace(result, dropped=dict(dropped))


def _part(in_test: bool) -> Literal["train", "test"]:
    return "test" if in_test else "train"


def _in(folder: Path, filename: str) -> Path:
    """A file in a folder, by its name or by its name without `.gz`."""
    plain = folder / filename.removesuffix(".gz")
    return plain if plain.is_file() else folder / filename
