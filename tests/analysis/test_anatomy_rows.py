"""What became of the supervisor's errors, against a plain loop over examples and seeds."""

from __future__ import annotations

import numpy as np
import pytest

from tests.analysis.conftest import of

KINDS = ("kept", "corrected", "inherited", "changed", "new")


def kind(student, supervisor, right):
    if supervisor in right:
        return "kept" if student in right else "new"
    if student in right:
        return "corrected"
    return "inherited" if student == supervisor else "changed"


def test_each_row_is_what_a_plain_loop_finds(chess, told):
    plan, _, results = chess
    assert len(results["anatomy"]) == 6 * 3 + 4
    for row in results["anatomy"][::4]:
        kinds, reachable = [], []
        for comparison in of(plan, row):
            _, right, said = told(comparison)
            choices = {role: each.choices.tolist() for role, each in said.items()}
            for place, allowed in enumerate(right):
                supervisor, student, ceiling = (choices[r][place] for r in ("supervisor", "student", "ceiling"))
                kinds.append(kind(student, supervisor, allowed))
                if supervisor not in allowed and ceiling in allowed:
                    reachable.append(student in allowed)
        for name in KINDS:
            assert row[name] == pytest.approx(kinds.count(name) / len(kinds))
            assert 0 <= row[f"{name}_low"] <= row[name] <= row[f"{name}_high"] <= 1
        assert row["corrected_of_reachable"] == pytest.approx(np.mean(reachable))
        assert row["seeds"] == (0, 1)


def test_shares_sum_to_one_and_agree_with_the_summary(chess):
    results = chess[2]
    summary = {(r["weak"], r["strong"], r["method"], r["control"]): r for r in results.summary if r["is_reported"]}
    for row in results["anatomy"]:
        assert sum(row[name] for name in KINDS) == pytest.approx(1)
        own = summary[row["weak"], row["strong"], row["method"], row["control"]]
        assert row["kept"] + row["corrected"] == pytest.approx(own["student_accuracy"])
        assert row["kept"] + row["new"] == pytest.approx(own["supervisor_accuracy"])
        wrong = 1 - own["supervisor_accuracy"]
        assert row["inherited"] / wrong == pytest.approx(own["agreement_wrong"])
