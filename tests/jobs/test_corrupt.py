"""True labels with errors: exactly as many as asked for, where they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.jobs.conftest import file_bytes
from tests.small_data import data_in, write_data
from w2slab.data.artifacts import read_predictions, write_predictions
from w2slab.data.examples import Examples
from w2slab.data.labels import Labels
from w2slab.errors import DataError, JobError
from w2slab.graph.job import JobContext
from w2slab.jobs.corrupt import CorruptSpec, corrupt


@dataclass
class Split:
    """Texts and their right classes or candidates; what the named supervisor and the ceiling say of them."""

    texts: list[str]
    right: list[list[int]]
    like: list[int] | None = None
    ceiling: list[list[float]] | None = None
    n_candidates: list[int] | None = None
    ids: list[str] | None = None


def run(root: Path, splits: dict[str, Split], *, out: str = "out", **spec) -> Path:
    """The folder of the result; the data are written once."""
    folders = {name: root / name for name in ("data", "like", "ceiling")}
    if not folders["data"].exists():
        _write(folders, splits)
    (root / out).mkdir()
    inputs = {name: folder for name, folder in folders.items() if folder.exists()} | {"task": folders["data"]}
    context = JobContext(inputs=inputs, out=root / out, work=root / "work")
    corrupt(CorruptSpec(**({"choose": "random", "seed": 0} | spec)), context)
    return root / out


def _write(folders, splits):
    has_classes = all(each.n_candidates is None for each in splits.values())
    data, said = {}, []
    for name, each in splits.items():
        n = len(each.right)
        ids = each.ids or [f"{name}-{i}" for i in range(n)]
        columns = {"id": ids, "group": ids} | ({"text": each.texts} if each.texts else {})
        widths = np.array(each.n_candidates or [2] * n)
        if not has_classes:
            columns["candidates"] = pa.array([[f"c{j}" for j in range(k)] for k in widths], pa.list_(pa.string()))
        classes = ("no", "yes") if has_classes else None
        data[name] = Examples(pa.table(columns), classes), each.right
        for role, rows in (("like", each.like), ("ceiling", each.ceiling)):
            if rows is not None:
                probs = np.eye(widths.max())[rows] if role == "like" else np.array(rows)
                said.append((role, name, probs, widths))
    write_data(folders["data"], data)
    for role, name, probs, widths in said:
        positions = data_in(folders["data"]).positions(name)
        write_predictions(folders[role], name, Labels(positions, probs, widths))


def said(folder: Path, split: str = "test") -> list[int]:
    return read_predictions(folder, split).choices.tolist()


# Lengths 1, 3, 2, 3, 5; true labels 0, 0, 1, 1, 0. The named supervisor is wrong on two of five, and on none of one.
FIVE = Split(["a", "bbb", "cc", "ddd", "eeeee"], [[0], [0], [1], [1], [0]], like=[1, 0, 0, 1, 0])
ONE = Split(["x"], [[1]], like=[1])


@pytest.mark.parametrize(
    ("choose", "wrong"),
    [("longest", [1, 4]), ("shortest", [0, 2])],  # of lengths 3 and 3, that of the smaller id is longer
)
def test_prompts_are_chosen_by_their_length_and_equals_by_id(tmp_path, choose, wrong):
    folder = run(tmp_path, {"test": FIVE, "student_train": ONE}, choose=choose)
    assert said(folder) == [right[0] ^ (i in wrong) for i, right in enumerate(FIVE.right)]
    assert said(folder, "student_train") == [1]


def test_the_answer_belongs_to_the_prompt(tmp_path):
    splits = {"test": Split(["aaaa", "b"], [[0], [0]], like=[0, 1])}
    run(tmp_path, splits, choose="longest", out="without")
    table = pa.table({"id": ["test-0", "test-1"], "group": ["x", "y"], "text": ["aaaa", "b"], "answer": ["", "12345"]})
    write_data(tmp_path / "data", {"test": (Examples(table, ("no", "yes")), [[0], [0]])})
    assert said(tmp_path / "without") == [1, 0]
    assert said(run(tmp_path, splits, choose="longest")) == [0, 1]


# Right with 0.9, wrong with 0.6 (0.4 for the truth), right with 0.55, right with 0.9, wrong with 0.8 (0.2 for it).
SURE = [[0.9, 0.1], [0.4, 0.6], [0.45, 0.55], [0.1, 0.9], [0.2, 0.8]]


@pytest.mark.parametrize(
    ("choose", "rate", "wrong"),
    [
        ("least-sure", 0.2, [4]),
        ("least-sure", 0.6, [4, 1, 2]),
        ("surely-right", 0.2, [0]),  # 0 and 3 are as sure
        ("surely-right", 0.6, [0, 3, 2]),
        ("surely-right", 0.8, [0, 3, 2, 1]),  # none is right any more: the true label with the most probability
    ],
)
def test_the_ceiling_chooses_by_the_probability_of_the_true_label(tmp_path, choose, rate, wrong):
    split = Split(FIVE.texts, FIVE.right, ceiling=SURE)
    folder = run(tmp_path, {"test": split}, choose=choose, rate=rate)
    assert said(folder) == [right[0] ^ (i in wrong) for i, right in enumerate(FIVE.right)]


def test_the_ceiling_is_matched_by_position(tmp_path):
    run(tmp_path, {"test": Split(FIVE.texts, FIVE.right, ceiling=SURE)}, choose="least-sure", rate=0.2, out="first")
    found = read_predictions(tmp_path / "ceiling", "test")
    turned = Labels(found.positions[::-1], found.probs[::-1], found.n_candidates[::-1])
    write_predictions(tmp_path / "ceiling", "test", turned)
    folder = run(tmp_path, {}, choose="least-sure", rate=0.2)
    assert said(folder) == said(tmp_path / "first")


def test_of_several_right_candidates_none_is_an_error_and_the_first_is_the_label(tmp_path):
    split = Split([], [[2, 0], [1], [0, 1]], n_candidates=[3, 2, 3])
    folder = run(tmp_path, {"test": split}, rate=0.999)
    assert said(folder) == [1, 0, 2]  # the only wrong candidates there are
    assert said(run(tmp_path, {"test": split}, rate=0.001, out="none")) == [2, 1, 0]


def test_examples_without_a_wrong_candidate_are_passed_over(tmp_path):
    split = Split([], [[0], [0, 1], [1]], n_candidates=[1, 2, 2])
    assert said(run(tmp_path, {"test": split}, rate=0.34)) == [0, 0, 0]
    with pytest.raises(JobError, match="test: 2 errors are asked for, and 1 of 3 examples have a wrong candidate"):
        run(tmp_path, {"test": split}, rate=0.67, out="more")


def test_prompts_without_a_length_choose_nothing(tmp_path):
    with pytest.raises(DataError, match="the examples of this task are no texts; choose random"):
        run(tmp_path, {"test": Split([], [[0], [1]])}, rate=0.5, choose="longest")


@st.composite
def splits_of_examples(draw):
    """Examples with own candidates, of which at least one is wrong; and how many errors there are to be."""
    n = draw(st.integers(1, 12))
    widths = draw(st.lists(st.integers(2, 4), min_size=n, max_size=n))
    right = [draw(st.lists(st.integers(0, k - 1), min_size=1, max_size=k - 1, unique=True)) for k in widths]
    like = [draw(st.integers(0, k - 1)) for k in widths]
    raw = [draw(st.lists(st.integers(1, 9), min_size=k, max_size=k)) for k in widths]
    ceiling = [[*(w / sum(row) for w in row), *[0.0] * (max(widths) - len(row))] for row in raw]
    texts = [draw(st.text("ab", max_size=5)) for _ in widths]
    ids = [f"{i}" for i in draw(st.permutations(range(n)))]
    return Split(texts, right, like, ceiling, widths, ids)


@settings(max_examples=40, deadline=None)
@given(
    splits_of_examples(),
    st.sampled_from(["random", "longest", "shortest", "least-sure", "surely-right"]),
    st.integers(0, 3),
)
def test_there_are_exactly_as_many_errors_and_the_same_seed_gives_the_same_bytes(split, choose, seed):
    with TemporaryDirectory() as root:
        folder = run(Path(root), {"student_train": split}, choose=choose, seed=seed)
        again = run(Path(root), {}, choose=choose, seed=seed, out="again")
        assert file_bytes(folder) == file_bytes(again)
        labels = read_predictions(folder, "student_train")
    is_wrong = np.array([c not in right for c, right in zip(labels.choices, split.right, strict=True)])
    assert is_wrong.sum() == sum(c not in right for c, right in zip(split.like, split.right, strict=True))
    assert all(c == right[0] for c, right, w in zip(labels.choices, split.right, is_wrong, strict=True) if not w)
    assert (labels.choices < labels.n_candidates).all()
    assert (labels.probs.max(axis=1) == 1).all()
    lengths = np.array([len(text) for text in split.texts])
    if choose in ("longest", "shortest") and is_wrong.any() and not is_wrong.all():
        inside, outside = (
            (lengths[is_wrong], lengths[~is_wrong]) if choose == "longest" else (lengths[~is_wrong], lengths[is_wrong])
        )
        assert inside.min() >= outside.max()


def test_errors_are_drawn_evenly_and_by_the_seed(tmp_path):
    split = Split([], [[0]] * 2000, n_candidates=[3] * 2000)
    counts = np.bincount(said(run(tmp_path, {"test": split}, rate=0.5)), minlength=3)
    assert counts[0] == 1000
    assert 420 < counts[1] < 580
    other = said(run(tmp_path, {}, rate=0.5, seed=1, out="other"))
    assert np.mean(np.array(other) == np.array(said(tmp_path / "out"))) < 0.5
