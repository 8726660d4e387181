"""Promises 1, 4 and 5: what decides a key, and what never does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
import pytest
from small_jobs import NumberSpec, Options, Story, graph_of, make

from w2slab.errors import StudyError
from w2slab.graph.codec import encode
from w2slab.graph.executors import Inline
from w2slab.graph.fingerprint import LocalFile, canonical, neutral
from w2slab.graph.job import Job
from w2slab.graph.runner import run

FAST = Options(others=(8, 9))


@dataclass(frozen=True)
class FitSpec:
    model: str = "linear"
    lr: float = 0.1
    layers: tuple[int, ...] = (2, 3)
    head: str | None = None


def job_of(spec, *, version=1, files=(), **inputs):
    return Job(kind="fit", version=version, run="small_jobs:number", spec=spec, inputs=inputs, files=files)


# 1. "`...Options`: how and where (device, workers, micro-batch, logging, what to keep); never enters [the key]."
def test_options_never_enter_the_key(store):
    first = run(Story().graph, store, Inline(), options=FAST)
    second = run(Story().graph, store, Inline(), options=Options(step_seconds=0.001))

    assert len(first.done) == 3
    assert second.done == []
    assert store.record(Story().report.key)["options"] == encode(FAST)


# 1. "`...Spec`: what is computed; frozen; enters the key."
def test_every_field_of_a_spec_enters_the_key():
    changed = [FitSpec(model="deep"), FitSpec(lr=0.2), FitSpec(layers=(3, 2)), FitSpec(head="new")]

    assert len({job_of(spec).key for spec in [FitSpec(), *changed]}) == 5


# 1. "`...Spec`: what is computed; frozen"
def test_a_spec_that_may_change_is_refused():
    @dataclass
    class LooseSpec:
        lr: float = 0.1

    with pytest.raises(StudyError, match=r"no stable form: make the dataclass frozen"):
        job_of(LooseSpec())


# 4. "Key = readable prefix and digest of canonical JSON of kind, version, spec and the keys of the inputs"
def test_kind_version_spec_and_inputs_decide_the_key_and_titles_do_not():
    data, other = job_of({"n": 1}), job_of({"n": 2})
    job = job_of(FitSpec(), data=data)

    assert job.key.startswith("fit-")
    assert job.key != job_of(FitSpec(), version=2, data=data).key
    assert job.key != job_of(FitSpec(), data=other).key
    assert job.key != job_of(FitSpec(), labels=data).key
    assert job.key != replace(job, kind="tune").key
    assert job.key == replace(job, title="the best one", run="elsewhere:fit").key
    assert job.key == replace(job, fused="elsewhere:fit_together", batch="of one model").key


# 4. "Key = readable prefix and digest of canonical JSON"
def test_a_change_far_upstream_reaches_every_key_after_it():
    before, after = Story(), Story(supervisor=make("supervisor", number=2))

    assert before.report.key != after.report.key


# 4. "a model on disk enters by the digest of its files, [...] a local data file by its digest"
def test_a_file_enters_by_its_content_and_not_by_its_path(tmp_path):
    (tmp_path / "a.csv").write_text("1,2")
    (tmp_path / "b.csv").write_text("1,2")
    (tmp_path / "c.csv").write_text("1,3")
    keys = [job_of(FitSpec(), files=(LocalFile.of(tmp_path / name),)).key for name in ("a.csv", "b.csv", "c.csv")]

    assert keys[0] == keys[1]
    assert keys[0] != keys[2]


# 4. "a model on disk enters by the digest of its files"
def test_a_folder_enters_by_names_and_contents_of_all_its_files(tmp_path):
    for name in ("one", "same", "renamed", "changed"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "deep" / "weights.bin").write_bytes(b"\0\1")
    (tmp_path / "renamed" / "deep" / "weights.bin").rename(tmp_path / "renamed" / "deep" / "other.bin")
    (tmp_path / "changed" / "deep" / "weights.bin").write_bytes(b"\0\2")
    one, same, renamed, changed = (LocalFile.of(tmp_path / n) for n in ("one", "same", "renamed", "changed"))

    assert one == same
    assert len({one.digest, renamed.digest, changed.digest}) == 3


# 4. "a local data file [enters] by its digest": and the digest is that of the file that the job reads.
def test_a_file_that_changed_after_planning_is_not_used(store, tmp_path):
    data = tmp_path / "data.csv"
    data.write_text("1,2")
    job = job_of(NumberSpec(1), files=(LocalFile.of(data),))
    data.write_text("other numbers")

    outcome = run(graph_of(job), store, Inline())

    assert "has changed since the study was planned" in outcome.failed[job.key]
    assert not store.has(job.key)


# 4. "Defaults are written out."
def test_a_default_and_the_same_value_written_out_are_one_key():
    written = FitSpec(model="linear", lr=0.1, layers=(2, 3), head=None)

    assert job_of(FitSpec()).key == job_of(written).key
    assert job_of(FitSpec()).payload["spec"] == {"head": None, "layers": [2, 3], "lr": 0.1, "model": "linear"}


# 4. "A field added after keys were published has a neutral value and is left out at that value."
def test_a_field_added_later_changes_no_key_where_it_is_not_used():
    @dataclass(frozen=True)
    class LaterFitSpec(FitSpec):
        warmup: float = field(default=0.0, metadata=neutral(0.0))

    assert job_of(LaterFitSpec()).key == job_of(FitSpec()).key
    assert job_of(LaterFitSpec(warmup=0.1)).key != job_of(FitSpec()).key


class Colour(StrEnum):
    RED = "red"


# 4. "What has no stable form is refused."
@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (lambda x: x, "name it as text"),
        ({1, 2}, "use a sorted list"),
        (Path("data.csv"), "let a component's `files()` name a file"),
        (float("nan"), "use None for a value that is absent"),
        (float("inf"), "use None for a value that is absent"),
        (np.float64(1.0), "use `.item()`"),
        (np.arange(3), "use `.tolist()`"),
        (Colour.RED, "use the plain value"),
        (b"bytes", "use text"),
        (object(), "use None, numbers, text"),
        ({1: "one"}, "use text as the key"),
        (FitSpec, "pass an instance"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_stable_form_is_refused_with_its_place_and_advice(value, advice):
    with pytest.raises(StudyError) as error:
        canonical({"recipe": {"steps": [1, value]}})

    assert str(error.value).startswith("recipe.steps.1")
    assert advice in str(error.value)


# 4. Same key on every machine: neither the order of a mapping nor the process's hash seed matters.
def test_another_process_with_another_hash_seed_finds_the_same_keys():
    code = "from small_jobs import Story; print(Story().report.key)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert told.stdout.strip() == Story().report.key
    assert job_of({"a": 1, "b": 2}).key == job_of({"b": 2, "a": 1}).key


@dataclass(frozen=True)
class GrownSpec(FitSpec):
    """`FitSpec` in a later version, with a field that was added after keys were published."""

    warmup: int = field(default=0, metadata=neutral(0))


# 4. "a field added after keys were published has a neutral value and is left out at that value"
def test_a_field_that_was_added_changes_no_key_where_it_is_not_used():
    assert job_of(GrownSpec()).key == job_of(FitSpec()).key
    assert job_of(GrownSpec(lr=0.2)).key == job_of(FitSpec(lr=0.2)).key
    assert job_of(GrownSpec(warmup=1)).key != job_of(FitSpec()).key


# 5. "Each kind of job has an integer `version`, raised when its results change. Golden keys make an accident visible."
# A difference here means that every result on every user's disk is lost.
def test_golden_keys():
    data = job_of({"text": 'é "quoted" \n', "flag": True, "nothing": None, "share": 0.1, "tiny": 1e-300, "big": 2**70})
    student = job_of(FitSpec(), version=3, data=data)

    assert data.key == "fit-a9ce91a12743e20f1a52ee95"
    assert student.key == "fit-138b30ddf50b05086670f96c"
    assert json.dumps(student.payload, sort_keys=True) == (
        '{"files": [], "inputs": {"data": "fit-a9ce91a12743e20f1a52ee95"}, "kind": "fit", '
        '"spec": {"head": null, "layers": [2, 3], "lr": 0.1, "model": "linear"}, "version": 3}'
    )
