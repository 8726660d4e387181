"""Explanations of keys: the fields, files, versions or inputs in which what is asked for differs from what there is.

Two jobs of different keys differ in fields of their own, or only in their inputs. Inputs are followed upwards, so that
an explanation names the first causes and not what merely comes after them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from w2slab.errors import StoreError
from w2slab.graph.job import Graph, Job
from w2slab.graph.store import Store

ABSENT = "absent"  # in place of a value that one side does not have
_LONGEST = 120


@dataclass(frozen=True)
class Difference:
    """One place in which two payloads differ, for example `spec.recipe.epochs`.

    Args:
        before: What is stored, or stands in the first of two plans, as JSON text or `absent`.
        after: What is asked for, or stands in the second.
    """

    place: str
    before: str
    after: str

    def text(self, names: tuple[str, str] = ("stored", "asked")) -> str:
        """Return the difference in words."""
        return f"{self.place}: {names[0]} {self.before}, {names[1]} {self.after}"


@dataclass(frozen=True)
class Cause:
    """A job that is not what is stored, or stands in another plan, by itself and not only by its inputs.

    Args:
        key: The job that is asked for.
        title: The same, for people.
        nearest: Key of the stored job that is most like it; `None` if there is none of its kind.
    """

    key: str
    title: str
    nearest: str | None
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class _Seen:
    """A job of either side: of a graph, or known by its record alone."""

    key: str
    title: str
    payload: Mapping[str, Any]
    paths: Mapping[str, str]  # of files, by digest

    @classmethod
    def of(cls, job: Job) -> _Seen:
        return cls(job.key, job.title, job.payload, {file.digest: file.path for file in job.files})

    @classmethod
    def recorded(cls, key: str, store: Store) -> _Seen | None:
        try:
            record = store.record(key)
            return cls(key, record["title"], record["payload"], {})
        except (StoreError, KeyError):  # gone, or damaged: `store.check` deals with that
            return None


def explain(job: Job, store: Store) -> list[Cause]:
    """Return why the result of a job is not in a store, first causes first; empty if it is there.

    It is compared with the stored result of the same kind that is most like it: of the same title if there is one, and
    of those with the most equal fields. If nothing of the kind is stored, the one cause has no `nearest`.
    """
    if store.has(job.key):
        return []
    candidates = (_Seen.recorded(key, store) for key in store.keys(job.kind))
    near = _nearest(_Seen.of(job), [each for each in candidates if each is not None], {})
    if near is None:
        return [Cause(job.key, job.title, None, ())]
    asked = {each.key: each for each in _upstream(job)}
    causes: list[Cause] = []
    seen: set[tuple[str, str]] = set()

    def visit(after: Job, before: _Seen) -> None:
        if after.key == before.key or (after.key, before.key) in seen:
            return
        seen.add((after.key, before.key))
        found = list(_own(before.payload, _Seen.of(after)))
        for name, was, is_now in _changed_inputs(before.payload, after.payload):
            earlier = None if was is None else _Seen.recorded(was, store)
            if earlier is None or is_now is None:
                gone = " (no longer stored)" if was is not None and earlier is None else ""
                found.append(Difference(f"inputs.{name}", f"{was or ABSENT}{gone}", is_now or ABSENT))
            else:
                visit(asked[is_now], earlier)
        if found:
            causes.append(Cause(after.key, after.title, before.key, tuple(found)))

    visit(job, near)
    return causes


def compare(first: Graph, second: Graph) -> list[Cause]:
    """Return in what the jobs of a second plan differ from those that play the same role in a first, causes first.

    Of each kind, jobs of one title belong together, and otherwise those with the most equal fields; a job to which
    none belongs has no `nearest`. Jobs of the first plan that are left over are not named.
    """
    free: dict[str, dict[str, _Seen]] = {}
    for job in first:
        if job.key not in second:
            free.setdefault(job.kind, {})[job.key] = _Seen.of(job)
    partners: dict[str, str] = {}  # key in the first plan, by that in the second
    causes = []
    for job in second:  # each after its inputs
        if job.key in first:
            continue
        asked = _Seen.of(job)
        near = _nearest(asked, free.get(job.kind, {}).values(), partners)
        if near is None:
            causes.append(Cause(job.key, job.title, None, ()))
            continue
        del free[job.kind][near.key]
        partners[job.key] = near.key
        found = [*_own(near.payload, asked)]
        for name, was, is_now in _changed_inputs(near.payload, asked.payload):
            if is_now is None or partners.get(is_now) != was:
                found.append(Difference(f"inputs.{name}", was or ABSENT, is_now or ABSENT))
        if found:
            causes.append(Cause(job.key, job.title, near.key, tuple(found)))
    return causes


def grouped(causes: Iterable[Cause]) -> list[tuple[tuple[Difference, ...], list[Cause]]]:
    """Return causes of equal differences together, in the order in which each first appears."""
    groups: dict[tuple[Difference, ...], list[Cause]] = {}
    for cause in causes:
        groups.setdefault(cause.differences, []).append(cause)
    return list(groups.items())


def _upstream(job: Job) -> Iterator[Job]:
    """Yield a job and everything before it, each once."""
    unseen, found = [job], {job.key}
    while unseen:
        each = unseen.pop()
        yield each
        for before in each.inputs.values():
            if before.key not in found:
                found.add(before.key)
                unseen.append(before)


def _nearest(asked: _Seen, candidates: Iterable[_Seen], partners: Mapping[str, str]) -> _Seen | None:
    """Return the candidate that is most like a job: of its title if one is, then by the number of equal fields."""
    wanted = _items(asked.payload, lambda key: partners.get(key, key))

    def likeness(each: _Seen) -> int:
        return len(wanted & _items(each.payload, lambda key: key))

    same = [each for each in candidates if each.title == asked.title]
    return max(same or candidates, key=likeness, default=None)


def _items(payload: Mapping[str, Any], named: Callable[[str], str]) -> frozenset[tuple[str, str]]:
    """Return each field of a payload with its value as text, and each input by its name."""
    own = _leaves({name: value for name, value in payload.items() if name != "inputs"}, "")
    inputs = [(f"inputs.{name}", named(key)) for name, key in payload.get("inputs", {}).items()]
    return frozenset([*own, *inputs])


def _leaves(value: Any, place: str) -> Iterator[tuple[str, str]]:
    inner = _parts(value)
    if inner is None:
        yield place, json.dumps(value)
    else:
        for name, each in inner.items():
            yield from _leaves(each, f"{place}.{name}".lstrip("."))


def _parts(value: Any) -> Mapping[str, Any] | None:
    """Return what a value is made of, by name or number; `None` for plain values and empty lists."""
    if isinstance(value, dict) and value:
        return value
    return {str(i): each for i, each in enumerate(value)} if isinstance(value, list) and value else None


def _own(before: Mapping[str, Any], asked: _Seen) -> Iterator[Difference]:
    """Yield the differences of two payloads that are not of their inputs."""
    after = asked.payload
    for name in ("version", "spec"):
        yield from _differences(before.get(name), after.get(name), name)
    was, is_now = before.get("files") or [], after.get("files") or []
    for i in range(max(len(was), len(is_now))):
        old, new = (digests[i] if i < len(digests) else None for digests in (was, is_now))
        if old != new:
            place = f"content of {asked.paths[new]}" if new is not None and new in asked.paths else f"files.{i}"
            yield Difference(place, *(ABSENT if each is None else each[:12] for each in (old, new)))


_NOTHING = object()


def _differences(before: Any, after: Any, place: str) -> Iterator[Difference]:
    old, new = _parts(before), _parts(after)
    if old is not None and new is not None and isinstance(before, dict) == isinstance(after, dict):
        for name in dict.fromkeys([*old, *new]):
            yield from _differences(old.get(name, _NOTHING), new.get(name, _NOTHING), f"{place}.{name}")
    elif before != after or type(before) is not type(after):
        yield Difference(place, _shown(before), _shown(after))


def _shown(value: Any) -> str:
    if value is _NOTHING:
        return ABSENT
    text = json.dumps(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _changed_inputs(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield name and both keys of each input that differs; `None` where one side has no such input."""
    was, is_now = before.get("inputs", {}), after.get("inputs", {})
    for name in dict.fromkeys([*was, *is_now]):
        if was.get(name) != is_now.get(name):
            yield name, was.get(name), is_now.get(name)
