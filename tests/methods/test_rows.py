"""What holds for every row of `w2slab list methods`."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass
from typing import ClassVar

import pytest

from tests.methods.planning import problems
from w2slab import registry

ROWS = sorted(registry.table("methods"))


def test_there_are_thirty_methods_or_more():
    assert len(ROWS) >= 30


@pytest.mark.parametrize("row", ROWS)
def test_its_line_is_one_sentence_that_ends_with_a_reference(row):
    line = registry.describe("methods", row)
    assert re.fullmatch(r"[A-Z].*\([^()]*\b(19|20)\d\d\b[^()]*\)\.", line), line
    assert line == registry.load("methods", row).__doc__.partition("\n")[0]


@pytest.mark.parametrize("row", ROWS)
def test_it_is_a_frozen_dataclass_whose_fields_have_defaults_and_are_explained(row):
    method = registry.load("methods", row)
    assert is_dataclass(method)
    assert method.__dataclass_params__.frozen
    registry.build("methods", row, {})
    for field in fields(method):
        assert re.search(rf"\n\s+([a-z0-9_]+, )*{field.name}(, [a-z0-9_]+)*: ", method.__doc__), field.name


@pytest.mark.parametrize("row", ROWS)
def test_it_finds_nothing_wrong_with_a_plain_study_or_says_what(row):
    said = problems(f"methods=[{row}]")
    needs_more = {
        "bootstrapping": "splits.reserve",
        "generative-finetuning": "no causal language model",
        "prompting": "no causal language model",
    }
    assert needs_more.get(row, "") in said
    assert bool(said) == (row in needs_more), said


# "In `tuning: head` everything must work that can."
def test_with_heads_alone_all_methods_can_be_planned_but_those_that_train_features():
    cannot = {row for row in ROWS if "trains no features" in problems(f"methods=[{row}]", "tuning=head")}
    assert cannot == {"finetune-then-probe", "lp-ft", "representation-anchor"}


# "Supervision other than models: methods that train supervisors of their own say so."
def test_labels_that_no_model_gave_refuse_methods_with_several_supervisors():
    cannot = {row for row in ROWS if "trains weak models" in problems(f"methods=[{row}]", "supervision=corrupted")}
    assert cannot == {
        "bayesian-supervisors",
        "co-supervised",
        "ensemw2s",
        "reliability-filter",
        "reliability-weights",
        "supervisor-ensemble",
        "supervisor-vote",
    }


def test_only_what_is_told_true_labels_says_so():
    told = {row for row in ROWS if getattr(registry.build("methods", row, {}), "uses_truth", False)}
    assert told == {"finetune-then-probe", "trust-function"}


@pytest.mark.parametrize("row", ["cross-entropy", "shuffled", "random", "constant", "self-relabel"])
def test_rows_that_alone_would_be_no_method_are_none(row):
    assert row not in ROWS
    assert any(row in registry.table(kind) for kind in ("objectives", "relabelings"))


def test_rows_of_relabelings_that_need_more_than_labels_and_features_have_methods_of_their_own():
    from w2slab.methods import NOT_ALONE, TABLE

    for row in registry.table("relabelings"):
        relabeling = registry.load("relabelings", row)
        if getattr(relabeling, "needs_others", 0) or getattr(relabeling, "needs_trusted", False):
            assert row in TABLE or row in NOT_ALONE, row


@dataclass(frozen=True)
class Foreign:
    """A relabeling of another distribution that looks at labels of others (Nobody 2025)."""

    needs_others: ClassVar[int] = 1


def test_a_foreign_relabeling_that_needs_more_says_so_before_anything_runs(monkeypatch):
    for kind in ("relabelings", "methods"):
        monkeypatch.setitem(registry.table(kind), "foreign", "tests.methods.test_rows:Foreign")
    assert "foreign needs labels beside the supervisor's" in problems("methods=[foreign]")
