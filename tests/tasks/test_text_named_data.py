"""Named sets read from the real files in which they were published, where those are at hand."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from w2slab import registry
from w2slab.data.examples import Labelled
from w2slab.data.splitting import split, table_of

DATA = Path(os.environ.get("W2SLAB_DATA") or Path(__file__).parents[3] / "shared" / "data")

# Rows of all files, rows (or, of several answers, questions) of the test files, and the share of the last class.
ONE_TEXT = {
    "ag-news": (7_600, 0, 0.25),
    "boolq": (9_427 + 3_270, 3_270, 0.62),
    "cola": (7_250 + 1_301 + 1_043, 1_043, 0.70),
    "ethics-deontology": (18_164 + 3_596, 3_596, 0.53),
    "ethics-utilitarianism": (13_738 + 4_808, 4_808, 0.50),
    "ethics-virtue": (28_245 + 4_975, 4_975, 0.10),
    "imdb": (50_000, 25_000, 0.50),
    "rotten-tomatoes": (10_662, 0, 0.50),
    "sst2": (6_920 + 872 + 1_821, 872 + 1_821, 0.52),
    "subj": (10_000, 0, 0.50),
    "trec": (5_452 + 500, 500, 0.165),
    "tweet-hate": (12_970, 2_970, 0.42),
    "tweet-irony": (4_601, 784, 0.48),
    "tweet-offensive": (14_100, 860, 0.33),
    "tweet-sentiment": (14_284, 0, 0.43),
}
QUESTIONS = {
    "arc-easy": (2_251 + 2_376, 2_376),
    "cosmosqa": (2_985, 0),
    "mc-taco": (561 + 1_332, 1_332),
    "openbookqa": (4_957 + 500, 500),
    "sciq": (11_679 + 1_000 + 1_000, 2_000),
}


@cache
def loaded(name: str, **options: str) -> Labelled:
    task = registry.build("tasks", name, options)
    folder = DATA / "nlp"
    missing = [part.filename for part in task.local if not (folder / part.filename).is_file()]
    if missing:
        pytest.skip(f"the published files of {name} are not in {folder}; W2SLAB_DATA names the folder above")
    return registry.build("tasks", name, {**options, "data": folder}).load()


def n_test(labelled: Labelled) -> int:
    return 0 if labelled.in_test is None else int(labelled.in_test.sum())


@pytest.mark.parametrize("name", ONE_TEXT)
def test_every_row_is_an_example_or_counted_as_left_out(name):
    labelled, (rows, test_rows, share) = loaded(name), ONE_TEXT[name]
    assert len(labelled.examples) + sum(labelled.dropped.values()) == rows
    assert test_rows * 0.98 <= n_test(labelled) <= test_rows  # a few occur twice
    right = [right for (right,) in labelled.truth.right]
    assert right.count(len(labelled.examples.classes) - 1) / len(right) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_is_a_choice_or_counted_as_left_out(name):
    labelled, (questions, of_test) = loaded(name, form="options"), QUESTIONS[name]
    assert len(labelled.examples) + sum(labelled.dropped.values()) == questions
    assert n_test(labelled) <= of_test
    assert labelled.examples.classes is None
    for row, (right,) in zip(labelled.examples.table.to_pylist(), labelled.truth.right, strict=True):
        assert 0 <= right < len(row["candidates"]) == len(set(row["candidates"]))


@pytest.mark.parametrize("name", QUESTIONS)
def test_items_of_the_test_part_are_right_and_wrong_in_equal_number(name):
    labelled = loaded(name)
    right = np.array([right for (right,) in labelled.truth.right])
    tested = np.ones(len(right), dtype=bool) if labelled.in_test is None else labelled.in_test
    assert right[tested].mean() == 0.5
    assert right.mean() == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("name", ["mc-taco", "cosmosqa", "sciq", "ethics-deontology", "ethics-virtue"])
def test_what_belongs_together_is_one_group_and_in_one_split(name):
    labelled = loaded(name)
    groups = labelled.examples.table.column("group").to_pylist()
    texts = labelled.examples.table.column("text").to_pylist()
    assert len(set(zip(texts, groups, strict=True))) == len(set(texts))  # items of one text have one group
    sizes = dict.fromkeys(("supervisor_train", "student_train", "validation", "test"))
    parts = split(table_of(labelled, name, balanced=False), sizes, seed=0)
    in_parts = Counter(group for part in parts.values() for group in {groups[i] for i in part})
    assert max(in_parts.values()) == 1


@pytest.mark.parametrize("name", [*ONE_TEXT, *QUESTIONS])
def test_no_example_occurs_twice_and_none_is_empty(name):
    labelled = loaded(name)
    assert len(set(labelled.examples.ids)) == len(labelled.examples)
    assert all(text.strip() for text in labelled.examples.table.column("text").to_pylist())


def test_stars_of_imdb_become_a_difficulty():
    difficulties = Counter(loaded("imdb").examples.table.column("difficulty").to_pylist())
    assert sorted(difficulties) == [0, 1, 2, 3]
