"""The sentences of the report: findings, their limits, and the value of more ground-truth labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from w2slab.report.words import count, percent, span

Row = Mapping[str, Any]
FEW_TRUE = 100


def answer(summary: Row) -> list[str]:
    """The findings, the most important sentence first."""
    sentences = [_on_truth(summary["truth"], summary["level"])] if summary["truth"] else []
    sentences.append(
        f"Students not trained on a text’s label agree with it on {percent(summary['agreement']['value'])}% of "
        f"{count(summary['n_texts'] - summary['n_tied'], 'text')} and contradict it with confidence on "
        f"{summary['n_contradicted']:,}."
    )
    return sentences + ([settle(summary["truth"])] if summary["truth"] else [])


def _on_truth(truth: Row, level: float) -> str:
    better = "better" if truth["difference"]["value"] > 0 else "worse"
    accuracies = (
        f"On {count(truth['n'], 'ground-truth label')} the accuracy of the student is "
        f"{percent(truth['student']['value'])}%, that of the weak labels {percent(truth['weak']['value'])}%"
    )
    if truth["p"] + level >= 1:
        return f"{accuracies}: not significant."
    return f"{accuracies}: the student is {better}."


def settle(truth: Row) -> str:
    """The difference on ground truth, and the number of labels at which it would be significant."""
    difference = truth["difference"]["value"]
    limits = (
        f"Difference: {percent(difference)} points ({points(truth['difference'])}; "
        f"p {'<' if truth['p'] < 0.001 else '='} {max(truth['p'], 0.001):.3f})"
    )
    twice = (
        f"with {2 * truth['n']:,} ground-truth labels the minimum detectable effect would be about "
        f"{percent(truth['shown_by_twice_as_many'])} points (80% power)"
    )
    if truth["needed"] is None:
        return f"{limits}; {twice}."
    if truth["needed"] <= truth["n"]:
        return (
            f"{limits}. A true difference of this size is detected with about {truth['needed']:,} ground-truth labels "
            "(80% power); there are as many."
        )
    return (
        f"{limits}. A true difference of this size would be detected with {truth['needed']:,} ground-truth labels, "
        f"{truth['needed'] - truth['n']:,} more (80% power)."
    )


def points(estimate: Row) -> str:
    """An interval of a difference, in percentage points."""
    return f"{percent(estimate['low'])} to {percent(estimate['high'])}"


def interval(estimate: Row) -> str:
    """An interval of a share, in percent."""
    return span({"x_low": estimate["low"], "x_high": estimate["high"]}, "x")


def recipe(values: Row) -> str:
    """The training of a student."""
    until = "to the last step" if values["stop_at"] == "last" else "early stopping on held-out weak labels"
    epochs, batch_size = count(values["epochs"], "epoch"), values["batch_size"]
    return f"{epochs}, batch size {batch_size}, learning rate {values['lr']:g}, {until}"


def caveats(summary: Row, n_seeds: int) -> list[str]:
    """Limits to know before using a number."""
    notes = []
    truth = summary["truth"]
    if truth is None:
        notes.append(
            "Accuracies of the student and of the labels are unknown without ground truth. A few hundred labels of "
            "texts drawn at random from these would estimate them (--truth)."
        )
    else:
        notes.append(
            "Accuracies hold for texts like those with ground truth: for all texts only if these were drawn at random."
        )
        if truth["n"] < FEW_TRUE:
            notes.append(f"{count(truth['n'], 'ground-truth label')} are few: rely on the confidence intervals.")
        if truth["n_groups"] < truth["n"]:
            notes.append(
                f"The ground-truth labels come in {truth['n_groups']} groups: confidence intervals resample groups, "
                "and the p-value is not exact."
            )
    if summary["n_tied"]:
        notes.append(
            f"{count(summary['n_tied'], 'label')} are ties. They are excluded from agreement and disagreements; where "
            "a single class is needed, the first of the tied classes counts."
        )
    if n_seeds == 1:
        notes.append("One seed: another seed would change some labels, mostly those of low confidence.")
    return notes


def known(summary: Row) -> list[str]:
    """Statements that labels and student support."""
    agreement = summary["agreement"]
    sentences = [
        f"The agreement of the student with the labels: {percent(agreement['value'])}% ({interval(agreement)}%), on "
        "texts whose labels the student was not trained on.",
        "The texts to check first: those on which the student is confident of another class than the label. Either "
        "one of them is wrong, or the text is ambiguous.",
        f"The distance of the student from the labels: a misfit of {summary['misfit']:.3f} (mean squared distance of "
        "their probabilities). Charikar et al. (2024) prove for a student that is the best fit within a convex set of "
        "functions under squared loss: it is closer to the ground truth than its supervisor by at least the misfit, if "
        "the ground truth lies within that set. A finetuned network meets neither condition, so the misfit is only an "
        "indication: a student without misfit copies its labels, errors included, and cannot be better than they are.",
    ]
    if summary["truth"]:
        sentences.append("The accuracies of student and labels, within the confidence intervals below.")
    return sentences


def unknown(summary: Row) -> list[str]:
    """Questions that labels and student leave open."""
    sentences = [
        "Which of the two is correct where they differ. A confident student may have learned the majority pattern of "
        "these labels, and the text may be an exception.",
        "Systematic errors of the labels. The student learns them as part of the task and agrees with them; no "
        "statistic of labels and student alone can reveal them.",
        "The calibration of the student against the ground truth. It is measured here against weak labels, which "
        "contain errors.",
    ]
    if summary["truth"]:
        sentences[2] = (
            "The distribution of errors: accuracy on a class or a kind of text with few ground-truth labels may be far "
            "from the mean."
        )
    return sentences
