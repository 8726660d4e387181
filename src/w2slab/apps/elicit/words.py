"""What the report says in sentences: what is known, what is not, and what a few true labels would settle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from w2slab.report.words import count, percent, span

Row = Mapping[str, Any]
FEW_TRUE = 100


def answer(summary: Row) -> list[str]:
    """What was found, the most important sentence first."""
    sentences = [_judged(summary["truth"], summary["level"])] if summary["truth"] else []
    sentences.append(
        f"A student that had not learned a text’s label agrees with it on {percent(summary['agreement']['value'])} % "
        f"of {count(summary['n_texts'] - summary['n_tied'], 'text')}, and contradicts it with confidence on "
        f"{summary['n_contradicted']:,}."
    )
    return sentences + ([settle(summary["truth"])] if summary["truth"] else [])


def _judged(truth: Row, level: float) -> str:
    difference = truth["difference"]
    better = "better" if difference["value"] > 0 else "worse"
    shown = truth["p"] + level < 1
    shares = (
        f"On {count(truth['n'], 'true label')} the student is right on {percent(truth['student']['value'])} %, the "
        f"labels it learned from on {percent(truth['weak']['value'])} %"
    )
    if not shown:
        return f"{shares}: no difference shown."
    return f"{shares}: the student is {better}."


def settle(truth: Row) -> str:
    """How many true labels would settle which of the two is better."""
    difference = truth["difference"]["value"]
    limits = (
        f"The difference is {percent(difference)} points ({points(truth['difference'])}; "
        f"p {'<' if truth['p'] < 0.001 else '='} {max(truth['p'], 0.001):.3f})"
    )
    twice = (
        f"{2 * truth['n']:,} true labels in all would show a difference of about "
        f"{percent(truth['shown_by_twice_as_many'])} points or more four times in five"
    )
    if truth["needed"] is None:
        return f"{limits}, so there is nothing yet to settle; {twice}."
    if truth["needed"] <= truth["n"]:
        return f"{limits}. So large a difference needs about {truth['needed']:,} true labels, which is what there are."
    return (
        f"{limits}. If the true difference is as large as that, about {truth['needed'] - truth['n']:,} more true "
        f"labels, {truth['needed']:,} in all, would show it four times in five."
    )


def points(estimate: Row) -> str:
    """An interval of a difference, in percentage points."""
    return f"{percent(estimate['low'])} to {percent(estimate['high'])}"


def interval(estimate: Row) -> str:
    """An interval of a share, in percent."""
    return span({"x_low": estimate["low"], "x_high": estimate["high"]}, "x")


def recipe(values: Row) -> str:
    """How a student was trained."""
    until = "to the last step" if values["stop_at"] == "last" else "to where it fits held-out weak labels best"
    epochs, batch_size = count(values["epochs"], "epoch"), values["batch_size"]
    return f"{epochs}, batches of {batch_size}, learning rate {values['lr']:g}, {until}"


def caveats(summary: Row, n_seeds: int) -> list[str]:
    """What a reader must know before using a number."""
    notes = []
    truth = summary["truth"]
    if truth is None:
        notes.append(
            "Nothing here says how often the student or the labels are right: that takes true labels. With --truth, a "
            "few hundred drawn at random from these texts would tell."
        )
    else:
        notes.append(
            "Accuracies hold for texts like those with true labels. Were these not drawn at random from all texts, "
            "they say nothing of the others."
        )
        if truth["n"] < FEW_TRUE:
            notes.append(f"{count(truth['n'], 'true label')} are few: look at the intervals, not at the figures.")
        if truth["n_groups"] < truth["n"]:
            notes.append(
                f"The true labels come in {truth['n_groups']} groups; intervals resample groups, and the p-value is "
                "not exact."
            )
    if summary["n_tied"]:
        notes.append(
            f"{count(summary['n_tied'], 'label')} have no single likeliest class. They are left out of agreement and "
            "disagreements; where one class is needed, the first of equals stands for them."
        )
    if n_seeds == 1:
        notes.append("There is one seed: another would move single labels, mostly those of low confidence.")
    return notes


def known(summary: Row) -> list[str]:
    """What can be said."""
    agreement = summary["agreement"]
    sentences = [
        f"How often the student and the labels agree: {percent(agreement['value'])} % ({interval(agreement)} %), on "
        "texts whose label the student had not learned.",
        "Which texts to look at first: those on which the student is sure of another class than the label. Either is "
        "wrong there, or the text is ambiguous.",
        f"How far the student departs from the labels: a misfit of {summary['misfit']:.3f} (mean squared distance of "
        "their probabilities). Charikar et al. (2024) prove that a student which is the best fit within a convex set "
        "of functions, trained with squared loss, is closer to the truth than its supervisor by at least its misfit, "
        "if the truth lies within that set. A finetuned network meets neither condition, so take it as a hint: a "
        "student without misfit copies its labels, errors included, and cannot be better than they are.",
    ]
    if summary["truth"]:
        sentences.append("How often student and labels are right, within the intervals below.")
    return sentences


def unknown(summary: Row) -> list[str]:
    """What cannot be said."""
    sentences = [
        "Who is right where they differ. A confident student may have learned what is usual in these labels, and the "
        "text may be the exception.",
        "Errors that the labels make again and again. The student learns them as if they were the task, agrees with "
        "them, and no number computed from labels and student alone can show them.",
        "Whether the student’s confidence is justified. It is held here against weak labels, which are themselves "
        "wrong at times.",
    ]
    if summary["truth"]:
        sentences[2] = (
            "Whether errors are spread evenly: a class or a kind of text with few true labels may be far from the mean."
        )
    return sentences
