"""Questions with several answers as examples: which answers, in which order, is settled by digests of their texts."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from w2slab.data.readers.row import Row, shown
from w2slab.data.readers.templates import filled, joined, template
from w2slab.tasks.text.item import Item

LETTERS = string.ascii_uppercase

TURN = "\n\nAssistant:"
"""What stands before an answer in a dialogue."""

WRONG_RIGHT = ("wrong", "right")
"""Classes of the items that `right_and_wrong` makes."""


@dataclass(frozen=True)
class Dropped:
    """A row that gives no example, and why: `tie`. Reasons are counted."""

    reason: str


def by_digest(texts: Iterable[str], *context: str) -> list[str]:
    """The texts in an order that looks drawn at random, and is the same on every machine and for every seed."""
    return sorted(texts, key=lambda text: hashlib.sha256("\0".join((*context, text)).encode()).digest())


def right_and_wrong(
    text: str, answers: Sequence[str], right: Collection[int], *, group: str | None = None
) -> Iterator[Item]:
    """An example per answer, of class 1 if it is right, as many right as wrong ones (Burns et al. 2023, appendix A.1).

    Args:
        text: The question and what is read before it.
        answers: Joined to `text` as they stand; of two alike the first counts.
        right: Positions of the right answers. Without any, or where all are right, the question gives no example.
        group: What is never parted; the text by default.
    """
    is_right: dict[str, bool] = {}
    for position, answer in enumerate(answers):
        is_right.setdefault(answer, position in right)
    rights = by_digest((a for a, good in is_right.items() if good), text)
    wrongs = by_digest((a for a, good in is_right.items() if not good), text)
    for one, other in zip(rights, wrongs, strict=False):
        yield Item(text=text, answer=one, right=1, group=group)
        yield Item(text=text, answer=other, right=0, group=group)


def one_of(text: str, candidates: Sequence[str], right: int, *, group: str | None = None) -> Item:
    """A choice among candidates. Their order follows from the texts alone, so that it tells nothing of the right one.

    Args:
        text: What is read before each candidate.
        candidates: All different.
        right: Position of the right one.
        group: What is never parted; the text by default.
    """
    order = by_digest(candidates, text, *sorted(candidates))
    return Item(text=text, candidates=tuple(order), right=order.index(candidates[right]), group=group)


def pair(text: str, better: str, worse: str, *, group: str | None = None) -> Item | Dropped:
    """A preference between two answers, in an order that follows from the texts alone.

    Args:
        text: The prompt; without one, give a `group`.
        better: The answer that was preferred.
        worse: The other one; where both are the same, the pair gives no example.
        group: What is never parted; the text by default.
    """
    return Dropped("equal answers") if better == worse else one_of(text, (better, worse), 0, group=group)


def dialogues(better: str, worse: str) -> Item | Dropped:
    """A preference between two dialogues of turns that begin with `Human:` and `Assistant:`, with a common beginning.

    The text ends with the last `Assistant:` that both share; what each says after it is a candidate.
    """
    first_difference = next(
        (i for i, (one, other) in enumerate(zip(better, worse, strict=False)) if one != other),
        min(len(better), len(worse)),
    )
    cut = better.rfind(TURN, 0, first_difference) + len(TURN)
    if cut < len(TURN):
        return Dropped("dialogues without a common beginning")
    return pair(better[:cut].lstrip(), better[cut:], worse[cut:])


def choice(row: Row, text: str, candidates: str | Sequence[str], label: str, group: str | None) -> Item | Dropped:
    """An example with the candidates of a row.

    Args:
        row: The row.
        text: What is read before each candidate.
        candidates: Fields or templates of the candidates, or the name of a field that holds a list of them.
        label: Field of the right one: its position from 0, its letter, its field's name, or its text.
        group: What is never parted; `None` is the text.

    Raises:
        RowError: A field is missing, or the label names none or several of the candidates.
    """
    if isinstance(candidates, str):
        names, plain = [], list(row.texts(candidates))
    else:
        names, plain = list(candidates), [filled(template(each), row) for each in candidates]
    if len(plain) < 2:
        raise row.error(f"{len(plain)} candidates; two or more are needed")
    right = _right(row, label, names, plain)
    whole = [joined(text, each) for each in plain]
    return one_of(text, whole, right, group=group) if len(set(whole)) == len(whole) else Dropped("candidates alike")


def _right(row: Row, label: str, names: list[str], candidates: list[str]) -> int:
    value = row.value(label)
    forms = {str(value), str(value).strip()}
    letters = list(LETTERS[: len(candidates)])
    ways = [[str(i) for i in range(len(candidates))], letters, names, candidates]
    found = set() if isinstance(value, bool) else {way.index(form) for way in ways for form in forms if form in way}
    if len(found) == 1:
        return found.pop()
    what = "names several candidates" if found else "names no candidate"
    allowed = [f"0 to {len(candidates) - 1}, counted from 0", f"{letters[0]} to {letters[-1]}", *names]
    raise row.error(f"{label}: {shown(value)} {what}; allowed: {'; '.join(allowed)}; the text of one")
