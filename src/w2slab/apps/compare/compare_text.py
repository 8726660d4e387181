"""The sentences of a comparison of two studies: the answer first, then what was left out or treated apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from w2slab.analysis.plain_text import percent
from w2slab.report.words import count

if TYPE_CHECKING:
    from w2slab.analysis.estimator import Row
    from w2slab.apps.compare.matching import Identity
    from w2slab.apps.compare.side_by_side import Compared

_MOST_NAMED = 4
_MOST_CHANGED = 6


def student(identity: Identity) -> str:
    """The name of a student in a sentence."""
    task, weak, strong, method, control = identity
    return f"{task}: {weak} → {strong}, {method}" + (f" ({control})" if control else "")


def answer(compared: Compared) -> str:
    """The difference of B from A, in one sentence."""
    n, verdicts = compared.n_compared, [row["verdict"] for row in compared.rows]
    if n == 0:
        rows = len(verdicts)
        students = "The one student is" if rows == 1 else f"All {rows:,} students are"
        is_all = all(row["same_supervisor"] and row["same_ceiling"] for row in compared.rows)
        return f"{students} the same job in A and B" + ("." if is_all else "; supervisors or ceilings are not.")
    counts = {how: verdicts.count(how) for how in ("better", "worse")}
    others = n - sum(counts.values())
    students = "the one student compared" if n == 1 else f"the {n:,} students compared"
    if others == n:
        return f"No significant difference between A and B for {'any of ' if n > 1 else ''}{students}."
    said = " and ".join(f"{how} for {number:,}" for how, number in counts.items() if number)
    rest = f"; not significant for the other {others:,}" if others else ""
    is_single = all(row["seeds_are"] == "paired" and len(row["seeds_a"]) == 1 for row in compared.rows)
    on = " (one seed in common: test examples only)" if is_single else ""
    better = "better" if counts["better"] else "worse"
    return f"B is {said} of {students}{on}{rest}." if n > 1 else f"B is {better} than A{on}."


def notes(compared: Compared) -> list[str]:
    """Facts to know before using the numbers: the students, examples and seeds compared, and those left out."""
    return [
        *_compared(compared),
        *_only(compared),
        *_waiting(compared),
        *_examples(compared.rows),
        *_seeds(compared.rows),
        *_statistics(compared),
        *_stopping(compared.rows),
        *_disagreeing(compared.rows),
    ]


def _compared(compared: Compared) -> Iterator[str]:
    same = len(compared.rows) - compared.n_compared
    if same and compared.n_compared:
        are = "is" if same == 1 else "are"
        yield f"{same:,} of {count(len(compared.rows), 'student')} {are} the same job in both studies and not tested."
    if compared.n_compared:
        yield (
            f"Verdicts are on student accuracy, Holm-adjusted over {count(compared.n_compared, 'comparison')}; "
            "confidence intervals are not adjusted. MDE: minimum detectable effect in points (80% power, for a single "
            "comparison)."
        )


def _only(compared: Compared) -> Iterator[str]:
    for side, students in (("A", compared.only_a), ("B", compared.only_b)):
        if students:
            yield f"Only in {side}: {count(len(students), 'student')}: {_named(students)}."


def _waiting(compared: Compared) -> Iterator[str]:
    if compared.waiting:
        yield f"Not done in both yet: {count(len(compared.waiting), 'student')}: {_named(compared.waiting)}."
    for side, lacking in zip((compared.a, compared.b), compared.n_lacking, strict=True):
        if lacking:
            yield (
                f"Incomplete: {count(lacking, 'student')} of {side.name} (each seed counted) "
                f"{'is' if lacking == 1 else 'are'} not done yet; continue with: {side.command('run')}"
            )


def _named(students: Sequence[Identity]) -> str:
    rest = len(students) - _MOST_NAMED
    return "; ".join(map(student, students[:_MOST_NAMED])) + (f"; and {rest:,} more" if rest > 0 else "")


def _examples(rows: Sequence[Row]) -> Iterator[str]:
    for task, n, n_a, n_b in dict.fromkeys((r["task"], r["n_test"], r["n_test_a"], r["n_test_b"]) for r in rows):
        if n < max(n_a, n_b):
            common = f"the {count(n, 'test example')} common to both studies"
            yield f"{task}: all values are over {common}, of {n_a:,} in A and {n_b:,} in B."


def _seeds(rows: Sequence[Row]) -> Iterator[str]:
    names = ("seeds_a", "seeds_b", "seeds_only_a", "seeds_only_b", "seeds_are")
    for seeds in dict.fromkeys(tuple(r[name] for name in names) for r in rows):
        of_a, of_b, only_a, only_b, are = seeds
        about = f" ({count(sum(tuple(r[n] for n in names) == seeds for r in rows), 'student')})"
        if are == "independent":
            yield (
                f"No common seed{about}: {_listed(of_a)} of A and {_listed(of_b)} of B are treated as independent "
                "samples; their variances add."
            )
        elif only_a or only_b:
            left = [f"{_listed(seeds)} of {side}" for side, seeds in (("A", only_a), ("B", only_b)) if seeds]
            yield f"Seeds are paired by number{about}: {_listed(of_a)} in common; left out: {' and '.join(left)}."


def _listed(seeds: Sequence[int]) -> str:
    return ("seed " if len(seeds) == 1 else "seeds ") + ", ".join(map(str, seeds))


def _statistics(compared: Compared) -> Iterator[str]:
    if any(name.startswith("statistics.") for name, _, _ in compared.changed):
        yield "The `statistics` of A are used for both studies."


def _stopping(rows: Sequence[Row]) -> Iterator[str]:
    for a, b in dict.fromkeys((r["stopping_point_a"], r["stopping_point_b"]) for r in rows):
        if a != b:
            yield f"The stopping points differ: {a} in A, {b} in B."


def _disagreeing(rows: Sequence[Row]) -> Iterator[str]:
    odd = sum(bool(row["same_student"] and (row["n_only_a"] or row["n_only_b"])) for row in rows)
    if odd:
        yield (
            f"The predictions of {count(odd, 'student')} of the same job differ between the two stores: they were made "
            "on other machines or with other versions of a library."
        )


def changed(compared: Compared) -> str | None:
    """The fields in which the studies differ, in one sentence."""
    if not compared.changed:
        return None
    shown = [f"{name} ({value(a)} in A, {value(b)} in B)" for name, a, b in compared.changed[:_MOST_CHANGED]]
    rest = len(compared.changed) - _MOST_CHANGED
    return f"The studies differ in {', '.join(shown)}" + (f" and {count(rest, 'more field')}" if rest > 0 else "") + "."


def value(of: Any) -> str:
    """The value of a field, cut to a length that can be read."""
    text = "unset" if of is None else str(of)
    return text if len(text) <= 40 else text[:39] + "…"


def signed(value: float, digits: int = 1) -> str:
    """A difference in points, with its sign."""
    text = percent(value, digits)
    return f"+{text}" if round(100 * value, digits) > 0 else text
