"""Several students in place of one: beside each other, or one after another; and a student with several heads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from w2slab.methods.method import Method
from w2slab.objectives import ReverseKL

if TYPE_CHECKING:
    from w2slab.experiment.trial import Trial
    from w2slab.graph.job import Job
    from w2slab.models.model import Model

LEARNED = "student_train"
Count = Annotated[int, Field(ge=2, le=1000)]


@dataclass(frozen=True)
class BaggedStudents(Method):
    """Average students that learn on examples drawn with replacement (Breiman 1996, Machine Learning 24:123).

    Procedure: as many students as asked for, each on a draw of as many examples as there are, with a seed of its own;
    the mean of their probabilities is the prediction. An example drawn twice counts twice in the loss; so an epoch has
    fewer steps, about 63 % of them, and no example is repeated in it.

    Args:
        n: How many students.
    """

    n: Count = 5

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """The combined predictions of all."""
        draws = [trial.bootstrap(LEARNED, copy) for copy in range(self.n)]
        members = [
            trial.finetune(strong, labels=labels, weights=draw, replicate=copy) for copy, draw in enumerate(draws)
        ]
        return trial.combine(members, "mean")


@dataclass(frozen=True)
class StrongToStrong(Method):
    """Let the student label the same examples for a fresh copy of itself, again and again (EleutherAI 2024).

    Procedure: the naive student predicts the examples it learned on, and validation; a fresh strong model learns these
    predictions as it did the weak labels; repeated. As in the source, the weak labels are seen once, by the first.

    Args:
        n: How many students learn from another one; the naive one comes before them.
    """

    n: Annotated[int, Field(ge=1, le=100)] = 1

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """A chain that begins with the naive job."""
        for _ in range(self.n + 1):
            labels = trial.finetune(strong, labels=labels)
        return labels


@dataclass(frozen=True)
class ConvexCombination(Method):
    """Mix the probabilities of several heads and minimise reverse KL (Mulgund and Pabbaraju 2025, arXiv 2501.19105).

    Procedure: the network's head is replaced by linear heads on the same features, which begin a little apart; their
    probabilities are mixed with learned weights; the whole learns by the objective `reverse-kl`. The paper bounds the
    error beyond the misfit by O(sqrt(c / k)) for c classes and k heads. How many heads, and how far apart they begin,
    is our choice.

    Args:
        n_heads: k, how many heads.
        epsilon: Share of mass that is spread out in the weak label; as in `reverse-kl`.
    """

    n_heads: Count = 16
    epsilon: Annotated[float, Field(gt=0, lt=1)] = 0.01

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """The naive job with other heads and another objective."""
        objective = ReverseKL(epsilon=self.epsilon)
        return trial.finetune(strong, labels=labels, objective=objective, n_heads=self.n_heads)
