"""Label correction with further labels: of other supervisors, of an early student, or a little ground truth.

Each applies the relabeling of its name, whose fields it has, and says where the further labels come from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from w2slab.methods.method import Method, without_features
from w2slab.methods.supervisors import Supervisors
from w2slab.relabelings import co_supervised, reliability, student_labels, trust
from w2slab.relabelings.relabeling import Relabeling

if TYPE_CHECKING:
    from w2slab.experiment.trial import Trial
    from w2slab.graph.job import Job
    from w2slab.models.model import Model
    from w2slab.study.study import Study


@dataclass(frozen=True)
class ReliabilityFilter(Supervisors):
    """Keep examples on which several supervisors agree, a variant (Guo and Yang 2024, arXiv 2406.19032).

    Procedure: each supervisor's likeliest candidate is an answer; an example stays if the entropy of its answers'
    frequencies is at most the median; the naive student learns these frequencies. Variant: the paper asks one model by
    several prompts, and a finetuned supervisor has one; answers are those of several supervisors. Where `rungs` leaves
    one supervisor, this is the naive method.

    Args:
        quantile: In place of the median, another quantile of the entropies.
    """

    quantile: Annotated[float, Field(ge=0, le=1)] = 0.5

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """The naive student of the examples that are kept."""
        relabeling = reliability.ReliabilityFilter(quantile=self.quantile)
        return trial.finetune(strong, labels=_answers(relabeling, self, trial, weak))


@dataclass(frozen=True)
class ReliabilityWeights(Supervisors):
    """Weight answers by how many supervisors give them, a variant (Guo and Yang 2024, arXiv 2406.19032).

    Procedure: each supervisor's likeliest candidate is an answer; answers weigh by the softmax of their frequencies;
    the naive student learns them so. Variant: the paper asks one model by several prompts, and a finetuned supervisor
    has one; answers are those of several supervisors. Where `rungs` leaves one supervisor, this is the naive method.

    Args:
        temperature: Of the softmax; the lower, the less rare answers count.
    """

    temperature: Annotated[float, Field(gt=0)] = 0.2

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """The naive student of weighted answers."""
        relabeling = reliability.ReliabilityWeights(temperature=self.temperature)
        return trial.finetune(strong, labels=_answers(relabeling, self, trial, weak))


@dataclass(frozen=True)
class CoSupervised(Supervisors):
    """Give each example the supervisor nearest to the student, a variant of CSL (Liu and Alahi 2024, arXiv 2402.15505).

    Procedure, after expectation maximisation: a student learns the mean of all supervisors' labels; each example is
    then given the label of the supervisor nearest to what this student says, and the least consistent examples are left
    out; a fresh student learns that; repeated. Variant: the paper's supervisors are specialists of classes or domains,
    ordered from general to special, here they are copies or rungs; what else differs is said at the relabeling
    `co-supervised`. Where `rungs` leaves one supervisor, this is the naive method.

    Args:
        by: Whether the cross entropy alone decides, or first whether a supervisor chooses as the student does.
        reject: Share of the examples that is left out.
        n_rounds: How often examples are assigned, and a fresh student learns.
    """

    by: Literal["cross-entropy", "agreement"] = "cross-entropy"
    reject: Annotated[float, Field(ge=0, lt=1)] = 0.1
    n_rounds: Annotated[int, Field(ge=1, le=100)] = 2

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """The student of the last round."""
        own, *others = members = self.members(trial, weak)
        if not others:
            return trial.finetune(strong, labels=own)
        student = trial.finetune(strong, labels=trial.combine(members, "mean"))
        for _ in range(self.n_rounds):
            relabeling = co_supervised.CoSupervised(by=self.by, reject=self.reject)
            assigned = trial.relabel(relabeling, own, others=[*others, student])
            student = trial.finetune(strong, labels=assigned)
        return student


@dataclass(frozen=True)
class EarlyLearningRelabel(Method):
    """Mix weak labels with what a student of few epochs says, a variant (Liu et al. 2020, arXiv 2007.00151).

    Procedure: strong models learn the weak labels for a few epochs, before they know the errors by heart; labels are
    mixed with what they say; a fresh student learns those for as long as the naive one. Variant: the paper makes
    targets anew in every epoch of one training; here each early student is a training of its own, with its own
    schedule.

    Args:
        weight: The share of the early students in a label.
        momentum: The share that earlier students keep in their running mean; of one student it changes nothing.
        epochs: For how many epochs each early student learns, the fewest first.
    """

    weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.7
    epochs: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (1,)

    def problems(self, study: Study) -> Iterable[str]:
        """Epochs that do not rise, or are not fewer than those of the student."""
        if list(self.epochs) != sorted(set(self.epochs)):
            yield f"epochs: {', '.join(map(str, self.epochs))} must rise from one to the next"
        all_epochs = (study.recipe if study.tuning is None else study.tuning.recipe).epochs
        if max(self.epochs) >= all_epochs:
            of = "recipe" if study.tuning is None else "tuning.recipe"
            yield f"epochs: {max(self.epochs)} is not fewer than {of}.epochs, {all_epochs}; such a student is not early"

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """The naive student of the mixed labels."""
        recipes = [replace(trial.recipe(strong), epochs=epochs) for epochs in self.epochs]
        early = [trial.finetune(strong, labels=labels, recipe=recipe) for recipe in recipes]
        relabeling = student_labels.EarlyLearningRelabel(weight=self.weight, momentum=self.momentum)
        return trial.finetune(strong, labels=trial.relabel(relabeling, labels, others=early))


@dataclass(frozen=True)
class TrustFunction(Method):
    """Keep the labels that a model of a few true ones trusts, a variant (Uzunoglu et al. 2026, arXiv 2606.01000).

    Procedure: some examples of `student_train`, drawn at random, are given with their ground truth; on them a logistic
    regression learns when the weak label is right; the naive student learns the weak labels of the most trusted share
    of all examples. It uses ground truth, so reports set it apart. What differs from the paper is said at the
    relabeling `trust-function`.

    Args:
        keep: Share of the examples that is kept.
        l2: Weight of the squared norm of the regression's coefficients.
        n_trusted: Number of examples that are given with their ground truth.
    """

    keep: Annotated[float, Field(gt=0, le=1)] = 0.5
    l2: Annotated[float, Field(gt=0)] = 1e-2
    n_trusted: Annotated[int, Field(ge=2)] = 100

    uses_truth: ClassVar[bool] = True

    def problems(self, study: Study) -> Iterable[str]:
        """Iterate over networks without features, and more ground truth than there are examples."""
        yield from without_features(study)
        size = study.splits.student_train
        if size is not None and self.n_trusted > size:
            yield f"n_trusted: {self.n_trusted} is more than splits.student_train, {size}"

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """The naive student of the trusted labels."""
        relabeling = trust.TrustFunction(keep=self.keep, l2=self.l2)
        trusted = trial.relabel(relabeling, labels, features=trial.embed(strong), n_trusted=self.n_trusted)
        return trial.finetune(strong, labels=trusted)


def _answers(relabeling: Relabeling, method: Supervisors, trial: Trial, weak: Model) -> Job:
    """The labels that a relabeling makes of several supervisors' answers; where there is one, its own."""
    own, *others = method.members(trial, weak)
    return trial.relabel(relabeling, own, others=others) if others else own
