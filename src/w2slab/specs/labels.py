"""Specs of jobs that make labels, or weights of examples, of labels or of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from w2slab.specs.common import PluginSpec


@dataclass(frozen=True, kw_only=True)
class RelabelSpec:
    """Weak labels -> weak labels, and perhaps weights of examples.

    Inputs: `task` and `data`; `labels`; and what the relabeling asks for: `features` (an `embed` job of `data`),
    `other_0`, `other_1` and so on (jobs that left labels of the same examples).

    Args:
        relabeling: A row of the relabelings' table.
        n_trusted: How many examples of `student_train`, drawn at random, are told with their true labels.
        seed: Decides what the relabeling draws.
    """

    KIND: ClassVar = "relabel"
    VERSION: ClassVar = 2
    RUN: ClassVar = "w2slab.jobs.relabel:relabel"

    relabeling: PluginSpec
    n_trusted: int = 0
    seed: int


@dataclass(frozen=True, kw_only=True)
class CombineSpec:
    """Predictions of several models -> predictions of one.

    Inputs: `task` and `data`; `member_0`, `member_1` and so on; and, of a boosted ensemble, `weights_1` and so on, the
    weights of `supervisor_train` with which a member was trained, if they were not all equal.

    Args:
        how: `mean` of probabilities; `vote`, the share of members that choose a candidate; or `boosted`, where votes
            are weighted by what each member's error on `supervisor_train` is worth (Agrawal et al. 2024).
    """

    KIND: ClassVar = "combine"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.combine:combine"

    how: Literal["mean", "vote", "boosted"]


@dataclass(frozen=True, kw_only=True)
class ReweightSpec:
    """Predictions of a model on what it learned -> weights for the next: one round of AdaBoost (SAMME).

    Inputs: `task` and `data`; `member`, a model that predicted `supervisor_train`; and `weights`, those that it learned
    with, if they were not all equal.
    """

    KIND: ClassVar = "reweight"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.combine:reweight"


@dataclass(frozen=True, kw_only=True)
class BootstrapSpec:
    """Examples of a split -> how often each was drawn with replacement, as weights. Inputs: `task` and `data`.

    Args:
        split: The split drawn from.
        seed: Decides the draw.
    """

    KIND: ClassVar = "bootstrap"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.combine:bootstrap"

    split: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class CorruptSpec:
    """True labels with errors -> the predictions of a supervisor that makes just these errors.

    Inputs: `task` and `data`; `like`, a model that has as many errors, split by split, unless a rate is given; and
    `ceiling`, a model whose probabilities choose where they are.

    Args:
        choose: Which examples are wrong: `random` ones; those with the `longest` or `shortest` prompt; where the
            ceiling is `least-sure`; or where it is `surely-right` (Burns et al. 2023, appendix E.2).
        rate: Share of wrong labels in each split; `None` is as many as `like` has.
        seed: Decides which are wrong, and which wrong candidate they get.
    """

    KIND: ClassVar = "corrupt"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.corrupt:corrupt"

    choose: Literal["random", "longest", "shortest", "least-sure", "surely-right"]
    rate: float | None = None
    seed: int


@dataclass(frozen=True, kw_only=True)
class LabelFileSpec:
    """A file of labels by example id -> the predictions of a supervisor.

    Inputs: `task`, of whose examples the file may label any, and `data`.

    Args:
        file: The file, a `LocalFile`.
    """

    KIND: ClassVar = "label-file"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.label_file:label_file"

    file: Any


@dataclass(frozen=True, kw_only=True)
class OwnLabelsSpec:
    """A user's texts and their labels -> examples and weak labels; no truth is among them.

    Args:
        texts: The file of texts, a `LocalFile`.
        labels: The file of labels, a `LocalFile`.
        more: A file of texts without labels, a `LocalFile`; `None` where there are none.
        layout: Which fields of a row of texts are what, as in `data.readers.texts.Layout`.
        classes: Names of the classes; `None` where each example has its own candidates.
    """

    KIND: ClassVar = "own-labels"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.own_labels:own_labels"

    texts: Any
    labels: Any
    more: Any = None
    layout: Mapping[str, Any]
    classes: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class FoldSpec:
    """Weakly labelled examples -> those a student learns on, and those that are kept from it.

    Input: `task`, an `own-labels` job.

    Args:
        fold: Which fold is kept from the student; `None` keeps none, and the texts without labels stand in its place.
        n_folds: Folds into which groups are dealt.
        validation_frac: Share of the groups learned on that is put aside to judge by their weak labels when to stop.
        seed: Decides which group is in which fold.
    """

    KIND: ClassVar = "fold"
    VERSION: ClassVar = 1
    RUN: ClassVar = "w2slab.jobs.own_labels:fold"

    fold: int | None
    n_folds: int
    validation_frac: float = 0.0
    seed: int
