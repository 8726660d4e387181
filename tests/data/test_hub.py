"""Data sets of the hub: from a cache laid out as the hub's client lays it out, and from a small hub of our own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import huggingface_hub.constants
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from w2slab.data.readers import hub
from w2slab.data.readers.hub import PARQUET_BRANCH, Source
from w2slab.errors import DataError, UnavailableError
from w2slab.tasks.text.preference import HelpSteer, HhRlhf, WebGpt

COMMIT, OTHER = "0123456789abcdef0123456789abcdef01234567", "f" * 40
SOURCE = Source("org/films", train=("train",), test=("test",))


def parquet(*texts: str) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": list(texts)}), sink)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path


def cached(cache: Path, repo: str, files: dict[str, bytes], branch: str = PARQUET_BRANCH, commit: str = COMMIT) -> None:
    storage = cache / f"datasets--{repo.replace('/', '--')}"
    for name, content in files.items():
        path = storage / "snapshots" / commit / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    reference = storage / "refs" / branch
    reference.parent.mkdir(parents=True, exist_ok=True)
    reference.write_text(commit)


def found(source: Source) -> list[tuple[str, str]]:
    folder = hub.commit(source)
    return [(path.as_posix().partition(f"{folder}/")[2], split) for path, split in hub.files(source, folder)]


def test_the_parquet_branch_of_the_cache_is_settled_as_its_commit(cache):
    cached(cache, "org/films", {"default/train/0000.parquet": b"", "default/test/0000.parquet": b""})
    assert hub.commit(SOURCE) == hub.commit(SOURCE, PARQUET_BRANCH) == hub.commit(SOURCE, COMMIT) == COMMIT
    assert found(SOURCE) == [("default/train/0000.parquet", "train"), ("default/test/0000.parquet", "test")]


def test_parts_and_partial_splits_come_in_order(cache):
    names = ["plain/partial-train/0001.parquet", "plain/partial-train/0000.parquet", "plain/test/0000.parquet"]
    cached(cache, "org/films", dict.fromkeys([*names, "other/train/0000.parquet", "README.md"], b""))
    source = Source("org/films", "plain", train=("train",), test=("test",))
    assert [name for name, _ in found(source)] == [names[1], names[0], names[2]]


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ("default", ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"]),
        ("big", ["big/train-00000-of-00001.parquet"]),
        ("harmless-base", ["harmless-base/train.jsonl.gz"]),
        ("default", ["train.csv"]),
        (None, ["only/train/0000.parquet"]),
    ],
)
def test_other_layouts_in_which_data_sets_are_pushed_are_known(cache, config, names):
    cached(cache, "org/films", dict.fromkeys(names, b""), branch="main")
    assert [name for name, _ in found(Source("org/films", config, branch="main"))] == names


def test_what_is_missing_offline_is_said_with_the_commands_that_help(cache):
    with pytest.raises(UnavailableError) as error:
        hub.commit(Source("org/films", "plain"))
    for said in (
        "hf download --repo-type dataset org/films --revision refs/convert/parquet --include 'plain/*'",
        "W2SLAB_DATA",
        "`data:`",
    ):
        assert said in str(error.value)
    assert error.value.exit_code == 3


def test_a_cached_set_without_the_split_is_not_taken_for_the_whole(cache):
    cached(cache, "org/films", {"default/train/0000.parquet": b""})
    with pytest.raises(UnavailableError, match="org/films"):
        hub.commit(SOURCE)
    with pytest.raises(DataError, match=r"no split test in the configuration default; .* are: default: train"):
        hub.files(SOURCE, COMMIT)


def test_a_branch_that_moves_on_means_another_commit(cache):
    cached(cache, "org/films", {"default/train/0000.parquet": b""})
    source = Source("org/films")
    cached(cache, "org/films", {"default/train/0000.parquet": b"x"}, commit=OTHER)
    assert hub.commit(source) == OTHER
    assert hub.commit(source, COMMIT) == COMMIT


def test_a_named_set_is_pinned_and_read_from_the_cache(cache):
    rows = [
        {"question": {"full_text": "Why?"}, "answer_0": "No.", "score_0": -0.5, "answer_1": "So.", "score_1": 0.5},
        {"question": {"full_text": "How?"}, "answer_0": "So.", "score_0": 0.0, "answer_1": "Not.", "score_1": 0.0},
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    cached(cache, "openai/webgpt_comparisons", {"default/train/0000.parquet": sink.getvalue().to_pybytes()})
    resolved = WebGpt().resolved()
    assert resolved == WebGpt(revision=COMMIT)
    assert resolved.files() == ()
    labelled = resolved.load()
    assert labelled.examples.table["text"].to_pylist() == ["Human: Why?\n\nAssistant:"]
    assert labelled.dropped == {"tie": 1}


def test_parts_of_hh_lie_apart_on_the_main_branch(cache):
    row = json.dumps({"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: Go"})
    names = {"helpful-base/train.jsonl": row.encode(), "helpful-base/test.jsonl": row.encode()}
    cached(cache, "Anthropic/hh-rlhf", names, branch="main")
    assert HhRlhf(part="helpful-base").resolved().revision == COMMIT
    with pytest.raises(UnavailableError, match=r"Anthropic/hh-rlhf.* --revision main --include 'harmless-base/\*'"):
        HhRlhf().resolved()
    with pytest.raises(UnavailableError, match="nvidia/HelpSteer "):
        HelpSteer(version=1).resolved()


# --- a small hub ------------------------------------------------------------------------------------------------------

FILES = {
    "default/train/0000.parquet": parquet("one", "two"),
    "default/test/0000.parquet": parquet("three"),
    "other/train/0000.parquet": parquet("not asked for"),
}


class SmallHub(BaseHTTPRequestHandler):
    """The four requests by which the client finds and downloads files; what was downloaded is kept in `asked`."""

    asked: list[str]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        name = path.partition(f"/resolve/{COMMIT}/")[2]
        if path == f"/api/datasets/org/films/revision/{PARQUET_BRANCH}":
            self.reply(json.dumps({"id": "org/films", "sha": COMMIT, "siblings": [{"rfilename": f} for f in FILES]}))
        elif path.startswith(f"/api/datasets/org/films/tree/{COMMIT}"):
            tree = [{"type": "file", "oid": self.oid(c), "size": len(c), "path": f} for f, c in FILES.items()]
            self.reply(json.dumps(tree))
        elif name in FILES:
            if self.command == "GET":
                self.asked.append(name)
            self.reply(FILES[name], {"ETag": f'"{self.oid(FILES[name])}"', "X-Repo-Commit": COMMIT})
        else:
            self.send_error(404)

    def oid(self, content: bytes) -> str:
        return hashlib.sha1(content).hexdigest()

    def reply(self, content: str | bytes, headers: dict[str, str] | None = None) -> None:
        data = content.encode() if isinstance(content, str) else content
        self.send_response(200)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def small_hub() -> Iterator[tuple[str, list[str]]]:
    SmallHub.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), SmallHub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", SmallHub.asked
    server.shutdown()
    thread.join()
    server.server_close()


READ = """
from w2slab.data.readers import hub
from w2slab.data.readers.files import read_rows
source = hub.Source("org/films", test=("test",))
commit = hub.commit(source)
print(commit, [(split, row.get("text")) for path, split in hub.files(source, commit) for row in read_rows(path)])
"""


def test_what_is_not_in_the_cache_is_downloaded_once_and_then_read_offline(tmp_path, small_hub):
    address, asked = small_hub
    here = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path), "HF_ENDPOINT": address}

    def read(**settings: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", READ]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**here, **settings})

    expected = f"{COMMIT} [('train', 'one'), ('train', 'two'), ('test', 'three')]\n"
    first = read()
    assert first.stdout == expected, first.stderr
    assert sorted(asked) == ["default/test/0000.parquet", "default/train/0000.parquet"]
    again = read(HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9")
    assert again.stdout == expected, again.stderr
    assert len(asked) == 2
