"""Model, examples and labels -> predictions.

A student never meets a true label of what it learns on: unless the spec says `true`, no file of true labels is opened
but the test split's, and that only for the curve.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.data.artifacts import (
    Predictions,
    read_examples,
    read_prepared,
    read_truth,
    write_curve,
    write_predictions,
)
from w2slab.data.examples import Examples
from w2slab.errors import JobError
from w2slab.graph.job import JobContext, Stopped
from w2slab.jobs import labels, plugins, ranks, reading
from w2slab.jobs.setup import prepare_worker, running_of
from w2slab.specs import UNSEEN_BY_SUPERVISOR, FinetuneSpec, restore

if TYPE_CHECKING:
    import torch

    from w2slab.models.model import Model
    from w2slab.models.network import Network
    from w2slab.training.batches import Encoded
    from w2slab.training.classification import Trained, Training
    from w2slab.training.loop import Running
    from w2slab.training.placement import Placement

Judge = tuple["Encoded", Callable[[np.ndarray], np.ndarray]]


def finetune(spec: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Finetune a model and leave its predictions on every split that its supervisor has not seen.

    Options: `device`, `micro_batch`, `prediction_batch`, `checkpoint_every_s`, `keep_checkpoint`,
    `gradient_checkpointing`, `gpus_per_job`, `sharded`.

    Raises:
        JobError: Labels do not fit the examples, or training fails.
        Stopped: The run asked for it; the place is saved.
    """
    prepare_worker()
    if context.options.get("gpus_per_job", 1) > 1:
        return ranks.spread("w2slab.jobs.finetune:finetune", spec, context)
    from w2slab.training import classification

    asked = restore(FinetuneSpec, spec)
    material = _Material(asked, context)
    training = material.training()
    running = running_of(context, asked.recipe.precision)
    network = material.network()
    is_checkpointed = bool(context.options.get("gradient_checkpointing")) and network.checkpoint_activations()
    trained = classification.finetune(network, training, running)
    if trained is None:
        raise Stopped("stopped in the middle of training; its place is saved")
    _write(asked, material, network, trained, running, context)
    return {
        "n_examples": len(training.examples),
        "steps": trained.steps,
        "seconds": round(trained.seconds, 3),
        "examples_per_second": round(trained.steps_here * asked.recipe.batch_size / max(trained.seconds, 1e-9), 1),
        "micro_batch": trained.micro_batch,
        "gradient_checkpointing": is_checkpointed,
        "chance": read_prepared(context.inputs["data"])["chance"],
        "notes": material.notes(),
        **_sizes(network, running.placement),
    }


def _sizes(network: torch.nn.Module, placement: Placement) -> dict[str, Any]:
    """How large the network is, and where it was trained."""
    parameters = list(network.parameters())
    sizes = {
        "n_parameters": sum(p.numel() for p in parameters),
        "n_trainable": sum(p.numel() for p in parameters if p.requires_grad),
        "device": str(placement.device),
        "processes": placement.world,
    }
    if placement.device.type == "cuda":
        sizes["peak_gpu_memory_bytes"] = placement.peak_gpu_memory_bytes()
    return sizes


class _Material:
    """Examples and labels of one job, each read and encoded once."""

    def __init__(self, spec: FinetuneSpec, context: JobContext) -> None:
        inputs = context.inputs
        self.spec = spec
        self.data = inputs["data"]
        self.shared = context.shared
        self.labels = inputs.get("labels")
        self.weights = inputs.get("weights", self.labels)
        self.model: Model = plugins.build("models", spec.model)
        if "start" in inputs:
            self.model = self.model.starting_from(inputs["start"] / "base")
        self._examples: dict[str, Examples] = {}
        self._encoded: dict[str, Encoded] = {}

    def network(self) -> Network:
        """Return the network before training."""
        examples = self.examples(self.spec.train_split)
        network = self.model.build(examples, self.spec.seed)
        if self.spec.mixture > 1:
            from w2slab.training.mixture import MixtureOfHeads

            return MixtureOfHeads(network, self.spec.mixture, examples.classes is not None, self.spec.seed)
        return network

    def has(self, split: str) -> bool:
        return (self.data / f"{split}.parquet").exists()

    def examples(self, split: str) -> Examples:
        if split not in self._examples:
            self._examples[split] = read_examples(self.data, split)
        return self._examples[split]

    def encoded(self, split: str) -> Encoded:
        if split not in self._encoded:
            self._encoded[split] = reading.encoded(self.model, self.examples(split), self.data, split, self.shared)
        return self._encoded[split]

    def notes(self) -> dict[str, dict[str, int]]:
        """Counts of the model's encoding, such as truncated texts: by split, then by name."""
        notes = {split: dict(self.model.notes(encoded.rows)) for split, encoded in self._encoded.items()}
        return {split: counts for split, counts in notes.items() if counts}

    def training(self) -> Training:
        """What is learned, and who judges it on the way."""
        from w2slab.training.classification import Training

        spec = self.spec
        examples, targets = self.encoded(spec.train_split), self.targets(spec.train_split)
        learned = labels.learned(self.weights, spec.train_split, self.examples(spec.train_split), spec.train_range)
        if learned.is_part:
            examples, targets = examples.take(learned.positions), targets[learned.positions]
        if spec.recipe.stop_at == "weak-labels" and not (spec.recipe.curve_points and self.has("validation")):
            raise JobError('stop_at: "weak-labels" needs curve_points above 0 and a validation split')
        return Training(
            examples=examples,
            targets=targets,
            weights=learned.weights,
            shared_candidates=self.examples(spec.train_split).classes is not None,
            objective=plugins.build("objectives", spec.objective),
            recipe=spec.recipe,
            seed=spec.seed,
            judges=self.judges() if spec.recipe.curve_points else {},
        )

    def targets(self, split: str) -> np.ndarray:
        """The labels learned on, float32 [N, K]."""
        return labels.targets(self.spec.labels, self.data, self.labels, split, self.examples(split))

    def judges(self) -> dict[str, Judge]:
        """Who judges the curve: validation by the labels that this model may see, test by the truth."""
        limit = self.spec.recipe.curve_examples
        judges: dict[str, Judge] = {}
        if self.has("validation"):
            examples = self.encoded("validation").part(0, limit)
            if self.labels is None:
                is_right = _by_truth(self.data, "validation", len(examples))
            else:
                weak = labels.weak_labels(self.labels, "validation", self.examples("validation"))
                is_right = weak.choices[: len(examples)].__eq__
            judges["validation_accuracy"] = (examples, is_right)
        if self.has("test"):  # a user's own labels come without truth
            examples = self.encoded("test").part(0, limit)
            judges["test_accuracy"] = (examples, _by_truth(self.data, "test", len(examples)))
        return judges


def _by_truth(data: Path, split: str, limit: int) -> Callable[[np.ndarray], np.ndarray]:
    truth = read_truth(data, split)
    return type(truth)(truth.ids[:limit], truth.right[:limit]).is_right


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

    is_main = running.placement.is_main

    # The stopping point whose predictions count comes last, so that its weights stay in the network.
    last = checkpoint.trainable(network)
    points = {"last": checkpoint.copied(last) if trained.snapshots else last} | trained.snapshots
    for point in sorted(points, key=lambda name: name == spec.recipe.stop_at):
        if trained.snapshots:
            checkpoint.restore_weights(network, points[point])
        test = predicted("test") if material.has("test") else None
        if trained.curve and is_main and test is not None:
            write_predictions(context.out / "stopping" / f"{point}.parquet", test)
    also = (spec.train_split,) if spec.predict_train_split else ()
    for split in dict.fromkeys((*UNSEEN_BY_SUPERVISOR, *also)):
        if material.has(split):
            predictions = test if split == "test" and test is not None else predicted(split)
            if is_main:
                write_predictions(context.out / "predictions" / f"{split}.parquet", predictions)
    if trained.curve and is_main:
        write_curve(context.out, trained.curve)
    if spec.keep_weights or context.options.get("keep_checkpoint"):
        _keep_weights(context.out / "checkpoint", network, running.placement)


def _keep_weights(folder: Path, network: torch.nn.Module, placement: Placement) -> None:
    from safetensors.torch import save_file, save_model

    from w2slab.training.sharding import whole

    if placement.is_main:
        folder.mkdir(parents=True)
    file = folder / "model.safetensors"
    if placement.sharded:
        tensors = {name: whole(tensor).cpu() for name, tensor in network.state_dict().items()}
        if placement.is_main:
            save_file({name: tensor.clone() for name, tensor in tensors.items()}, file)
    elif placement.is_main:
        save_model(network, str(file))
