"""Model, examples and labels -> predictions.

A student never meets a true label of what it learns on: unless the spec says `true`, no file of true labels is opened
but the test split's, and that only for the curve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from w2slab.artifacts import (
    Predictions,
    read_examples,
    read_predictions,
    read_prepared,
    read_truth,
    write_curve,
    write_predictions,
)
from w2slab.errors import JobError
from w2slab.graph.job import JobContext, Stopped
from w2slab.jobs import plugins
from w2slab.jobs.relabel import one_hot
from w2slab.jobs.setup import prepare_worker
from w2slab.specs import UNSEEN_BY_SUPERVISOR, FinetuneSpec, restore
from w2slab.tasks.task import Examples

if TYPE_CHECKING:
    import torch

    from w2slab.training.batches import Encoded
    from w2slab.training.loop import Running, Trained, Training

Judge = tuple["Encoded", Callable[[np.ndarray], np.ndarray]]


def finetune(spec: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Finetune a model and leave its predictions on every split that its supervisor has not seen.

    Options: `device`, `micro_batch`, `prediction_batch`, `checkpoint_every_s`, `keep_checkpoint`.

    Raises:
        JobError: Labels do not fit the examples, or training fails.
        Stopped: The run asked for it; the place is saved.
    """
    prepare_worker()
    from w2slab.training import loop

    asked = restore(FinetuneSpec, spec)
    material = _Material(asked, context.inputs)
    training = material.training()
    running = _running(context, asked.recipe.precision)
    network = material.family.build(material.examples(asked.train_split), asked.seed)
    trained = loop.finetune(network, training, running)
    if trained is None:
        raise Stopped("stopped in the middle of training; its place is saved")
    _write(asked, material, network, trained, running, context)
    parameters = [p for p in network.parameters()]
    return {
        "n_parameters": sum(p.numel() for p in parameters),
        "n_trainable": sum(p.numel() for p in parameters if p.requires_grad),
        "n_examples": len(training.examples),
        "steps": trained.steps,
        "seconds": round(trained.seconds, 3),
        "examples_per_second": round(trained.steps_here * asked.recipe.batch_size / max(trained.seconds, 1e-9), 1),
        "chance": read_prepared(context.inputs["data"])["chance"],
        "device": str(running.placement.device),
    }


class _Material:
    """Examples and labels of one job, each read and encoded once."""

    def __init__(self, spec: FinetuneSpec, inputs: Mapping[str, Path]) -> None:
        self.spec = spec
        self.data = inputs["data"]
        self.labels = inputs.get("labels")
        if (spec.labels == "true") != (self.labels is None):
            raise JobError(f'labels: "{spec.labels}" asks for {"no " if spec.labels == "true" else ""}input of labels')
        self.family = plugins.build("models", spec.model)
        self._examples: dict[str, Examples] = {}
        self._encoded: dict[str, Encoded] = {}

    def has(self, split: str) -> bool:
        return (self.data / f"{split}.parquet").exists()

    def examples(self, split: str) -> Examples:
        if split not in self._examples:
            self._examples[split] = read_examples(self.data, split)
        return self._examples[split]

    def encoded(self, split: str) -> Encoded:
        from w2slab.training import batches

        if split not in self._encoded:
            self._encoded[split] = batches.encode(self.family, self.examples(split))
        return self._encoded[split]

    def training(self) -> Training:
        """What is learned, and who judges it on the way."""
        from w2slab.training.loop import Training

        spec = self.spec
        examples, targets = self.encoded(spec.train_split), self.targets(spec.train_split)
        if spec.train_range is not None:
            first, last = spec.train_range
            if not 0 <= first < last <= len(examples):
                raise JobError(
                    f"train_range: {first} to {last} does not lie in {spec.train_split}, which has {len(examples)} "
                    "examples; make that split larger"
                )
            examples, targets = examples.part(first, last), targets[first:last]
        if spec.recipe.stop_at == "weak-labels" and not (spec.recipe.curve_points and self.has("validation")):
            raise JobError('stop_at: "weak-labels" needs curve_points above 0 and a validation split')
        return Training(
            examples=examples,
            targets=targets,
            shared_candidates=self.examples(spec.train_split).classes is not None,
            objective=plugins.build("objectives", spec.objective),
            recipe=spec.recipe,
            seed=spec.seed,
            judges=self.judges() if spec.recipe.curve_points else {},
        )

    def targets(self, split: str) -> np.ndarray:
        """The labels learned on, float32 [N, K]."""
        n_candidates = self.examples(split).n_candidates
        if self.labels is None:
            return read_truth(self.data, split).probs(n_candidates)
        weak = self.weak_labels(split)
        return weak.probs if self.spec.labels == "soft" else one_hot(weak.choices, weak.probs.shape[1])

    def weak_labels(self, split: str) -> Predictions:
        """The weak labels of a split, in the order of its examples.

        Raises:
            JobError: An example has no label, or a label for other candidates.
        """
        assert self.labels is not None
        path = self.labels / "predictions" / f"{split}.parquet"
        if not path.exists():
            raise JobError(f"{path}: there are no labels of {split}; the job that labels must see this split")
        labels, examples = read_predictions(path), self.examples(split)
        if labels.ids != examples.ids:
            row = {name: index for index, name in enumerate(labels.ids)}
            missing = [name for name in examples.ids if name not in row]
            if missing:
                raise JobError(
                    f'{path}: {len(missing)} of {len(examples)} examples have no label, the first is "{missing[0]}"; '
                    "labels and examples must come from the same data"
                )
            rows = np.array([row[name] for name in examples.ids], dtype=np.int64)
            labels = Predictions(examples.ids, labels.probs[rows], labels.n_candidates[rows])
        wrong = np.flatnonzero(labels.n_candidates != examples.n_candidates)
        if len(wrong):
            first = wrong[0]
            raise JobError(
                f'{path}: example "{examples.ids[first]}" has {examples.n_candidates[first]} candidates and a label '
                f"for {labels.n_candidates[first]}; labels and examples must come from the same data"
            )
        return labels

    def judges(self) -> dict[str, Judge]:
        """Who judges the curve: validation by the labels that this model may see, test by the truth."""
        limit = self.spec.recipe.curve_examples
        judges: dict[str, Judge] = {}
        if self.has("validation"):
            examples = self.encoded("validation").part(0, limit)
            if self.labels is None:
                is_right = _by_truth(self.data, "validation", len(examples))
            else:
                is_right = self.weak_labels("validation").choices[: len(examples)].__eq__
            judges["validation_accuracy"] = (examples, is_right)
        examples = self.encoded("test").part(0, limit)
        judges["test_accuracy"] = (examples, _by_truth(self.data, "test", len(examples)))
        return judges


def _by_truth(data: Path, split: str, limit: int) -> Callable[[np.ndarray], np.ndarray]:
    truth = read_truth(data, split)
    return type(truth)(truth.ids[:limit], truth.right[:limit]).is_right


def _running(context: JobContext, precision: Literal["fp32", "bf16"]) -> Running:
    from w2slab.training.loop import Running
    from w2slab.training.placement import Placement

    options = context.options
    return Running(
        placement=Placement(options, precision),
        micro_batch=options.get("micro_batch"),
        prediction_batch=options.get("prediction_batch") or 256,
        work=context.work,
        checkpoint_every_s=options.get("checkpoint_every_s", 60.0),
        progress=context.progress,
        stop_requested=context.stop_requested,
    )


def _write(
    spec: FinetuneSpec,
    material: _Material,
    network: torch.nn.Module,
    trained: Trained,
    running: Running,
    context: JobContext,
) -> None:
    from w2slab.training import checkpoint
    from w2slab.training.predict import predict

    def predicted(split: str) -> Predictions:
        encoded = material.encoded(split)
        probs = predict(network, encoded, running.placement, running.prediction_batch)
        return Predictions(encoded.ids, probs, encoded.n_candidates)

    # The stopping point whose predictions count comes last, so that its weights stay in the network.
    points = {"last": checkpoint.copied(checkpoint.trainable(network))} | trained.snapshots
    for point in sorted(points, key=lambda name: name == spec.recipe.stop_at):
        checkpoint.restore_weights(network, points[point])
        test = predicted("test")
        if trained.curve:
            write_predictions(context.out / "stopping" / f"{point}.parquet", test)
    for split in UNSEEN_BY_SUPERVISOR:
        if material.has(split):
            predictions = test if split == "test" else predicted(split)
            write_predictions(context.out / "predictions" / f"{split}.parquet", predictions)
    if trained.curve:
        write_curve(context.out, trained.curve)
    if context.options.get("keep_checkpoint"):
        _keep_weights(context.out / "checkpoint", network)


def _keep_weights(folder: Path, network: torch.nn.Module) -> None:
    from safetensors.torch import save_model

    folder.mkdir(parents=True)
    save_model(network, str(folder / "model.safetensors"))
