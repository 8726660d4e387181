"""What a study cost, from records of jobs that were never run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from w2slab.report.costs import by_job, by_kind


def study():
    """A graph of four jobs, of which the last is not done."""
    records = {
        "a": {"seconds": 2.0, "cpu_seconds": 1.5, "peak_memory_bytes": 100, "facts": {}},
        "b": {"seconds": 10.0, "cpu_seconds": 19.0, "peak_memory_bytes": 300, "facts": {"examples_per_second": 50.0}},
        "c": {"seconds": 30.0, "cpu_seconds": 31.0, "peak_memory_bytes": 200, "facts": {"examples_per_second": 70.0}},
    }
    jobs = [SimpleNamespace(key=key, kind="prepare" if key == "a" else "finetune", title=key * 3) for key in "abcd"]
    return jobs, SimpleNamespace(has=records.__contains__, record=records.__getitem__)


def test_a_row_for_each_job_that_is_done():
    rows = by_job(*study())
    assert [row["job"] for row in rows] == ["aaa", "bbb", "ccc"]
    assert [row["examples_per_second"] for row in rows] == [None, 50.0, 70.0]


def test_kinds_are_added_up_and_the_last_row_is_all_of_them():
    prepare, finetune, everything = by_kind(by_job(*study()))
    assert (prepare["kind"], prepare["n_jobs"], prepare["examples_per_second"]) == ("prepare", 1, None)
    assert (finetune["seconds"], finetune["longest"], finetune["cpu_seconds"]) == (40.0, 30.0, 50.0)
    assert finetune["peak_memory_bytes"] == 300
    assert finetune["examples_per_second"] == pytest.approx(60.0)
    assert (everything["kind"], everything["n_jobs"], everything["seconds"]) == (None, 3, 42.0)
    assert by_kind([]) == []
