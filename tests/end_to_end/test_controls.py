"""Controls: weak labels without knowledge make students without knowledge; a copy is no better than its original."""

from __future__ import annotations

import pytest

import w2slab
from w2slab.study.reading import load_study

CONTROLS = ("shuffled", "random", "constant")


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("controls")
    from tests.conftest import TOY

    (folder / "study.yaml").write_text(TOY.replace("\n    ", "\n"))
    settings = ["methods=[naive]", "controls=[shuffled, random, constant, self-training]", "seeds=[0, 1, 2, 3, 4]"]
    study = load_study(folder / "study.yaml", [*settings, "splits.student_train=1000", "splits.supervisor_train=1000"])
    assert w2slab.run(study, folder / "store", executor="inline").outcome.exit_code == 0
    return [row for row in w2slab.load_results(study, folder / "store").summary if row["is_reported"]]


@pytest.mark.parametrize("control", CONTROLS)
def test_a_student_of_labels_without_knowledge_stays_at_chance(rows, control):
    (row,) = [r for r in rows if r["control"] == control]
    assert row["student_accuracy"] == pytest.approx(0.5, abs=0.12)
    assert row["ceiling_accuracy"] > 0.75


def test_a_copy_of_the_supervisor_is_no_better_than_it(rows):
    copies = [r for r in rows if r["control"] == "self-training"]
    assert copies
    for row in copies:
        assert row["student_accuracy"] == pytest.approx(row["supervisor_accuracy"], abs=0.04)
