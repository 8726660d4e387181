"""Reviews with votes of three noisy annotators, and a tiny model that learns from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.models.small_models import reviews, save
from w2slab.apps.elicit import elicit_run as run
from w2slab.apps.elicit.elicit_request import make_request
from w2slab.apps.elicit.elicit_run import OwnFiles
from w2slab.graph.store import Store
from w2slab.randomness import rng

NAMES = ("bad", "good")
SETTINGS = ["recipe.lr=0.01", "recipe.epochs=3", "recipe.batch_size=16"]
HOSTILE = "great <script>alert('x')</script> \u202eevil\u202c " + "good " * 2000


def write_lines(path: Path, rows: list) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="session")
def llama(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "tiny-llama", "llama")


@pytest.fixture(scope="session")
def reviewed(tmp_path_factory) -> Path:
    """A folder with texts, votes, a few true labels and texts without labels."""
    folder = tmp_path_factory.mktemp("reviewed")
    examples, right = reviews(90)
    texts = [{"id": i, "text": t} for i, t in zip(examples.ids, examples.table.column("text").to_pylist(), strict=True)]
    generator = rng(0, "votes")

    def vote(truth: int, share: float) -> str:
        return NAMES[truth if generator.random() < share else 1 - truth]

    votes = [{"ann": vote(r, 0.85), "bob": vote(r, 0.8), "cy": vote(r, 0.75)} for r in right]
    votes = [{"id": i, "votes": v} for i, v in zip(examples.ids, votes, strict=True)]
    write_lines(folder / "texts.jsonl", [*texts, {"id": "hostile", "text": HOSTILE}])
    write_lines(folder / "weak.jsonl", [*votes, {"id": "hostile", "votes": {"ann": "bad", "bob": "bad"}}])
    write_lines(folder / "few.jsonl", [{"id": f"r{i}", "label": NAMES[r]} for i, r in enumerate(right[:30])])
    write_lines(folder / "more.jsonl", [{"id": "new", "text": "the film was fine"}])
    return folder


@pytest.fixture(scope="session")
def elicited(llama, reviewed, tmp_path_factory):
    """What was run, its store, and the folder that was written."""
    root = tmp_path_factory.mktemp("elicited")
    files = OwnFiles(reviewed / "texts.jsonl", reviewed / "weak.jsonl", reviewed / "few.jsonl", reviewed / "more.jsonl")
    request = make_request(str(llama), "naive", {"seeds": [0, 1], "folds": 2}, SETTINGS)
    prepared, store = run.prepare(request, files), Store(root / "store")
    outcome = run.run(prepared, store, executor="inline")
    assert not outcome.failed, outcome.failed
    run.write(prepared, store, root / "out", command="w2slab elicit ...")
    return prepared, store, root / "out"
