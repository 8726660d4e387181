"""Model, examples and labels -> predictions.

A student never meets the ground truth of what it learns on: unless the spec says `true`, none is read but that of the
test split, and that only for the curve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from w2slab.data import layout
from w2slab.data.artifacts import write_curve, write_predictions, write_stopping
from w2slab.data.labels import Labels
from w2slab.graph.job import JobContext, Stopped
from w2slab.jobs import encoded_cache, ranks, targets
from w2slab.jobs.material import Material
from w2slab.jobs.setup import options_of, prepare_worker, running_of
from w2slab.jobs.spec import LearningSpec
from w2slab.models.model import Model

if TYPE_CHECKING:
    import torch

    from w2slab.models.network import Network
    from w2slab.training.batches import Encoded
    from w2slab.training.classification import Trained, Training
    from w2slab.training.loop import Running
    from w2slab.training.placement import Placement

Judge = tuple["Encoded", Callable[[np.ndarray], np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class FinetuneSpec(LearningSpec):
    """Model, examples and labels -> predictions.

    Inputs: `task` and `data`, a `task` job and a `split` job of it; unless it learns on ground truth, `labels` (a job
    that left predictions, and perhaps weights of examples); `start`, a `generative` job, where training starts from its
    weights; and `weights`, a job that left weights of examples, where those of `labels` do not count.

    Args:
        n_heads: Heads whose probabilities are mixed in place of the network's one (`HeadShape.n_heads`).
        keep_weights: Whether the weights stay beside the predictions, for a job that reads them.
    """

    KIND: ClassVar[str] = "finetune"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.finetune:finetune"

    model: Model
    n_heads: int = 1
    keep_weights: bool = False


def finetune(spec: FinetuneSpec, context: JobContext) -> dict[str, Any]:
    """Finetune a model and leave its predictions on every split that its supervisor has not seen.

    Raises:
        JobError: Labels do not fit the examples, or training fails.
        Stopped: The run asked for it; the place is saved.
    """
    prepare_worker()
    if options_of(context).gpus_per_job > 1:
        return ranks.spread("w2slab.jobs.finetune:finetune_here", spec, context)
    return finetune_here(spec, context)


def finetune_here(spec: FinetuneSpec, context: JobContext) -> dict[str, Any]:
    """Do the job in this process, which may be one of several that share it."""
    from w2slab.training import classification

    material = _Finetuning(spec, context)
    training = material.training()
    running = running_of(context, spec.recipe.precision)
    network = material.network()
    is_checkpointed = options_of(context).gradient_checkpointing and network.checkpoint_activations()
    trained = classification.finetune(network, training, running)
    if trained is None:
        raise Stopped("stopped in the middle of training; its place is saved")
    _write(spec, material, network, trained, running, context)
    return {
        "n_examples": len(training.examples),
        "steps": trained.steps,
        "seconds": round(trained.seconds, 3),
        "examples_per_second": round(trained.steps_here * spec.recipe.batch_size / max(trained.seconds, 1e-9), 1),
        "micro_batch": trained.micro_batch,
        "gradient_checkpointing": is_checkpointed,
        "chance": material.data.chance,
        "notes": material.notes(),
        **_sizes(network, running.placement),
    }


def _sizes(network: torch.nn.Module, placement: Placement) -> dict[str, Any]:
    """Return the size of the network, and the place of its training."""
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


class _Finetuning(Material):
    """Examples and labels of one job, each read and encoded once, and its network."""

    def __init__(self, spec: FinetuneSpec, context: JobContext) -> None:
        super().__init__(spec, context.inputs)
        self.spec, self.shared = spec, context.shared
        start = context.inputs.get("start")
        self.model = spec.model if start is None else spec.model.starting_from(layout.base(start))
        self._encoded: dict[str, Encoded] = {}

    def network(self) -> Network:
        """Return the network before training."""
        examples = self.data.examples(self.spec.train_split)
        network = self.model.build(examples, self.spec.seed)
        if self.spec.n_heads > 1:
            from w2slab.training.mixture import MixtureOfHeads

            return MixtureOfHeads(network, self.spec.n_heads, examples.classes is not None, self.spec.seed)
        return network

    def encoded(self, split: str) -> Encoded:
        """Return the examples of a split as the model encodes them."""
        if split not in self._encoded:
            self._encoded[split] = encoded_cache.encoded(self.model, self.data.examples(split), self.shared)
        return self._encoded[split]

    def notes(self) -> dict[str, dict[str, int]]:
        """Return counts of the model's encoding, such as truncated texts: by split, then by name."""
        notes = {split: dict(self.model.notes(encoded.rows)) for split, encoded in self._encoded.items()}
        return {split: counts for split, counts in notes.items() if counts}

    def training(self) -> Training:
        """Return everything that decides the training, beside the network."""
        from w2slab.training.classification import Training

        spec = self.spec
        examples = self.encoded(spec.train_split)
        learned_labels = targets.targets(spec.labels, self.data, self.labels, spec.train_split)
        learned = targets.learned(self.weights, self.data, spec.train_split, spec.train_range)
        if learned.is_part:
            examples, learned_labels = examples.take(learned.places), learned_labels[learned.places]
        return Training(
            examples=examples,
            targets=learned_labels,
            weights=learned.weights,
            shared_candidates=self.data.classes is not None,
            objective=spec.objective,
            recipe=spec.recipe,
            seed=spec.seed,
            judges={column: self._judge(split, by) for column, (split, by) in self.judges.items()},
        )

    def _judge(self, split: str, labels: Path | None) -> Judge:
        examples = self.encoded(split).part(0, self.spec.recipe.curve_examples)
        if labels is None:
            return examples, self.data.truth(split).take(np.arange(len(examples))).is_right
        return examples, targets.weak_labels(labels, self.data, split).choices[: len(examples)].__eq__


def _write(
    spec: FinetuneSpec,
    material: _Finetuning,
    network: torch.nn.Module,
    trained: Trained,
    running: Running,
    context: JobContext,
) -> None:
    from w2slab.training import checkpoint
    from w2slab.training.predict import predict

    def predicted(split: str) -> Labels:
        encoded = material.encoded(split)
        probs = predict(network, encoded, running.placement, running.prediction_batch)
        return Labels(material.data.positions(split), probs, encoded.n_candidates)

    is_main = running.placement.is_main

    # The stopping point whose predictions count comes last, so that its weights stay in the network.
    last = checkpoint.trainable(network)
    points = {"last": checkpoint.copied(last) if trained.snapshots else last} | trained.snapshots
    for point in sorted(points, key=lambda name: name == spec.recipe.stop_at):
        if trained.snapshots:
            checkpoint.restore_weights(network, points[point])
        test = predicted("test") if material.data.has("test") else None
        if trained.curve and is_main and test is not None:
            write_stopping(context.out, point, test)
    for split in material.predicted:
        predictions = test if split == "test" and test is not None else predicted(split)
        if is_main:
            write_predictions(context.out, split, predictions)
    if trained.curve and is_main:
        write_curve(context.out, trained.curve)
    if spec.keep_weights or options_of(context).keep_checkpoint:
        _keep_weights(layout.checkpoint(context.out), network, running.placement)


def _keep_weights(file: Path, network: torch.nn.Module, placement: Placement) -> None:
    from safetensors.torch import save_file, save_model

    from w2slab.training.sharding import whole

    if placement.is_main:
        file.parent.mkdir(parents=True)
    if placement.sharded:
        tensors = {name: whole(tensor).cpu() for name, tensor in network.state_dict().items()}
        if placement.is_main:
            save_file({name: tensor.clone() for name, tensor in tensors.items()}, file)
    elif placement.is_main:
        save_model(network, str(file))
