"""What holds for every row of `w2slab list methods`."""

from __future__ import annotations

import re
from dataclasses import dataclass, is_dataclass
from typing import ClassVar

import pytest

from tests.methods.planning import problems
from w2slab import registry
from w2slab.methods.method import Method
from w2slab.relabelings.relabeling import Relabeling, RelabelResult

ROWS = sorted(registry.table("methods"))


def test_there_are_thirty_methods_or_more():
    assert len(ROWS) >= 30


@pytest.mark.parametrize("row", ROWS)
def test_its_line_is_one_sentence_that_ends_with_a_reference(row):
    line = registry.describe("methods", row)
    assert re.fullmatch(r"[A-Z].*\([^()]*\b(19|20)\d\d\b[^()]*\)\.", line), line
    assert line == registry.row("methods", row).kind.__doc__.partition("\n")[0]


@pytest.mark.parametrize("row", ROWS)
def test_it_is_a_frozen_dataclass_whose_fields_have_defaults_and_are_explained(row):
    found = registry.row("methods", row)
    assert is_dataclass(found.kind)
    assert found.kind.__dataclass_params__.frozen
    assert isinstance(registry.build("methods", row, {}), Method)
    assert [each.name for each in found.parameters.values() if not each.text] == []


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
    told = {row for row in ROWS if registry.build("methods", row, {}).uses_truth}
    assert told == {"finetune-then-probe", "trust-function"}


@pytest.mark.parametrize("row", ["cross-entropy", "shuffled", "random", "constant", "self-relabel"])
def test_rows_that_alone_would_be_no_method_are_none(row):
    assert row not in ROWS
    assert any(row in registry.table(kind) for kind in ("objectives", "relabelings"))


def test_rows_of_relabelings_that_need_more_than_labels_and_features_have_methods_of_their_own():
    from w2slab.methods import TABLE

    for row in registry.table("relabelings"):
        relabeling = registry.build("relabelings", row, {})
        if relabeling.needs_others or relabeling.needs_trusted:
            assert row in TABLE or row not in ROWS, row


@dataclass(frozen=True)
class Foreign(Relabeling):
    """A relabeling of another distribution that looks at labels of others (Nobody 2025)."""

    needs_others: ClassVar[int] = 1

    def __call__(self, batch):
        return RelabelResult(batch.probs)


def test_a_foreign_relabeling_that_needs_more_says_so_before_anything_runs():
    registry.add_row("relabelings", "foreign", "tests.methods.test_rows:Foreign")
    try:
        assert "foreign needs labels beside the supervisor's" in problems("methods=[foreign]")
    finally:
        registry.remove_row("relabelings", "foreign")
