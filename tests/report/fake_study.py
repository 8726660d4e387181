"""A study that was never run: predictions of simulated models, written as jobs would have written them.

What a model gets right follows from its skill and an example's difficulty; a student copies some of the supervisor's
errors. Positions are well-known traps and mates, written by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from w2slab import registry
from w2slab.analysis import Results
from w2slab.data.artifacts import (
    read_predictions,
    write_curve,
    write_positions,
    write_predictions,
    write_stopping,
    write_task,
)
from w2slab.data.examples import Examples, TaskTable, Truth
from w2slab.data.labels import Labels
from w2slab.graph.job import Graph, Job
from w2slab.jobs.comparison import Comparison
from w2slab.jobs.spec import FileDigests, LearningSpec, Spec, job
from w2slab.tasks.chess.puzzle_task import Chess
from w2slab.tasks.task import Task
from w2slab.training.recipe import Recipe

# Position after the set-up move, the set-up move, the solution, some other legal moves.
PUZZLES = [
    ("6k1/5ppp/8/8/8/8/5PPP/R5K1 w - - 0 1", "h8g8", "a1a8", "a1a4 a1c1 a1e1 f2f4 g2g4"),
    ("r1bqkb1r/pppp1ppp/2n2n2/4p2Q/2B1P3/8/PPPP1PPP/RNB1K1NR w KQkq - 4 4", "g8f6", "h5f7", "c4e2 c4f7 g1f3 h5g5"),
    ("rn1qkbnr/ppp2p1p/3p2p1/4p3/2B1P1b1/2N2N2/PPPP1PPP/R1BQK2R w KQkq - 0 5", "g7g6", "f3e5", "c4b5 d1e2 f3g5"),
    ("6rk/6pp/8/6N1/8/8/6PP/6K1 w - - 0 1", "f8g8", "g5f7", "g1f1 g1f2 g1h1 g2g3 g5f3"),
    ("r3k2r/ppp2ppp/8/3N2b1/8/8/PPP2PPP/4K2R w Kkq - 1 1", "e7g5", "d5c7", "b2b4 d5b6 d5f6 e1e2 h2h3"),
    ("6k1/5ppp/8/8/8/8/r4PPP/6K1 b - - 1 1", "h1g1", "a2a1", "a2a5 a2a6 g7g5 g7g6 g8f8"),
    ("rnbqkbnr/pppp1ppp/8/4p3/6P1/5P2/PPPPP2P/RNBQKBNR b KQkq - 0 2", "g2g4", "d8h4", "a7a6 d7d6 f7f5 f8b4 g8h6"),
    ("8/P5k1/8/8/8/8/6K1/8 w - - 0 1", "h7g7", "a7a8q", "a7a8n a7a8r g2f3 g2h2 g2h3"),
    ("3q4/8/8/8/3k4/8/4K3/R7 w - - 0 1", "e5d4", "a1d1", "a1a2 a1a4 a1a5 e2f1"),
    ("4kb1r/p2n1ppp/4q3/4p1B1/4P3/1Q6/PPP2PPP/2KR4 w k - 0 16", "f6d7", "b3b8", "b3a3 b3a4 b3b6 c1b1 g5d2"),
    ("7k/R7/5N2/8/8/8/8/6K1 w - - 0 1", "g8h8", "a7h7", "a7a5 a7a6 a7g7 f6e8 f6h5"),
    ("rnb1kb1r/pp3ppp/2p5/4q3/4n3/3Q4/PPPB1PPP/2KR1BNR w kq - 0 9", "f6e4", "d3d8", "c1b1 d3a3 f1e2 g1e2 g1f3"),
]
PARAMETERS = {"tiny": 12_400, "small": 61_000, "medium": 310_000, "large": 1_550_000, "huge": 8_100_000}


@dataclass(frozen=True, kw_only=True)
class TaskSpec(Spec):
    """A task of a name."""

    KIND: ClassVar[str] = "task"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "tests.report.fake_study:never"
    name: str
    task: Task


@dataclass(frozen=True, kw_only=True)
class SplitSpec(Spec):
    """Its split under a seed."""

    KIND: ClassVar[str] = "split"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "tests.report.fake_study:never"
    seed: int


@dataclass(frozen=True, kw_only=True)
class ModelSpec(LearningSpec):
    """A model of a rung, trained by a method."""

    KIND: ClassVar[str] = "finetune"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "tests.report.fake_study:never"
    rung: str
    method: str


@dataclass(frozen=True, kw_only=True)
class RelabelSpec(Spec):
    """Labels of a control."""

    KIND: ClassVar[str] = "relabel"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "tests.report.fake_study:never"
    relabeling: str
    seed: int


@dataclass
class FakeStore:
    """A folder per job, and a record of it in memory."""

    root: Path
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    def has(self, key: str) -> bool:
        return key in self.records

    def check(self, job: Job) -> bool:
        return self.has(job.key)

    def folder(self, key: str) -> Path:
        return self.root / key

    def record(self, key: str) -> dict[str, Any]:
        return self.records[key]


@dataclass
class FakeStudy:
    name: str = "chess-ladder"
    supervision: None = None


@dataclass
class FakePlan:
    graph: Graph
    comparisons: list[Comparison]
    baseline: str = "naive"
    study: FakeStudy = field(default_factory=FakeStudy)


@dataclass
class FakeTask:
    """Examples of one task, and how hard each is (standard normal)."""

    name: str
    examples: Examples
    truth: Truth
    hardness: np.ndarray
    row: Task = field(default_factory=Task)

    @property
    def label(self) -> np.ndarray:
        return np.array([right[0] for right in self.truth.right])


def chess_task(n_test: int, rng: np.random.Generator) -> FakeTask:
    hardness = rng.normal(size=n_test)
    rows = [PUZZLES[i % len(PUZZLES)] for i in range(n_test)]
    candidates = [sorted([right, *others.split()]) for _, _, right, others in rows]
    ids = [f"puzzle-{i:05d}" for i in range(n_test)]
    table = pa.table(
        {
            "id": ids,
            "group": [f"game-{i // 2}" for i in range(n_test)],
            "fen": [row[0] for row in rows],
            "setup": [row[1] for row in rows],
            "candidates": candidates,
            "difficulty": (1500 + 300 * hardness).round(),
        }
    )
    right = [[options.index(row[2])] for options, row in zip(candidates, rows, strict=True)]
    return FakeTask("chess-puzzles", Examples(table), Truth(ids, right), hardness, Chess())


def text_task(n_test: int, rng: np.random.Generator, texts: list[str] | None = None) -> FakeTask:
    ids = [f"text-{i:05d}" for i in range(n_test)]
    words = texts or ["Water boils at a lower temperature on a mountain.", "Sound travels faster in air than in steel."]
    table = pa.table({"id": ids, "group": ids, "text": [words[i % len(words)] for i in range(n_test)]})
    right = [[int(x)] for x in rng.integers(0, 2, n_test)]
    return FakeTask("science", Examples(table, ("false", "true")), Truth(ids, right), rng.normal(size=n_test))


@dataclass
class Simulation:
    """Writes what jobs would have left.

    Args:
        accuracies: Test accuracy of each rung on true labels, weakest first.
        recovered: By method, the share of the gap that its students recover.
        seed_noise: Standard deviation of each model's accuracy from seed to seed.
        is_sampled: Whether accuracies are those of the population, from which test examples are a sample; otherwise
            they are those of the test examples.
    """

    store: FakeStore
    task: FakeTask
    accuracies: dict[str, float]
    recovered: dict[str, float]
    curves: bool = True
    n_classes_spread: float = 1.5
    seed_noise: float = 0.006
    is_sampled: bool = False

    def plan(self, seeds: list[int], graph: Graph, controls: tuple[str, ...] = ()) -> list[Comparison]:
        rungs = list(self.accuracies)
        pairs = [(weak, strong) for j, strong in enumerate(rungs) for weak in rungs[:j]]
        comparisons = []
        for seed in seeds:
            data = self._data(seed)
            weak_models = {r: self._model(r, seed, data, on="supervisor_train") for r in rungs}
            ceilings = {r: self._model(r, seed, data, on="student_train") for r in rungs}
            for (weak, strong), method in product(pairs, self.recovered):
                student = self._student(weak, strong, method, seed, data, weak_models[weak], ceilings[strong])
                comparisons.append(self._row(weak, strong, method, seed, None, data, weak_models, student, ceilings))
            for control in controls:
                weak, strong = (rungs[0], rungs[-1]) if control != "self-training" else (rungs[0], rungs[0])
                student = self._control(control, weak, strong, seed, data, weak_models[weak])
                comparisons.append(
                    self._row(weak, strong, "naive", seed, control, data, weak_models, student, ceilings)
                )
        for comparison in comparisons:
            for judged in (comparison.data, comparison.supervisor, comparison.ceiling, comparison.student):
                graph.add(judged, wanted=True)
        return comparisons

    def _row(self, weak, strong, method, seed, control, data, weak_models, student, ceilings) -> Comparison:
        return Comparison(
            task=self.task.name, weak=weak, strong=strong, method=method, seed=seed, control=control, data=data,
            supervisor=weak_models[weak], student=student, ceiling=ceilings[strong],
        )  # fmt: skip

    def _made(self, spec: Spec, *, title: str, **inputs: Job) -> Job:
        return job(spec, title=title, files=FileDigests(), **inputs)

    def _data(self, seed: int) -> Job:
        of_task = self._made(TaskSpec(name=self.task.name, task=self.task.row), title=f"examples of {self.task.name}")
        made = self._made(SplitSpec(seed=seed), title=f"data {self.task.name} seed {seed}", task=of_task)
        if not self.store.has(of_task.key):
            table = TaskTable(self.task.name, self.task.examples, self.task.truth, None, {"name": self.task.name})
            write_task(self._record(of_task, seconds=1.0, facts={}), table)
        folder = self._record(made, seconds=1.3, facts={})
        chance = float((1 / self.task.examples.n_candidates).mean())
        write_positions(folder, {"test": np.arange(len(self.task.examples))}, {"chance": chance})
        return made

    def _record(self, made: Job, *, seconds: float, facts: dict[str, Any]) -> Path:
        folder = self.store.folder(made.key)
        folder.mkdir(parents=True, exist_ok=True)
        self.store.records[made.key] = {
            "key": made.key, "title": made.title, "payload": made.payload, "facts": facts, "seconds": seconds,
            "cpu_seconds": seconds, "peak_memory_bytes": int(2e8 + 1e6 * seconds), "python": "3.11.9",
            "packages": {"w2slab": "0.1.0", "numpy": "2.4.6", "torch": "2.13.0+cpu"}, "host": "somewhere",
        }  # fmt: skip
        return folder

    def _job(
        self, rung: str, seed: int, data: Job, *, on: str, labels: Job | None, objective: str = "cross-entropy"
    ) -> Job:
        spec = ModelSpec(
            rung=rung, method=objective, train_split=on, labels="true" if labels is None else "soft",
            objective=registry.build("objectives", "cross-entropy", {}), recipe=Recipe(), seed=seed,
        )  # fmt: skip
        inputs = {"data": data} | ({} if labels is None else {"labels": labels})
        return self._made(spec, title=f"{rung} ← {'true labels' if labels is None else labels.title}", **inputs)

    def _model(self, rung: str, seed: int, data: Job, *, on: str) -> Job:
        made = self._job(rung, seed, data, on=on, labels=None)
        # By the rung alone: supervisor and ceiling of one model are near each other, as real ones are.
        rng = np.random.default_rng([seed, len(on), *rung.encode()])
        right = self._right(self.accuracies[rung] + rng.normal(0, self.seed_noise), rng)
        self._write(made, right, self._wrong(rng), rng, rung)
        return made

    def _right(self, accuracy: float, rng: np.random.Generator) -> np.ndarray:
        score = -0.85 * self.task.hardness + 0.53 * rng.normal(size=len(self.task.hardness))
        if self.is_sampled:
            return score > np.hypot(0.85, 0.53) * ndtri(1 - np.clip(accuracy, 0, 1))
        return score > np.quantile(score, 1 - np.clip(accuracy, 0, 1))

    def _wrong(self, rng: np.random.Generator) -> np.ndarray:
        n = self.task.examples.n_candidates
        return (self.task.label + 1 + (rng.random(len(n)) * (n - 1)).astype(int)) % n

    def choices(self, made: Job) -> np.ndarray:
        return read_predictions(self.store.folder(made.key), "test").choices

    def _student(self, weak, strong, method, seed, data, supervisor: Job, ceiling: Job) -> Job:
        made = self._job(strong, seed, data, on="student_train", labels=supervisor, objective=method)
        rng = np.random.default_rng([seed, *weak.encode(), *strong.encode(), *method.encode()])
        low, high = self.accuracies[weak], self.accuracies[strong]
        accuracy = low + self.recovered[method] * (high - low) + rng.normal(0, self.seed_noise)
        right = self._right(accuracy, rng)
        taught = self.choices(supervisor)
        copied = rng.random(len(right)) < 0.55
        wrong = np.where(copied & (taught != self.task.label), taught, self._wrong(rng))
        self._write(made, right, wrong, rng, strong, accuracy=accuracy, overfits=high - low)
        return made

    def _control(self, control: str, weak: str, strong: str, seed: int, data: Job, supervisor: Job) -> Job:
        labels = supervisor
        accuracy = self.accuracies[weak]
        if control != "self-training":
            labels = self._made(
                RelabelSpec(relabeling=control, seed=seed),
                title=f"{control} labels",
                data=data,
                labels=supervisor,
            )
            self._record(labels, seconds=0.1, facts={})
            accuracy = float((1 / self.task.examples.n_candidates).mean())
        made = self._job(strong, seed, data, on="student_train", labels=labels)
        rng = np.random.default_rng([seed, *control.encode()])
        self._write(made, self._right(accuracy, rng), self._wrong(rng), rng, strong)
        return made

    def _write(self, made, right, wrong, rng, rung, accuracy: float | None = None, overfits: float = 0.0) -> None:
        seconds = 4.0 + PARAMETERS[rung] / 9000 + rng.random()
        folder = self._record(made, seconds=seconds, facts={"n_parameters": PARAMETERS[rung]})
        write_predictions(folder, "test", self._labels(right, wrong, rng))
        if accuracy is None or not self.curves:
            return
        points = np.arange(1, 21) / 20
        course = accuracy + overfits * 0.25 * points * np.exp(1 - points * 2.2) - 0.12 * np.exp(-points * 9)
        noise = rng.normal(0, 0.004, size=(2, len(points)))
        rows = [
            {"step": int(600 * p), "progress": float(p), "loss": float(1.1 - 0.5 * p), "test_accuracy": float(c + n),
             "validation_accuracy": float(0.62 + 0.25 * (1 - np.exp(-4 * p)) + m)}
            for p, c, n, m in zip(points, course, *noise, strict=True)
        ]  # fmt: skip
        write_curve(folder, rows)
        for point, gain in (("last", 0.0), ("weak-labels", 0.01), ("oracle", 0.03)):
            better = right if point == "last" else self._right(accuracy + gain, rng)
            write_stopping(folder, point, self._labels(better, wrong, rng))

    def _labels(self, right: np.ndarray, wrong: np.ndarray, rng: np.random.Generator) -> Labels:
        n = self.task.examples.n_candidates
        chosen = np.where(right, self.task.label, wrong)
        logits = rng.normal(size=(len(n), int(n.max())))
        logits[np.arange(len(n)), chosen] = logits.max(axis=1) + self.n_classes_spread * rng.random(len(n)) + 0.1
        logits[np.arange(logits.shape[1]) >= n[:, None]] = -np.inf
        probs = np.exp(logits - logits.max(axis=1, keepdims=True))
        probs /= probs.sum(axis=1, keepdims=True)
        return Labels(np.arange(len(n)), probs.astype(np.float32), n)


STUDY_TEXT = """\
name: chess-ladder
tasks: [chess-puzzles]
ladder:
  - {name: tiny, family: chessformer}
  - {name: small, family: chessformer}
  - {name: medium, family: chessformer}
  - {name: large, family: chessformer}
methods: [naive, auxiliary-confidence, bootstrapping]
controls: [shuffled, random, constant, self-training]
seeds: [0, 1, 2]
"""


def chess_study(root: Path, *, n_test: int = 1200, seeds: tuple[int, ...] = (0, 1, 2)) -> tuple[FakePlan, FakeStore]:
    """4 rungs, 3 seeds, 3 methods, all controls, on chess puzzles; and a gap too small to speak of."""
    store, graph = FakeStore(root), Graph()
    accuracies = {"tiny": 0.212, "small": 0.298, "medium": 0.415, "large": 0.530}
    methods = {"naive": 0.38, "auxiliary-confidence": 0.47, "bootstrapping": 0.55}
    task = chess_task(n_test, np.random.default_rng(7))
    simulation = Simulation(store, task, accuracies, methods)
    controls = ("shuffled", "random", "constant", "self-training")
    return FakePlan(graph, simulation.plan(list(seeds), graph, controls)), store


def text_study(root: Path, texts: list[str] | None = None, *, n_test: int = 300) -> tuple[FakePlan, FakeStore]:
    """3 rungs, one seed, one method, on a text task without curves or controls; two rungs equally good."""
    store, graph = FakeStore(root), Graph()
    task = text_task(n_test, np.random.default_rng(11), texts)
    simulation = Simulation(store, task, {"tiny": 0.62, "small": 0.624, "medium": 0.84}, {"naive": 0.5}, curves=False)
    return FakePlan(graph, simulation.plan([0], graph)), store


def wide_study(root: Path, *, n_methods: int = 10, n_test: int = 200) -> tuple[FakePlan, FakeStore]:
    """All 10 pairs of 5 rungs by many methods on one text task, one seed."""
    store, graph = FakeStore(root), Graph()
    accuracies = dict(zip(PARAMETERS, (0.58, 0.66, 0.74, 0.82, 0.9), strict=True))
    methods = {"naive": 0.3} | {f"method-{i}": 0.3 + 0.05 * i for i in range(1, n_methods)}
    simulation = Simulation(store, text_task(n_test, np.random.default_rng(13)), accuracies, methods, curves=False)
    return FakePlan(graph, simulation.plan([0], graph)), store


def on_many_tasks(plan: FakePlan, n_tasks: int = 20) -> FakePlan:
    """The same jobs as if they were of many tasks: 20 tasks of the wide study are 2,000 students."""
    tasks = [f"task-{i}" for i in range(n_tasks)]
    return FakePlan(plan.graph, [replace(c, task=task) for task in tasks for c in plan.comparisons])


def on_many_tasks_results(results: Results, n_tasks: int = 20) -> Results:
    """The results that `on_many_tasks` would have, without judging the same again and again."""
    parts = ("rows", "summary", "differences", "calibration", "reliability", "anatomy", "diagnostics", "slices")
    tasks = [f"task-{i}" for i in range(n_tasks)]
    copied = {name: [row | {"task": task} for task in tasks for row in results[name]] for name in (*parts, "ceilings")}
    return results.replaced(**copied, over_tasks=[row | {"n_tasks": n_tasks} for row in results["over_tasks"]])
