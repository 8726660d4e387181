from __future__ import annotations

import os
import shutil
import time
from collections import namedtuple

import pytest
from small_jobs import Story, make

from w2slab.errors import JobError, StoreError
from w2slab.graph.executors import Inline
from w2slab.graph.locks import Lock
from w2slab.graph.runner import run
from w2slab.graph.store import Store

JOB = make("job", number=1)


def written(store, text="1"):
    folder = store.temporary(JOB.key)
    (folder / "number.txt").write_text(text)
    return folder


def test_the_first_of_two_publications_stays(store):
    first, second = written(store, "first"), written(store, "second")

    assert store.publish(JOB.key, first, {"payload": JOB.payload})
    assert not store.publish(JOB.key, second, {"payload": JOB.payload})
    assert (store.folder(JOB.key) / "number.txt").read_text() == "first"
    assert not second.exists()
    assert store.verify(JOB)


def test_a_folder_without_a_record_does_not_keep_a_result_from_its_place(store):
    store.folder(JOB.key).mkdir(parents=True)
    (store.folder(JOB.key) / "number.txt").write_text("half")

    assert store.publish(JOB.key, written(store), {"payload": JOB.payload})
    assert (store.folder(JOB.key) / "number.txt").read_text() == "1"


# 6. "Files and folder are flushed to the disk first: after a power loss a result is whole or absent."
def test_all_of_a_result_is_on_the_disk_before_it_is_in_its_place(store, monkeypatch):
    folder = written(store)
    (folder / "more").mkdir()
    (folder / "more" / "digits.bin").write_bytes(b"12")
    flushed, rename = set(), os.rename

    def renamed(source, target):
        expected = {"", "number.txt", "record.json", "more", "more/digits.bin"}
        assert flushed == {os.stat(os.path.join(source, name)).st_ino for name in expected}
        flushed.add("published")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.add(os.fstat(descriptor).st_ino))
    monkeypatch.setattr(os, "rename", renamed)
    assert store.publish(JOB.key, folder, {"payload": JOB.payload})
    assert "published" in flushed


def test_a_link_in_a_result_is_refused(store):
    folder = written(store)
    (folder / "elsewhere").symlink_to("/etc/hostname")

    with pytest.raises(JobError, match="elsewhere: a result may hold files and folders only"):
        store.publish(JOB.key, folder, {"payload": JOB.payload})


def test_a_job_may_not_write_the_record_itself(store):
    folder = written(store)
    (folder / "record.json").write_text("{}")

    with pytest.raises(JobError, match="this name is kept for the store"):
        store.publish(JOB.key, folder, {"payload": JOB.payload})


def test_opening_removes_what_dead_processes_left_and_nothing_of_the_living(store):
    store.open()
    dead = written(store)
    other = make("other", number=2)
    alive = store.temporary(other.key)
    with store.lock_attempt(other.key):
        Store(store.root).open()

        assert not dead.exists()
        assert alive.exists()


def test_a_store_that_is_a_file_is_refused_before_anything_runs(tmp_path):
    (tmp_path / "store").write_text("not a folder")

    with pytest.raises(StoreError, match=r"cannot be written: .* Choose another store"):
        run(Story().graph, Store(tmp_path / "store"), Inline())


def test_a_full_disk_is_told_before_anything_runs(store, monkeypatch):
    usage = namedtuple("usage", "total used free")(2**40, 2**40 - 2**20, 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)

    with pytest.raises(StoreError, match="only 1 MiB are free"):
        run(Story().graph, store, Inline())


def test_a_missing_record_is_an_error_that_says_what_to_do(store):
    with pytest.raises(StoreError, match=r"no such result\. Run the study"):
        store.record(JOB.key)


def test_reading_a_finished_study_works_where_one_may_not_write(store):
    graph = Story().graph
    run(graph, store, Inline())
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}

    assert run(graph, Store(store.root), Inline()).cached == [Story().report.key]
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before


def test_a_lock_has_one_holder_and_is_free_after_it(tmp_path):
    path = tmp_path / "locks" / "key"
    first = Lock.take(path)

    assert first is not None
    assert Lock.take(path) is None
    first.release()
    second = Lock.take(path, wait_s=1.0)
    assert second is not None
    first.release()  # once more: must not let go of what another one holds
    assert Lock.take(path) is None
    second.release()
    assert not path.exists()


def test_a_lock_is_let_go_when_its_holder_dies(tmp_path):
    path = tmp_path / "key"
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        Lock.take(path)
        os.write(tell, b"!")
        os.kill(os.getpid(), 9)
    os.read(ready, 1)
    os.waitpid(child, 0)

    with Lock.take(path, wait_s=1.0) as lock:
        assert lock is not None
    os.close(ready)
    os.close(tell)


def test_a_forked_child_keeps_no_lock_of_a_dead_holder(tmp_path):
    path = tmp_path / "key"
    ready, tell = os.pipe()
    holder = os.fork()
    if holder == 0:
        lock = Lock.take(path)
        child = os.fork()
        if child == 0:
            lock.release()  # not its own: must not let go
            time.sleep(30)
            os._exit(0)
        os.write(tell, str(child).encode())
        time.sleep(30)
    child = int(os.read(ready, 20))
    time.sleep(0.1)
    assert Lock.take(path) is None
    os.kill(holder, 9)
    os.waitpid(holder, 0)

    with Lock.take(path, wait_s=1.0) as lock:
        assert lock is not None
    os.kill(child, 9)
    os.close(ready)
    os.close(tell)
