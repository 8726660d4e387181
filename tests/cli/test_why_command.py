"""`w2slab why`: what makes a result not cached."""

from __future__ import annotations

import json

from tests.conftest import w2slab

LONGER = ("--set", "recipe.epochs=3")


def test_a_finished_study_needs_no_explanation(finished_toy_study):
    done = w2slab("why", finished_toy_study)
    assert (done.returncode, done.stdout) == (0, "all of it is cached\n")


def test_the_changed_field_is_named_for_a_study_and_for_one_job(finished_toy_study):
    keys = [line.split()[1] for line in w2slab("plan", finished_toy_study, *LONGER).stdout.splitlines()[:-1]]
    of_study = w2slab("why", finished_toy_study, *LONGER).stdout
    of_job = w2slab("why", finished_toy_study, keys[-1][:20], *LONGER).stdout

    assert "  spec.recipe.epochs: stored 2, asked 3" in of_study.splitlines()
    assert "  spec.recipe.epochs: stored 2, asked 3" in of_job.splitlines()
    assert keys[-1] in of_job


def test_two_studies_are_compared(finished_toy_study, tmp_path):
    longer = tmp_path / "longer.yaml"
    longer.write_text(finished_toy_study.read_text().replace("epochs: 2", "epochs: 3"))
    causes = json.loads(w2slab("why", finished_toy_study, longer, "--json").stdout)

    assert {(each["place"], each["before"], each["after"]) for cause in causes for each in cause["differences"]} == {
        ("spec.recipe.epochs", "2", "3")
    }
    assert w2slab("why", finished_toy_study, finished_toy_study).stdout == "no job differs\n"


def test_what_is_neither_a_study_nor_a_key_is_an_error_in_words(finished_toy_study, tmp_path):
    done = w2slab("why", finished_toy_study, "finetune-nonsense")
    assert done.returncode == 2
    assert "no job of the plan begins with it" in done.stderr
    assert w2slab("why", "nowhere.yaml", cwd=tmp_path).returncode == 2
