"""Examples and labels of one training on labels, of a network or of a head."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from w2slab.data.layout import UNSEEN_BY_SUPERVISOR
from w2slab.data.task_data import TaskData
from w2slab.errors import JobError
from w2slab.jobs.spec import LearningSpec


class Material:
    """The examples, labels and weights that a training reads, and the splits that judge it and are predicted.

    Args:
        spec: Of the training.
        inputs: Folders of its inputs.
        data: Its task's examples, where they are at hand.
    """

    def __init__(self, spec: LearningSpec, inputs: Mapping[str, Path], data: TaskData | None = None) -> None:
        self.data = TaskData.of(inputs) if data is None else data
        self.labels = inputs.get("labels")
        self.weights = inputs.get("weights", self.labels)
        recipe = spec.recipe
        if recipe.stop_at == "weak-labels" and not (recipe.curve_points and self.data.has("validation")):
            raise JobError('stop_at: "weak-labels" needs curve_points above 0 and a validation split')
        also = (spec.train_split,) if spec.predict_train_split else ()
        self.predicted = [s for s in dict.fromkeys((*UNSEEN_BY_SUPERVISOR, *also)) if self.data.has(s)]
        """Names of the splits that are predicted."""
        columns = {"validation_accuracy": ("validation", self.labels), "test_accuracy": ("test", None)}
        self.judges = {c: judge for c, judge in columns.items() if recipe.curve_points and self.data.has(judge[0])}
        """By column of the curve, the split, and the folder of the labels that judge; `None` is the ground truth.

        Validation is judged by the labels that the model may see. A user's own labels come without a test split.
        """
