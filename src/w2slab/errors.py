"""The errors a user may meet, each with the exit code it leads to.

An error names the place, the value, what is allowed and what to do. Anything else that is raised is a bug.
"""

from __future__ import annotations

from dataclasses import dataclass


class W2SError(Exception):
    """A mistake or a failure that is explained to the user without a traceback."""

    exit_code = 1


@dataclass(frozen=True)
class Problem:
    """One mistake in a study or a data file: where it is, and what is wrong."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class StudyError(W2SError):
    """A study that cannot be understood; it carries every problem found, not only the first."""

    exit_code = 2

    def __init__(self, problems: list[Problem] | str) -> None:
        self.problems = [Problem("", problems)] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(map(str, self.problems)))


class DataError(W2SError):
    """A data file that is missing or malformed; the message names file, line and field."""

    exit_code = 2


class UnavailableError(W2SError):
    """A plan that cannot be carried out on this machine, said before its first job."""

    exit_code = 3


class JobError(W2SError):
    """A job that failed while it ran."""

    exit_code = 1


class StoreError(W2SError):
    """A store that cannot be read or written."""

    exit_code = 1
