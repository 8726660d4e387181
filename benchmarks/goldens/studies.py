"""The cases: what each runs with a tree's command line, and what of it is compared."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renaming import RANK, WRITTEN

HERE = Path(__file__).parent
# Of a summary that `elicit` writes: what differs between any two trees.
VOLATILE = {"w2slab", "command", "student"}


@dataclass(frozen=True)
class Side:
    """One of the two trees at work on one case.

    Args:
        name: `old` or `new`; how its studies are written and its store is read.
        tree: The working tree.
        work: Where the case's files are; commands run here.
        dump: Where what is compared goes.
    """

    name: str
    tree: Path
    work: Path
    dump: Path

    def study(self, name: str, *settings: str, report: bool = False) -> None:
        """Run a study of this folder; dump its models and its tables, and what the commands print."""
        study, store = self.write(name), self.work / "store"
        label = "-".join([name, *(setting.replace("/", "_") for setting in settings)])
        settings = tuple(map(self.written, settings))
        sets = [part for setting in settings for part in ("--set", setting)]
        out = self.dump / label
        how = ["--store", "store", "--executor", "inline", "--no-progress", *sets]
        self.w2slab("run", study.name, *how, *(() if report else ("--no-report",)))
        self.python(HERE / "dump.py", self.name, study, store, out, *settings)
        printed = self.w2slab("report", study.name, "--store", "store", *sets) if report else ""
        (out / "printed.txt").write_text(printed)

    def write(self, name: str) -> Path:
        """Write a study of this folder for the tree."""
        path = self.work / f"{name}.yaml"
        path.write_text(self.written((HERE / f"{name}.yaml").read_text()))
        return path

    def written(self, text: str) -> str:
        """A study's text, or a part of it, in the tree's words."""
        for old, new in WRITTEN.items() if self.name == "new" else ():
            text = text.replace(old, new)
        return text

    def w2slab(self, *arguments: str) -> str:
        """Run a command of the program; what it prints is returned."""
        return self.python("-m", "w2slab", *arguments)

    def python(self, *arguments: object) -> str:
        """Run Python with this tree on the import path.

        Raises:
            RuntimeError: The command failed; the message has what it printed.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith("W2SLAB")}
        env = kept | {"PYTHONPATH": str(self.tree / "src"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        env |= {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, *map(str, arguments)]
        done = subprocess.run(command, cwd=self.work, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{self.tree}: {' '.join(command)}\n{done.stdout[-300:]}{done.stderr[-700:]}")
        return done.stdout

    def keep(self, name: str, value: Any) -> None:
        """Dump a JSON value."""
        self.dump.mkdir(parents=True, exist_ok=True)
        (self.dump / f"{name}.json").write_text(json.dumps(value))

    def keep_text(self, name: str, text: str) -> None:
        """Dump a text."""
        self.dump.mkdir(parents=True, exist_ok=True)
        (self.dump / f"{name}.txt").write_text(text)


def toy(side: Side) -> None:
    """Many methods and all controls on soft and on hard labels, and what `compare` says of the two."""
    side.study("toy", report=True)
    hard = ("weak_labels=hard", "seeds=[0, 1]", "methods=[naive, auxiliary-confidence, label-smoothing]")
    side.study("toy", *hard)
    versions = [part for setting in hard for part in ("--set-b", setting)]
    stores = ("--store-a", "store", "--store-b", "store")
    side.keep("compared", json.loads(side.w2slab("compare", "toy.yaml", "toy.yaml", *versions, *stores, "--json")))
    side.keep_text("compared", side.w2slab("compare", "toy.yaml", "toy.yaml", *versions, *stores))


def sources(side: Side) -> None:
    """Weak labels with errors, and weak labels of a file with votes."""
    side.study("sources", "supervision=corrupted")
    side.study("sources", "supervision={source: corrupted, rate: 0.2, choose: least-sure}", report=True)
    side.w2slab("examples", "sources.yaml", "--out", "to-label.jsonl")
    rows = [json.loads(line) for line in (side.work / "to-label.jsonl").read_text().splitlines()]
    with (side.work / "votes.jsonl").open("w") as file:
        for row in sorted(rows, key=lambda row: row["id"]):
            bits = hashlib.sha256(row["id"].encode()).digest()
            votes = [row["classes"][bits[i] % 2] for i in range(1 + bits[7] % 3)]
            file.write(json.dumps({"id": row["id"], "votes": votes}) + "\n")
    side.study("sources", "supervision={source: file, path: votes.jsonl, called: crowd}")


def chess(side: Side) -> None:
    """Chess networks finetuned; bootstrapping on a reserve, an ensemble, neighbours of features."""
    side.study("chess", report=True)


def heads(side: Side) -> None:
    """Many methods as heads on frozen features, trained side by side."""
    side.study("heads", report=True)


def text(side: Side) -> None:
    """Language models of the shipped ladder on sentences made here."""
    with (side.work / "texts.jsonl").open("w") as file:
        for row in sentences(600):
            file.write(json.dumps({"text": row["text"], "label": row["label"]}) + "\n")
    side.study("text", report=True)


def rank(side: Side) -> None:
    """The ranking of some methods as heads, and of the leading one finetuned."""
    side.write("rank")
    methods = "auxiliary-confidence,bootstrapping,confidence-filter,reverse-kl,neighbour-relabel"
    amounts = ("--seeds", "4", "--finetuned", "2", "--finetuned-seeds", "2")
    where = ("--store", "store", "--out", "ranking", "--workers", "1", "--no-progress")
    side.w2slab(*RANK[side.name], "rank.yaml", "--methods", methods, *amounts, *where)
    for name in ("fast", "finetuned"):
        with (side.work / "ranking" / f"{name}.csv").open() as file:
            side.keep(name, [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(file)])
    side.keep_text("ranking", (side.work / "ranking" / "ranking.md").read_text())


def elicit(side: Side) -> None:
    """A student of three annotators' labels, with a few true ones; and another that stops by weak labels."""
    rows = list(sentences(240))
    generator = random.Random(1)
    _write(side.work / "texts.jsonl", ({"id": r["id"], "text": r["text"]} for r in rows[:200]))
    _write(side.work / "more.jsonl", ({"id": r["id"], "text": r["text"]} for r in rows[200:]))
    _write(side.work / "truth.jsonl", ({"id": r["id"], "label": r["label"]} for r in rows[:60]))
    votes = [
        {"id": row["id"], "annotator": annotator, "label": _vote(row["label"], error, generator)}
        for row in rows[:200]
        for annotator, error, share in (("ann", 0.1, 1.0), ("bob", 0.25, 0.9), ("eve", 0.4, 0.6))
        if generator.random() < share
    ]
    _write(side.work / "labels.jsonl", votes)
    files = ("--data", "texts.jsonl", "--labels", "labels.jsonl", "--truth", "truth.jsonl", "--more", "more.jsonl")
    how = ("--store", "store", "--executor", "inline", "--no-progress", "--set", "model.max_length=32")
    runs = {
        "naive": ("--seeds", "0,1", "--set", "recipe.lr=0.003"),
        "stopped": ("--method", "auxiliary-confidence", "--weak-labels", "hard", "--set", "recipe.stop_at=weak-labels"),
    }
    for name, own in runs.items():
        printed = side.w2slab("elicit", "--model", "text-100k", *files, *own, *how, "--out", name)
        side.keep_text(f"{name}-printed", printed)
        for part in ("labels", "disagreements", "new-labels"):
            lines = (side.work / name / f"{part}.jsonl").read_text().splitlines()
            side.keep(f"{name}-{part}", [json.loads(line) for line in lines])
        summary = json.loads((side.work / name / "summary.json").read_text())
        summary["recipe"].pop("preset", None)  # the new tree's recipes have none: a preset is its fields
        side.keep(f"{name}-summary", {key: value for key, value in summary.items() if key not in VOLATILE})


CASES: dict[str, Callable[[Side], None]] = {
    "toy": toy, "sources": sources, "chess": chess, "heads": heads, "text": text, "rank": rank, "elicit": elicit,
}  # fmt: skip


def sentences(n: int) -> Iterator[dict[str, str]]:
    """Short sentences of two classes, the same ones every time: most words speak for one class, some for neither."""
    generator = random.Random(0)
    people = "my aunt|the neighbour|a stranger|our teacher|the captain|everybody|the old woman|nobody here".split("|")
    verbs = "said that|thought that|wrote that|told us that|was sure that|doubted that".split("|")
    things = "the soup|the film|the journey|this book|the hotel|the garden|that song|the cake".split("|")
    praise = "was a delight|was wonderful|made everyone happy|was worth every penny|shone like gold".split("|")
    blame = "was a waste of time|was dreadful|made everyone sad|cost far too much|fell to pieces".split("|")
    neither = "was long|came from the north|was what it was|was like the last one|had been there before".split("|")
    for i in range(n):
        label = generator.choice(["good", "bad"])
        said = generator.choice(neither if generator.random() < 0.25 else praise if label == "good" else blame)
        parts = (generator.choice(people), generator.choice(verbs), generator.choice(things), said)
        yield {"id": f"s{i}", "text": f"{' '.join(parts)}, number {i}.".capitalize(), "label": label}


def _vote(label: str, error: float, generator: random.Random) -> str:
    return {"good": "bad", "bad": "good"}[label] if generator.random() < error else label


def _write(path: Path, rows: Any) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _number(value: str) -> Any:
    try:
        return float(value)
    except ValueError:
        return value
