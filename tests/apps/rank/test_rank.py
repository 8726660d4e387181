"""`w2slab rank` on the toy task: real training, a stop in between, and what it says."""

from __future__ import annotations

import csv
import json
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import w2slab
from w2slab.apps.rank import markdown, rank, write_ranking
from w2slab.apps.rank.rank_studies import finetuned_study, on_features
from w2slab.apps.rank.ranking import ROLES, read_scores
from w2slab.errors import StudyError
from w2slab.experiment import run as api
from w2slab.experiment.plan import plan
from w2slab.experiment.run import load_results, run
from w2slab.graph.store import Store
from w2slab.study.reading import load_study

pytestmark = pytest.mark.slow

STUDY = """
    name: small
    tasks: [toy]
    ladder:
      - {name: a, family: linear, n_features: 2}
      - {name: b, family: linear, n_features: 8}
      - {name: c, family: linear, n_features: 32}
    methods: [naive, {name: bootstrapping, examples: same}, {name: window, called: wide, radius: 0.4}]
    controls: [shuffled]
    splits: {supervisor_train: 200, student_train: 200, validation: 50, test: 400}
    recipe: {epochs: 2, lr: 0.02, curve_points: 0}
    tuning: {features_of: task, recipe: {epochs: 5, curve_points: 0}}
    statistics: {resamples: 200}
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(textwrap.dedent(STUDY))
    return path


def test_all_methods_that_fit_are_ranked_and_those_that_do_not_say_why(study):
    fast, left = on_features(load_study(study), None, 3)
    names = [method.display_name for method in fast.methods]
    assert names[0] == "naive"
    assert {"bootstrapping", "wide", "window", "reverse-kl", "confidence-filter"} <= set(names)
    assert fast.seeds == (0, 1, 2)
    assert fast.controls == ()
    reasons = dict(left)
    assert "continue a text" in reasons["prompting"]
    assert "tuning: head" in reasons["representation-anchor"]
    assert not set(reasons) & set(names)


def test_a_method_asked_for_by_name_must_fit(study):
    with pytest.raises(StudyError, match=r"unknown method \"reverse-kull\".* Did you mean \"reverse-kl\""):
        on_features(load_study(study), ("reverse-kull",), 3)
    with pytest.raises(StudyError, match="prompting: ladder"):
        on_features(load_study(study), ("prompting",), 3)


def test_the_finetuned_study_has_the_leading_methods_with_their_fields(study):
    fast, _ = on_features(load_study(study), None, 3)
    full, left = finetuned_study(load_study(study), fast, ["wide", "reverse-kl"], 2)
    assert [method.display_name for method in full.methods] == ["naive", "reverse-kl", "wide"]
    assert full.methods[2].objective.radius == 0.4
    assert full.tuning is None
    assert full.seeds == (0, 1)
    assert left == []


def test_what_heads_cannot_have_can_be_finetuned_and_an_unknown_name_is_told_first(study):
    loaded = load_study(study)
    fast, _ = on_features(loaded, ("reverse-kl",), 3)
    full, _ = finetuned_study(loaded, fast, ["lp-ft"], 2)
    assert [method.display_name for method in full.methods] == ["naive", "lp-ft"]
    assert "lp-ft" in dict(on_features(loaded, None, 3)[1])
    with pytest.raises(StudyError, match=r"unknown method \"lpft\""):
        finetuned_study(loaded, fast, ["lpft"], 2)
    done = w2slab("rank", study, "--also", "lpft", "--no-progress")
    assert done.returncode == 2
    assert "lpft" in done.stderr


def test_what_a_study_puts_together_is_ranked_with_or_without_a_name_or_said_to_be_left_out(study):
    composed = "{name: composed, relabelings: [hard-labels]}, {name: lp-ft, called: early-head}, {name: window"
    study.write_text(study.read_text().replace("{name: window", composed))
    fast, left = on_features(load_study(study, ["tuning=full"]), None, 2)
    assert "composed" in [method.display_name for method in fast.methods]
    assert "tuning: head" in dict(left)["early-head"]


def test_supervisor_and_ceiling_are_the_baselines_whatever_another_method_brings(study, tmp_path):
    loaded = load_study(study, ["methods=[naive]", "controls=[]", "pairs=[[a, b]]"])
    store = Store(tmp_path / "store")
    assert api.run(loaded, store, executor="inline").outcome.exit_code == 0
    comparisons = plan(loaded).comparisons
    own = [replace(each, method="own", ceiling=each.supervisor, supervisor=each.ceiling) for each in comparisons]
    alone, both = (read_scores(each, store, "toy", "naive") for each in (comparisons, comparisons + own))
    assert "own" in both.of
    for role in ROLES:
        assert (alone.of[role] == both.of[role]).all()


def test_a_ranking_is_run_stopped_and_gone_on_with(study, tmp_path):
    asked = [study, "--methods", "auxiliary-confidence,reverse-kl,confidence-filter", "--seeds", 3, "--finetuned", 1]
    asked += ["--finetuned-seeds", 2, "--also", "reverse-kl", "--no-progress"]
    stopped = w2slab("rank", *asked, "--max-hours", 0)
    assert stopped.returncode == 75, stopped.stderr
    done = w2slab("rank", *asked)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "small-ranking"
    page = (folder / "ranking.md").read_text()
    assert "## On frozen features" in page
    assert "## Finetuned" in page
    for words in ("naive", "auxiliary-confidence", "not significant", "Rank agreement", "3 seeds"):
        assert words in page
    rows = list(csv.DictReader((folder / "fast.csv").read_text().splitlines()))
    assert {row["method"] for row in rows} == {
        "naive", "auxiliary-confidence", "reverse-kl", "confidence-filter", "wide"
    }  # fmt: skip
    facts = json.loads((folder / "ranking.json").read_text())
    assert facts["pairs"] == ["a → b", "a → c", "b → c"]
    assert facts["not_ranked"] == {"fast": [], "finetuned": []}
    again = w2slab("rank", *asked)
    assert (folder / "ranking.md").read_text() == page
    assert again.returncode == 0


def test_methods_are_ranked_from_python(study, tmp_path):
    loaded = load_study(study, ["methods=[naive]", "controls=[]", "pairs=[[a, b]]"])
    how = {"methods": ("auxiliary-confidence",), "seeds": 2, "finetuned": 0, "executor": "inline"}
    stopped = rank(loaded, tmp_path / "store", **how, max_seconds=0)
    assert (bool(stopped.outcome.stopped), stopped.fast) == (True, None)
    found = rank(loaded, tmp_path / "store", **how)
    assert {row["method"] for row in found.fast.rows} == {"naive", "auxiliary-confidence"}
    assert (found.full, found.agreement) == (None, None)
    page = write_ranking(found, tmp_path / "out").read_text()
    assert page == markdown(found)
    assert "## Finetuned" not in page


def test_a_head_counts_as_large_as_the_model_whose_features_it_reads(study):
    """The size that figures show is the rung's, not the head's alone."""
    run(load_study(study, ["methods=[naive]", "controls=[]"]), study.parent / "store", executor="inline")
    summary = load_results(study, study.parent / "store", settings=["methods=[naive]", "controls=[]"]).summary
    # A linear rung of n features is itself n weights and a bias for each of two classes; so is its head.
    sizes = {row["weak"]: row["weak_parameters"] for row in summary}
    assert sizes["a"] == 2 * (2 * 2 + 2)
    assert sizes["b"] == 2 * (8 * 2 + 2)
