"""Explanations of keys: the fields, files, versions or inputs in which what is asked for differs from what there is.

Two jobs of different keys differ in fields of their own, or only in their inputs. Inputs are followed upwards, so that
an explanation names the first causes and not what merely comes after them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
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

    @cached_property
    def items(self) -> frozenset[tuple[str, str]]:
        """Each field of the payload with its value as text."""
        return frozenset(_leaves(self.payload, ""))

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


def explain(jobs: Iterable[Job], store: Store) -> list[Cause]:
    """Return why results of jobs are not in a store, first causes first; empty if all are there.

    Each is compared with the stored result of the same kind that is most like it: of the same title if there is one,
    and of those with the most equal fields. If nothing of its kind is stored, its cause has no `nearest`.
    """
    explaining = _Explaining(store)
    for job in jobs:
        if not store.has(job.key):
            explaining.explain(job)
    return explaining.causes


class _Explaining:
    """The causes that were found so far, and what was read to find them."""

    def __init__(self, store: Store) -> None:
        self.causes: list[Cause] = []
        self._store = store
        self._records: dict[str, _Seen | None] = {}
        self._kinds: dict[str, list[_Seen]] = {}
        self._compared: set[tuple[str, str]] = set()

    def explain(self, job: Job) -> None:
        """Add the causes why the job's result is not stored."""
        if job.kind not in self._kinds:
            records = map(self._record, self._store.keys(job.kind))
            self._kinds[job.kind] = [each for each in records if each is not None]
        near = _nearest(_Seen.of(job), self._kinds[job.kind], {})
        if near is None:
            self.causes.append(Cause(job.key, job.title, None, ()))
        else:
            self._compare(job, near)

    def _compare(self, job: Job, before: _Seen) -> None:
        if job.key == before.key or (job.key, before.key) in self._compared:
            return
        self._compared.add((job.key, before.key))
        after = _Seen.of(job)
        found = list(_own(before.payload, after))
        for name, was, is_now in _changed_inputs(before.payload, after.payload):
            earlier = None if was is None else self._record(was)
            if earlier is not None and is_now is not None:
                self._compare(job.inputs[name], earlier)
            else:
                gone = " (no longer stored)" if was is not None and earlier is None else ""
                found.append(Difference(f"inputs.{name}", f"{was or ABSENT}{gone}", is_now or ABSENT))
        if found:
            self.causes.append(Cause(job.key, job.title, before.key, tuple(found)))

    def _record(self, key: str) -> _Seen | None:
        if key not in self._records:
            self._records[key] = _Seen.recorded(key, self._store)
        return self._records[key]


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


def _nearest(asked: _Seen, candidates: Iterable[_Seen], partners: Mapping[str, str]) -> _Seen | None:
    """Return the candidate that is most like a job: of its title if one is, then by the number of equal fields."""
    inputs = asked.payload.get("inputs", {})
    wanted = asked.items | {(f"inputs.{name}", json.dumps(partners.get(key, key))) for name, key in inputs.items()}
    same = [each for each in candidates if each.title == asked.title]
    return max(same or candidates, key=lambda each: len(wanted & each.items), default=None)


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
