"""One job in several processes: the result of one process, and nothing left behind when something goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from tests.conftest import result_bytes, w2slab
from tests.jobs.conftest import Bench
from tests.jobs.language import folder_of, plugin
from w2slab.data.artifacts import read_curve, read_predictions
from w2slab.data.examples import Examples
from w2slab.errors import JobError, UnavailableError
from w2slab.graph.job import JobContext, Stopped
from w2slab.graph.perform import PEAKS
from w2slab.jobs import ranks
from w2slab.jobs.options import RunOptions
from w2slab.models.chessformer.chessformer import Chessformer
from w2slab.objectives.confidence import AuxiliaryConfidence
from w2slab.tasks.chess.puzzle_task import Chess
from w2slab.training.recipe import Recipe

pytestmark = pytest.mark.slow

TWO = RunOptions(gpus_per_job=2, device="cpu")


def context(folder: Path, **changes) -> JobContext:
    for name in ("out", "work"):
        (folder / name).mkdir(exist_ok=True)
    return JobContext(**({"inputs": {}, "out": folder / "out", "work": folder / "work", "options": TWO} | changes))


def assert_alike(one: Path, two: Path) -> None:
    for file in sorted((one / "predictions").iterdir()):
        a, b = read_predictions(one, file.stem), read_predictions(two, file.stem)
        np.testing.assert_array_equal(a.positions, b.positions)
        np.testing.assert_allclose(a.probs, b.probs, atol=1e-4)


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """A bench with data and weak labels, a student's spec, and its result from two processes."""
    bench = Bench(tmp_path_factory.mktemp("student"))
    data = bench.prepare()
    labels = bench.finetune("supervisor", {"data": data}, bench.spec(2, train_split="supervisor_train"))
    bench.inputs = {"data": data, "labels": labels}
    bench.student = bench.spec(labels="soft", n_features=32, objective=AuxiliaryConfidence(ramp_frac=0.0))
    bench.two = bench.finetune("two", bench.inputs, bench.student, options=TWO)
    return bench


# "Same predictions as one process to rounding."
def test_two_processes_give_the_predictions_of_one(student):
    assert student.facts["processes"] == 2
    assert student.facts["micro_batch"] == 16
    assert len(student.facts[PEAKS]) == 2
    assert min(student.facts[PEAKS]) > 50 * 2**20
    one = student.finetune("one", student.inputs, student.student)
    assert {p.relative_to(one) for p in one.rglob("*")} == {p.relative_to(student.two) for p in student.two.rglob("*")}
    assert_alike(one, student.two)
    for a, b in zip(read_curve(one), read_curve(student.two), strict=True):
        assert a == pytest.approx(b, abs=1e-3)


def test_a_sharded_network_gives_the_predictions_of_one_process(tmp_path):
    from safetensors.torch import load_file

    bench = Bench(tmp_path)
    sizes = {"supervisor_train": 20, "student_train": 37, "validation": 10, "test": 30}
    data = bench.data(Chess(), sizes, "data")
    spec = bench.spec(
        model=Chessformer("chess-8k"),
        recipe=Recipe(epochs=1, batch_size=9, curve_points=2, stop_at="weak-labels"),
        keep_weights=True,
    )
    one = bench.finetune("one", {"data": data}, spec, options={"device": "cpu"})
    sharded = replace(TWO, sharded=True, micro_batch=4, prediction_batch=8)
    bench.finetune("two", {"data": data}, spec, options=sharded)
    assert_alike(one, tmp_path / "two")
    a, b = (load_file(tmp_path / name / "checkpoint" / "model.safetensors") for name in ("one", "two"))
    assert a.keys() == b.keys()
    for name in a.keys() - {"logit.bias"}:  # no probability depends on it, so that its gradient is rounding
        torch.testing.assert_close(a[name], b[name], rtol=1e-3, atol=1e-3)
    assert bench.facts["n_parameters"] == sum(tensor.numel() for tensor in a.values())


# Texts of very different lengths: one process alone would take its share in parts, and must keep step with the other.
def test_a_sharded_text_model_gives_the_predictions_of_one_process(tmp_path):
    bench, n = Bench(tmp_path), 24
    names, right = [f"t{i}" for i in range(n)], [i % 2 for i in range(n)]
    texts = [" ".join(["film"] * (60 if i % 7 == 0 else 1) + [("bad", "good")[right[i]]]) for i in range(n)]
    (tmp_path / "data").mkdir()
    examples = Examples(pa.table({"id": names, "group": names, "text": texts}), ("bad", "good"))
    data = folder_of(tmp_path / "data", (examples, right))
    model = plugin(tmp_path / "model", max_length=64)
    spec = bench.spec(model=model, recipe=Recipe(epochs=1, batch_size=8, curve_points=0))
    one = bench.finetune("one", {"data": data}, spec, options={"device": "cpu"})
    assert_alike(one, bench.finetune("two", {"data": data}, spec, options=replace(TWO, sharded=True)))


def test_each_process_is_told_all_of_the_job_and_its_place_in_it(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setenv("MASTER_PORT", "1")
    heard = []
    (tmp_path / "data").mkdir()
    options = RunOptions(gpus_per_job=2, micro_batch=3)
    asked = context(
        tmp_path, options=options, inputs={"data": tmp_path / "data"}, progress=lambda *said: heard.append(said)
    )
    facts = ranks.spread("tests.jobs.rank_jobs:tell", {"x": [1, None, "é"]}, asked)
    assert facts["spec"] == {"x": [1, None, "é"]}
    assert facts["rank"] == 0
    assert facts["inputs"] == ["data"]
    assert facts["options"] == asdict(RunOptions(gpus_per_job=2, device="cpu", micro_batch=3))
    assert heard == [(0.5, "half, says 0")]
    assert {p.name: p.read_text() for p in asked.out.iterdir()} == {"rank-0": "2 0 2", "rank-1": "2 1 2"}


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("explained", "^the examples are no good$"),
        ("bug", "^ValueError: a bug$"),
        (
            "killed",
            r"(?s)^process 2 of the job was killed by SIGKILL, perhaps .*\n.*my last words$",
        ),
    ],
)
def test_a_process_that_fails_ends_the_others_and_the_job(tmp_path, how, words):
    started = time.monotonic()
    with pytest.raises(JobError, match=words):
        ranks.spread("tests.jobs.rank_jobs:fail", {"how": how}, context(tmp_path))
    assert time.monotonic() - started < 30


def test_all_are_asked_to_stop(tmp_path):
    both = [tmp_path / "work" / f"{rank}.pid" for rank in (0, 1)]
    asked = context(tmp_path, stop_requested=lambda: all(file.exists() for file in both))
    with pytest.raises(Stopped):
        ranks.spread("tests.jobs.rank_jobs:wait", {}, asked)


# "kill -9 of the parent leaves no orphans."
def test_processes_end_with_their_parent(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.jobs.test_ranks import context, ranks\n"
        "ranks.spread('tests.jobs.rank_jobs:wait', {}, context(Path(sys.argv[1])))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment)
    files = [tmp_path / "work" / f"{rank}.pid" for rank in (0, 1)]
    deadline = time.monotonic() + 60
    while not all(file.exists() and file.read_text() for file in files) and time.monotonic() < deadline:
        time.sleep(0.05)
    pids = [int(file.read_text()) for file in files]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while any(_is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_is_alive(pid) for pid in pids)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_gpus_are_given_to_one_job_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(ranks.tempfile, "gettempdir", lambda: str(tmp_path))
    names = ["0", "1", "2"]
    free = context(tmp_path)
    with ranks.taken_gpus(2, free, names) as first:
        assert first == ["0", "1"]
        with ranks.taken_gpus(1, free, names) as second:
            assert second == ["2"]
        impatient = context(tmp_path, stop_requested=lambda: True)
        with pytest.raises(Stopped), ranks.taken_gpus(2, impatient, names):
            pass
        with ranks.taken_gpus(1, free, names) as third:  # nothing was kept by the one that waited
            assert third == ["2"]
    with pytest.raises(JobError, match="4 GPUs are asked for and there are 3"), ranks.taken_gpus(4, free, names):
        pass


def test_what_a_launcher_says_is_read_once():
    environment = {"PATH": "/bin", "RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    environment |= {"MASTER_ADDR": "here", "ACCELERATE_USE_FSDP": "true", "TORCHELASTIC_RUN_ID": "x", "FSDP_SYNC": "1"}
    assert ranks.taken_from_launcher(environment) == ranks.Launch(rank=1, processes=2, on_cpu=False, sharded=True)
    assert environment == {"PATH": "/bin"}
    assert ranks.taken_from_launcher(environment) is None
    with pytest.raises(UnavailableError, match="4 processes on several machines"):
        ranks.taken_from_launcher({"RANK": "0", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"})


# "`w2slab run` under `accelerate launch`."
def test_a_launched_run_does_each_job_in_as_many_processes(toy_study):
    lines = [line for line in toy_study.read_text().splitlines() if "sees-32" not in line]
    toy_study.write_text("\n".join(lines))
    arguments = ["run", toy_study, "--no-report", "--executor", "inline", "--set", "seeds=[0]", "--set"]
    assert w2slab(*arguments, "methods=[naive]").returncode == 0
    before = result_bytes(toy_study.parent / ".w2slab")
    launch = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--multi_gpu"]
    launch += ["--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    command = [*launch, "--main_process_port", "0", "-m", "w2slab", *arguments, "methods=[naive, auxiliary-confidence]"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("1 made, 5 cached") == 1, done.stderr
    assert before.items() < result_bytes(toy_study.parent / ".w2slab").items()
    records = [path.read_text() for path in (toy_study.parent / ".w2slab").rglob("record.json")]
    assert sum('"processes": 2' in record for record in records) == 1
