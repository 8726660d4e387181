"""Bootstrapping through intermediate models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from w2slab.methods.method import Method

if TYPE_CHECKING:
    from w2slab.experiment.trial import Trial
    from w2slab.graph.job import Job
    from w2slab.models.model import Model
    from w2slab.study.study import Study


@dataclass(frozen=True)
class Bootstrapping(Method):
    """Many small jumps: each model on the way labels examples for the next (Burns et al. 2023, section 4.3.1).

    Where no rung lies in between, this is the naive method, and the very same job.

    Args:
        chain: Names of the rungs to go through; `None` is all between the two. Those of the chain that do not lie
            between a pair are left out for that pair.
        examples: Each step learns on `fresh` examples, disjoint from the steps before it, as in the paper (the splits
            need a reserve), or all steps on the `same`.
    """

    chain: tuple[str, ...] | None = None
    examples: Literal["fresh", "same"] = "fresh"

    def problems(self, study: Study) -> Iterable[str]:
        """Unknown rungs in the chain; a reserve too small for the longest chain."""
        names = [rung.name for rung in study.ladder]
        for name in self.chain or ():
            if name not in names:
                yield f'chain: "{name}" is no rung of the ladder. Allowed: {", ".join(names)}.'
        known = [name for name in self.chain or () if name in names]
        if known != sorted(known, key=names.index):
            yield f"chain: {', '.join(known)} does not go up the ladder, {', '.join(names)}"
        sides = {side.name for side in study.sides}
        known_pairs = study.pairs == "all" or all(name in sides for pair in study.pairs for name in pair)
        if self.examples == "same" or not known_pairs:
            return
        n_steps = max((len(self._on_the_way(study, weak, strong)) for weak, strong in study.all_pairs()), default=0)
        if self.chain is not None and n_steps == 0:
            yield f"chain: {', '.join(self.chain)} lies between no pair of this study"
        size = study.splits.student_train
        if n_steps == 0:
            return
        if size is None:
            yield "fresh examples need splits.student_train to be a number; or set examples: same"
        elif study.splits.reserve < n_steps * size:
            yield (
                f"fresh examples need splits.reserve of {n_steps * size} ({n_steps} steps of {size}), "
                f"not {study.splits.reserve}; or set examples: same"
            )

    def student(self, trial: Trial, weak: Model, strong: Model, labels: Job) -> Job:
        """A chain of naive jobs, the last of which is the strong model's."""
        on_the_way = [trial.study.rung(name) for name in self._on_the_way(trial.study, weak, strong)]
        for step, rung in enumerate([*on_the_way, strong]):
            labels = trial.finetune(rung, labels=labels, reserve_chunk=step if self.examples == "fresh" else 0)
        return labels

    def _on_the_way(self, study: Study, weak: Model, strong: Model) -> list[str]:
        return [n for n in study.between(weak.name, strong.name) if self.chain is None or n in self.chain]
