"""A table of the results: its rows, its columns, and its form on a page, in a terminal, in frames and in files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from w2slab.analysis.estimator import Cell, Estimator, Row
from w2slab.analysis.outcomes import Reading

if TYPE_CHECKING:
    from w2slab.analysis import Results

Kind = Literal["text", "number", "share", "points", "flag", "list"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: In rows, frames and files.
        kind: `text`; `number`, as it is; `share`, a fraction that people read in percent; `points`, a difference of
            shares; `flag`, true or false; `list`, several values.
        header: For people; empty where the page leaves the column out.
        description: What it holds.
        has_interval: Whether `NAME_low` and `NAME_high` stand beside it.
        may_lack: Whether every row may lack it: such numbers are NaN in a frame.
    """

    name: str
    kind: Kind = "share"
    header: str = ""
    description: str = ""
    has_interval: bool = False
    may_lack: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Its name, and those of the ends of its interval."""
        return (self.name, f"{self.name}_low", f"{self.name}_high") if self.has_interval else (self.name,)


@dataclass(frozen=True)
class Section:
    """The part of the page that shows a table.

    Args:
        anchor: Its name in addresses.
        nav: The words of the link at the head of the page.
        heading: Above it.
        lead: The first paragraph.
        note: Below the table.
        order: Its place on the page; sections that are always there have multiples of 10 from 10 to 130.
    """

    anchor: str
    nav: str
    heading: str
    lead: str = ""
    note: str = ""
    order: int = 105


@dataclass(frozen=True)
class Dots:
    """A figure of a table: a dot for each row with its interval, grouped by pair, its shape that of the method.

    Args:
        column: The column that is drawn.
        title: Above the figure.
        axis: Below it.
    """

    column: str
    title: str
    axis: str


@dataclass(frozen=True)
class Study:
    """Facts of a study, beyond one task, that tables need.

    Args:
        n_tasks: How many tasks are judged.
        baseline: The method that others are compared with.
        level: Coverage of the intervals.
        min_gap: The smallest gap, as a fraction, for which PGR is defined.
        uses_truth: Methods whose students learn ground truth of `student_train`.
    """

    n_tasks: int
    baseline: str
    level: float
    min_gap: float
    uses_truth: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class TaskResults:
    """One task's students, and the rows that tables made of them.

    Args:
        study: What is common to all tasks.
        estimator: Estimates from the task's evidence.
        cells: Its students, gathered over seeds.
        store: Where the records of jobs are.
    """

    study: Study
    estimator: Estimator
    cells: Sequence[Cell]
    store: Reading
    _made: dict[Callable[[TaskResults], Any], Any] = field(default_factory=dict, repr=False)

    @cached_property
    def reported(self) -> list[Cell]:
        """Students at the stopping point that counts, controls among them."""
        return [cell for cell in self.cells if cell.is_reported]

    def once(self, make: Callable[[TaskResults], Any]) -> Any:
        """Return the result of a function of the task, computed once however many tables ask for it."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]


def _as_they_are(rows: list[Any], study: Study) -> list[Row]:
    return rows


@dataclass(frozen=True)
class Table:
    """A table of the results.

    Args:
        name: As `frame` takes it.
        order: Its place among tables.
        of_task: Makes its rows of one task.
        columns: Its columns, in their order.
        finish: Makes the rows of all tasks from those of each.
        file: The name of its files, if not its own.
        only_of_several_tasks: Whether its files are left out where there is one task.
        section: The part of the page that shows it; `None` where it stands in another's.
        figure: Its figure, where it has one and the report has no drawing for it.
        text: Prints it for a terminal.
    """

    name: str
    order: int
    of_task: Callable[[TaskResults], list[Any]]
    columns: tuple[Column, ...]
    finish: Callable[[list[Any], Study], list[Row]] = _as_they_are
    file: str = ""
    only_of_several_tasks: bool = False
    section: Section | None = None
    figure: Dots | None = None
    text: Callable[[Results], str] | None = None

    @property
    def stem(self) -> str:
        """The name of its files, without their ends."""
        return self.file or self.name.replace("_", "-")

    @property
    def column_names(self) -> Iterator[str]:
        """Names of all columns, ends of intervals among them."""
        return (name for column in self.columns for name in column.names)


IDENTITY_COLUMNS = (
    Column("task", "text", "Task", "The task."),
    Column("weak", "text", "Supervisor model", "The supervisor's model."),
    Column("strong", "text", "Student model", "The student's model."),
    Column("method", "text", "Method", "How the student was trained."),
    Column("control", "text", "", "What was done to the weak labels; missing for the methods' own students."),
)
SEEDS = Column("seeds", "list", "", "The seeds.")
LEVEL = Column("level", "number", "", "Coverage of the intervals.")
