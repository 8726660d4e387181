"""Promises 3, 6, 7 and 8: what is run and what is not, and what a result on disk is worth."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from small_jobs import Options, Story, graph_of, make

from w2slab.errors import StoreError
from w2slab.graph.executors import Inline
from w2slab.graph.runner import missing, run, state
from w2slab.graph.store import Store


@pytest.fixture
def ran(tmp_path):
    """Tells which jobs were run since the last call, by their numbers."""
    side = tmp_path / "side.txt"

    def told() -> list[str]:
        lines = side.read_text().splitlines() if side.exists() else []
        side.unlink(missing_ok=True)
        return [line.removeprefix("ran ") for line in lines]

    return told


@pytest.fixture
def options(tmp_path):
    return Options(side=str(tmp_path / "side.txt"), mended=str(tmp_path / "mended"))


# 3. "`plan` prints every job as cached, missing or failed before anything runs."
def test_every_job_is_cached_missing_or_failed_and_asking_runs_and_writes_nothing(store, options, ran):
    story, broken = Story(), make("broken", "fail", number=13)
    graph = graph_of(story.report, broken)

    assert set(state(graph, store).values()) == {"missing"}
    assert not store.root.exists()

    run(graph, store, Inline(), targets=[story.supervisor, broken], options=options)
    ran()

    assert state(graph, store) == {
        story.supervisor.key: "cached",
        story.student.key: "missing",
        story.report.key: "missing",
        broken.key: "failed",
    }
    assert missing(graph, store) == [story.student, story.report, broken]
    assert ran() == []


# 6. "the record (payload, inputs, package versions, seed, host, times, peak memory, checksums)"
def test_the_record_says_how_a_result_was_made(store):
    story = Story()
    run(story.graph, store, Inline(), options=Options())
    record = store.record(story.student.key)

    assert record["payload"] == story.student.payload
    assert record["inputs"] == {"labels": story.supervisor.key}
    assert record["facts"] == {"total": 11}
    assert record["packages"]["numpy"]
    assert record["host"]
    assert record["started"] <= record["ended"]
    assert record["peak_memory_bytes"] > 2**20
    assert record["files"]["number.txt"]["size"] == 2


# 6. "A job writes to a temporary folder beside its place; the record is written last; then one rename."
def test_a_failed_job_leaves_no_part_of_a_result(store, options):
    broken = make("broken", "fail", number=13)
    run(graph_of(broken), store, Inline(), options=options)

    assert not store.folder(broken.key).exists()
    assert list((store.root / "tmp").iterdir()) == []


# 6. "A folder without a record does not exist."
def test_a_folder_without_a_record_does_not_exist(store, options):
    story = Story()
    run(story.graph, store, Inline())
    (store.folder(story.supervisor.key) / "record.json").unlink()

    assert state(story.graph, store)[story.supervisor.key] == "missing"
    outcome = run(story.graph, store, Inline(), targets=[story.supervisor], options=options)
    assert outcome.done == [story.supervisor.key]
    assert store.verify(story.supervisor)


# 7. "On reuse the recorded payload is compared with the asked one"
def test_a_record_of_another_computation_is_refused_field_by_field(store):
    story = Story()
    run(story.graph, store, Inline())
    path = store.folder(story.report.key) / "record.json"
    record = json.loads(path.read_text())
    record["payload"]["spec"]["number"] = 99
    path.write_text(json.dumps(record))

    with pytest.raises(StoreError, match=r"spec\.number: recorded 99, asked 100"):
        run(story.graph, Store(store.root), Inline())


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    later = path.stat().st_mtime_ns + 10**9  # some systems tell times apart by milliseconds only
    os.utime(path, ns=(later, later))


def empty(path):
    path.write_bytes(b"")


# 7. "a damaged file is noticed, set aside and made again"
@pytest.mark.parametrize("damage", [cut, flip, empty, os.unlink], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", ["number.txt", "record.json"])
def test_a_damaged_file_is_noticed_set_aside_and_made_again(store, options, ran, damage, name):
    story = Story()
    run(story.graph, store, Inline())
    damage(store.folder(story.report.key) / name)

    outcome = run(story.graph, Store(store.root), Inline(), options=options)

    assert outcome.done == [story.report.key]
    assert ran() == ["100"]
    assert (store.folder(story.report.key) / "number.txt").read_text() == "111"
    assert store.verify(story.report)
    [set_aside] = (store.root / "damaged").iterdir()
    assert set_aside.name.startswith(story.report.key)
    assert (set_aside / "damage.txt").read_text().strip()


# 7. "a damaged file is noticed": even one that was altered behind the file system's back, when asked to verify
def test_verify_reads_every_file(store):
    story = Story()
    run(story.graph, store, Inline())
    path = store.folder(story.report.key) / "number.txt"
    before = path.stat()
    with path.open("r+") as file:
        file.write("9")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert store.check(story.report)
    assert not store.verify(story.report)
    assert not store.has(story.report.key)


# 7. "a damaged file is noticed": also that of a result which is only read by what is still missing
def test_a_damaged_input_is_made_again_before_it_is_read(store, options, ran):
    story = Story()
    run(story.graph, store, Inline())
    store.remove(story.report.key)
    flip(store.folder(story.student.key) / "number.txt")

    run(story.graph, Store(store.root), Inline(), options=options)

    assert ran() == ["10", "100"]
    assert (store.folder(story.report.key) / "number.txt").read_text() == "111"


# 7. A store that was copied elsewhere is as good as the first: nothing is made again.
def test_a_copied_store_is_whole(store, options, ran, tmp_path):
    run(Story().graph, store, Inline())
    shutil.copytree(store.root, tmp_path / "copy")

    outcome = run(Story().graph, Store(tmp_path / "copy"), Inline(), options=options)

    assert outcome.cached == [Story().report.key]
    assert ran() == []


# 8. "A hit downstream never runs what is upstream."
def test_a_cached_result_never_runs_what_is_upstream(store, options, ran):
    story = Story()
    run(story.graph, store, Inline())
    store.remove(story.supervisor.key)

    outcome = run(story.graph, store, Inline(), targets=[story.student], options=options)

    assert ran() == []
    assert outcome.cached == [story.student.key]
    assert not store.has(story.supervisor.key)


# 8. "A failure stops its descendants only; the exit code tells."
def test_a_failure_stops_its_descendants_only(store, options, ran):
    broken = make("broken", "fail", number=13)
    after = make("after", number=2, source=broken)
    far = make("far", number=3, source=after)
    aside = make("aside", number=4)
    both = make("both", number=5, one=far, two=aside)
    graph = graph_of(both, make("other", number=6, source=aside))

    outcome = run(graph, store, Inline(), options=options)

    assert outcome.failed == {broken.key: "the number 13 brings bad luck"}
    assert outcome.skipped == {after.key: broken.key, far.key: broken.key, both.key: broken.key}
    assert sorted(ran()) == ["13", "4", "6"]
    assert outcome.exit_code == 1


# 8. "the exit code tells"
def test_a_failed_job_is_tried_again_by_the_next_run_and_its_failure_forgotten(store, options, ran, tmp_path):
    broken = make("broken", "fail", number=13)
    graph = graph_of(make("after", number=2, source=broken))

    assert run(graph, store, Inline(), options=options).exit_code == 1
    failure = store.failure(broken.key)
    assert failure["message"] == "the number 13 brings bad luck"
    assert "raise JobError" in failure["traceback"]

    (tmp_path / "mended").touch()
    assert run(graph, store, Inline(), options=options).exit_code == 0
    assert store.failure(broken.key) is None
    assert set(state(graph, store).values()) == {"cached"}
