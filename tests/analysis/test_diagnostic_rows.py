"""Diagnostics of a study, against plain loops over examples and seeds."""

from __future__ import annotations

import math

import fake_study
import numpy as np
import pytest

from tests.analysis.conftest import of
from w2slab.analysis import collect
from w2slab.analysis.tables.diagnostics_table import GAINS, overlap_density, rankings
from w2slab.data.artifacts import read_predictions
from w2slab.jobs.spec import FileDigests, job

PAIRS = {"student": ("supervisor", "student"), "ceiling": ("supervisor", "ceiling")}


def brier(probs, right):
    p = sum(probs[i] for i in right)
    return (1 - p) ** 2 + sum(q * q for i, q in enumerate(probs) if i not in right)


def plain_row(told, comparisons):
    """Means over examples and seeds, with plain loops; every example has one right candidate."""
    squared, reverse, briers, losses, chances, parts = [], [], [], [], [], {name: [] for name in PAIRS}
    for comparison in comparisons:
        examples, right, said = told(comparison)
        probs = {role: each.probs.astype(float).tolist() for role, each in said.items()}
        own = {name: [[], [], [], []] for name in PAIRS}
        for place, example in enumerate(examples):
            k = len(example["candidates"]) if "candidates" in example else 2
            of_all = {role: probs[role][place][:k] for role in probs}
            weak, student = of_all["supervisor"], of_all["student"]
            squared.append(sum((a - b) ** 2 for a, b in zip(student, weak, strict=True)))
            reverse.append(sum(a * math.log(a / max(b, 1e-12)) for a, b in zip(student, weak, strict=True) if a > 0))
            briers.append(brier(weak, right[place]) - brier(student, right[place]))
            p_weak, p_student = (max(each[right[place][0]], 1e-12) for each in (weak, student))
            losses.append(math.log(p_student) - math.log(p_weak))
            chances.append(1 / k)
            for name, (one, other) in PAIRS.items():
                alike = sum(a * b for a, b in zip(of_all[one], of_all[other], strict=True))
                r = right[place][0]
                for found, value in zip(own[name], (alike, of_all[one][r], of_all[other][r], 1 / (k - 1)), strict=True):
                    found.append(value)
        for name in PAIRS:
            observed, p, q, others = (float(np.mean(each)) for each in own[name])
            parts[name].append((observed, p * q + (1 - p) * (1 - q) * others))
    found = {"misfit": squared, "kl_misfit": reverse, "brier_gain": briers, "log_loss_gain": losses}
    row = {name: float(np.mean(values)) for name, values in found.items()}
    for name, of_seeds in parts.items():
        observed, expected = np.mean(of_seeds, axis=0)
        row[f"capa_{name}"] = (observed - expected) / (1 - expected)
        row[f"kappa_{name}"] = (observed - np.mean(chances)) / (1 - np.mean(chances))
    return row


def test_each_row_is_what_a_plain_loop_finds(chess, told):
    plan, _, results = chess
    assert len(results["diagnostics"]) == 6 * 3 + 4
    for row in results["diagnostics"][::7]:
        for name, value in plain_row(told, of(plan, row)).items():
            assert row[name] == pytest.approx(value, abs=2e-6), name
            assert row[f"{name}_low"] < row[name] < row[f"{name}_high"]
        assert (row["n_test"], row["seeds"], row["kappa_chance"]) == (240, (0, 1), "any candidate alike")
        assert math.isnan(row["overlap_density"])


def test_it_says_what_the_other_tables_say(chess):
    results = chess[2]
    names = ("weak", "strong", "method", "control")
    fates = {tuple(r[n] for n in names): r for r in results["anatomy"]}
    students = {tuple(r[n] for n in names): r for r in results["calibration"] if r["role"] == "student"}
    supervisors = {(r["weak"], r["strong"]): r for r in results["calibration"] if r["role"] == "supervisor"}
    for row in results["diagnostics"]:
        own = tuple(row[n] for n in names)
        for name in ("corrected", "corrected_low", "inherited", "inherited_high", "new"):
            assert row[name] == fates[own][name]
        student, supervisor = students[own], supervisors[row["weak"], row["strong"]]
        for role, model in (("student", student), ("supervisor", supervisor)):
            assert row[f"{role}_ece"] == model["ece"]
            assert [row[f"{role}_brier{end}"] for end in ("", "_low", "_high")] == [
                model[f"brier{end}"] for end in ("", "_low", "_high")
            ]
        assert row["brier_gain"] == pytest.approx(supervisor["brier"] - student["brier"])
        assert row["log_loss_gain"] == pytest.approx(supervisor["nll"] - student["nll"])


# Cohen's kappa where all examples have the same classes; one seed, two classes
def test_classes_have_shares(tmp_path):
    plan, store = fake_study.text_study(tmp_path, n_test=100)
    row = collect(plan, store, resamples=100)["diagnostics"][0]
    comparison = of(plan, row)[0]
    first, second = (probs_of(store, getattr(comparison, role)) for role in ("supervisor", "student"))
    observed, shares = (first * second).sum(axis=1).mean(), first.mean(axis=0) @ second.mean(axis=0)
    assert row["kappa_chance"] == "shares of classes"
    assert row["kappa_student"] == pytest.approx((observed - shares) / (1 - shares), abs=1e-5)


def probs_of(store, made):
    return read_predictions(store.folder(made.key), "test").probs.astype(float)


def test_a_copy_of_the_supervisor_has_no_misfit_and_no_gain(tmp_path):
    plan, store = fake_study.text_study(tmp_path, n_test=100)
    for comparison in plan.comparisons:
        paths = [
            store.folder(j.key) / "predictions" / "test.parquet" for j in (comparison.supervisor, comparison.student)
        ]
        paths[1].write_bytes(paths[0].read_bytes())
    for row in collect(plan, store, resamples=100)["diagnostics"]:
        assert [row[name] for name in ("misfit", "kl_misfit", "brier_gain", "log_loss_gain")] == [0, 0, 0, 0]
        assert row["misfit_low"] == 0 < row["misfit_high"] < 0.1  # the exact bound of what was never seen
        assert row["brier_gain_low"] < 0 < row["brier_gain_high"]


# "read fact `overlap_density` of jobs among the student's inputs; NaN otherwise"
def test_the_nearest_overlap_density_is_read(tmp_path):
    plan, store = fake_study.text_study(tmp_path, n_test=60)
    comparison = plan.comparisons[0]
    inputs = {"data": comparison.data, "labels": comparison.supervisor}

    def relabelled(name, facts, **inputs):
        made = job(fake_study.RelabelSpec(relabeling=name, seed=0), title=name, files=FileDigests(), **inputs)
        store.records[made.key] = {"facts": facts}
        return made

    far = relabelled("far", {"overlap_density": 0.2}, **inputs)
    near = relabelled("near", {"overlap_density": 0.4}, data=comparison.data, labels=far)
    silent = relabelled("silent", None, data=comparison.data, labels=far)
    simulation = fake_study.Simulation(store, fake_study.text_task(60, np.random.default_rng(1)), {}, {})
    students = [
        simulation._job("medium", 0, comparison.data, on="student_train", labels=each) for each in (near, silent)
    ]
    assert [overlap_density(student, store) for student in students] == [0.4, 0.2]
    del store.records[near.key]  # a job upstream of a result need not be in the store
    assert overlap_density(students[0], store) == 0.2
    assert math.isnan(overlap_density(comparison.student, store))


def row(weak, strong, method, misfit, gain, control=None):
    ids = {"task": "t", "weak": weak, "strong": strong, "method": method, "control": control}
    return ids | {"misfit": misfit, "brier_gain": gain, "kl_misfit": misfit, "log_loss_gain": -gain}


# "does the misfit rank methods/supervisors as the true gain does? Give the Spearman rank correlation ... with n"
def test_rankings_by_hand():
    rows = [
        row("a", "z", "m1", 0.1, 0.2), row("a", "z", "m2", 0.2, 0.3), row("a", "z", "m3", 0.3, 0.4),
        row("b", "z", "m1", 0.4, 0.1), row("b", "z", "m2", 0.5, 0.0), row("b", "z", "m3", 0.6, -0.1),
        row("c", "z", "m1", 0.7, 0.5), row("a", "z", "oracle", 9.0, 9.0), row("a", "z", "m1", 9.0, 9.0, "shuffled"),
    ]  # fmt: skip
    squared, reverse = rankings(rows, ("oracle",))
    assert (squared.predicted, squared.true) == GAINS[0]
    assert (squared.n, squared.n_held) == (7, 3)
    # Ranks of gains 4 5 6 3 2 1 7 against 1 to 7: squares of differences sum to 9 + 9 + 9 + 1 + 9 + 25.
    assert squared.overall == pytest.approx(1 - 6 * 62 / (7 * 48))
    assert (squared.by_method, squared.n_pairs) == (
        0,
        2,
    )  # 1 in the first pair, -1 in the second; the third is too small
    assert (squared.by_supervisor, squared.n_students) == (0.5, 1)  # gains 2 1 3 of m1 over a, b, c
    assert reverse.overall == pytest.approx(-squared.overall)
    assert reverse.n_held == 0


def test_too_few_students_have_no_ranking():
    (one, _) = rankings([row("a", "z", "m", 0.1, math.nan), row("b", "z", "m", 0.1, 0.2)])
    assert (one.n, one.n_held) == (1, 1)
    assert math.isnan(one.overall)
    assert math.isnan(one.by_method)
    assert (one.n_pairs, one.n_students) == (0, 0)
