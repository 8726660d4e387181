"""Several supervisors in place of one: their labels combined, or grown one after another.

A student of several is compared with the study's own, single supervisor, as all others are: what the ensemble gains
counts as the method's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from w2slab.methods.method import Method, without_supervisors
from w2slab.objectives import DirichletEvidence

if TYPE_CHECKING:
    from w2slab.experiment.trial import Trial
    from w2slab.graph.job import Job
    from w2slab.models.model import Model
    from w2slab.study.study import Study

LEARNED = "supervisor_train"
Count = Annotated[int, Field(ge=2, le=1000)]


@dataclass(frozen=True)
class Supervisors(Method):
    """Base of methods with several supervisors.

    Args:
        of: Further `copies` of the weak model, or the supervisors of all `rungs` up to the weak one.
        n: How many copies, the study's own supervisor among them.
        resampled: Whether each further copy learns on examples drawn with replacement, as in bagging (Breiman 1996);
            otherwise copies differ in their seed alone. The study's own supervisor learns on all examples.
    """

    of: Literal["copies", "rungs"] = "copies"
    n: Count = 5
    resampled: bool = True

    def problems(self, study: Study) -> Iterable[str]:
        """Labels that no model gives; rungs where no pair has any below its weak one."""
        yield from without_supervisors(study)
        names = [rung.name for rung in study.ladder]
        if self.of == "rungs" and all(weak == names[0] for weak in weak_names(study)):
            yield f'of: rungs: no rung stands below "{names[0]}", and no pair has another weak model; set of: copies'

    def members(self, trial: Trial, weak: Model) -> list[Job]:
        """The supervisors, the study's own first; that one alone where no rung lies below it."""
        if self.of == "rungs":
            return [trial.supervisor(rung) for rung in reversed(_up_to(trial.study, weak))]
        draws = [trial.bootstrap(LEARNED, copy) if copy and self.resampled else None for copy in range(self.n)]
        return [trial.supervisor(weak, replicate=copy, weights=draw) for copy, draw in enumerate(draws)]

    def combined(self, trial: Trial, weak: Model, how: Literal["mean", "vote"]) -> Job:
        """Their labels as those of one."""
        members = self.members(trial, weak)
        return trial.combine(members, how) if len(members) > 1 else members[0]


def weak_names(study: Study) -> list[str]:
    """Names of the weak models of the study's pairs, as they are written."""
    return [weak.name for weak, _ in study.all_pairs()] if study.pairs == "all" else [weak for weak, _ in study.pairs]


def _up_to(study: Study, weak: Model) -> tuple[Model, ...]:
    names = [rung.name for rung in study.ladder]
    return study.ladder[: names.index(weak.name) + 1]


@dataclass(frozen=True)
class SupervisorEnsemble(Supervisors):
    """Learn the mean of several supervisors' probabilities, a variant of bagging (Sang et al. 2024, arXiv 2402.00667).

    Procedure: several supervisors learn on ground truth of `supervisor_train`; a label is the mean of their
    probabilities; the naive student learns it. Variant: the study's own supervisor is one of them, copies are drawn
    with weights and not with repeated examples, and there is none of the paper's oversight by further models. Where
    `rungs` leaves one supervisor, this is the naive method, and the very same job.
    """

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """The naive student of the mean."""
        return trial.finetune(strong, labels=self.combined(trial, weak, "mean"))


@dataclass(frozen=True)
class SupervisorVote(Supervisors):
    """Learn the votes of several supervisors, a variant of bagging (Sang et al. 2024, arXiv 2402.00667).

    As `supervisor-ensemble`, but a label is the share of supervisors that choose a candidate. With `weak_labels: hard`
    it is the majority's choice, the first candidate of equals.
    """

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """The naive student of the votes."""
        return trial.finetune(strong, labels=self.combined(trial, weak, "vote"))


@dataclass(frozen=True)
class BayesianSupervisors(Supervisors):
    """Learn evidence from several supervisors, a variant (Cui et al. 2025, arXiv 2406.03199).

    Procedure of Bayesian WeakS-to-Strong: as `supervisor-ensemble`, but the student learns the parameters of a
    Dirichlet distribution of which the supervisors' labels are draws, by the objective `dirichlet-evidence`. Variant:
    the paper's supervisors are models of different families, here they are copies or rungs; and the objective sees
    their mean label, which in its first term is the mean over supervisors and in its regulariser is not.

    Args:
        weight: lambda, what the regulariser counts; as in `dirichlet-evidence`.
    """

    weight: Annotated[float, Field(ge=0)] = 0.1

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """The student of the mean, by another objective."""
        objective = DirichletEvidence(weight=self.weight)
        return trial.finetune(strong, labels=self.combined(trial, weak, "mean"), objective=objective)


@dataclass(frozen=True)
class EnsemW2S(Method):
    """Boost copies of the supervisor and learn their weighted vote, a variant (Agrawal et al. 2024, arXiv 2410.04571).

    Procedure, AdaBoost for several classes: a supervisor learns on `supervisor_train`; examples that it gets wrong
    count exp(alpha) times as much for the next, alpha = ln((1 - e) / e) + ln(K - 1), e being its weighted error; a
    label is the vote of all, each weighted by its alpha. A copy no better than chance changes no weight and has next to
    no vote.

    Variant: the paper combines language models token by token, and this is its classification; weights enter the loss,
    where the paper draws examples; the label is the weighted share of votes, which `weak_labels: hard` turns into the
    choice that wins.

    Args:
        n: How many copies.
    """

    n: Count = 5

    def problems(self, study: Study) -> Iterable[str]:
        """Labels that no model gives."""
        yield from without_supervisors(study)

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """The naive student of the boosted ensemble."""
        members = [trial.supervisor(weak, predict_train_split=True)]
        weights: list[Job | None] = [None]
        for copy in range(1, self.n):
            weights.append(trial.reweight(members[-1], weights[-1]))
            members.append(trial.supervisor(weak, replicate=copy, weights=weights[-1], predict_train_split=True))
        return trial.finetune(strong, labels=trial.combine(members, "boosted", weights))
