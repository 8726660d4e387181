"""Frozen features of a model -> logistic regression -> predictions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from w2slab.data import layout
from w2slab.data.artifacts import write_predictions
from w2slab.data.examples import Examples
from w2slab.data.labels import Labels
from w2slab.data.layout import UNSEEN_BY_SUPERVISOR
from w2slab.data.task_data import TaskData
from w2slab.errors import JobError
from w2slab.graph.job import JobContext
from w2slab.jobs import encoded_cache
from w2slab.jobs.features import features
from w2slab.jobs.setup import prepare_worker, running_of
from w2slab.jobs.spec import Spec
from w2slab.jobs.targets import targets
from w2slab.models.model import Model
from w2slab.training.logistic import Scale, fit, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from w2slab.models.network import Network


@dataclass(frozen=True, kw_only=True)
class ProbeSpec(Spec):
    """Logistic regression on frozen features of a model -> predictions (Burns et al. 2023, section 5.2.3).

    Inputs: `task` and `data`; `labels` as for `FinetuneSpec`; and `start`, a `finetune` job that kept its weights,
    where the features are those of a finetuned model.

    Args:
        labels: `true` labels, or weak ones as they are (`soft`) or as their likeliest candidate (`hard`).
        l2: Weight of the squared norm of the coefficients beside the mean loss.
        precision: Number type of the forward pass that makes the features.
        seed: Decides what the family draws.
    """

    KIND: ClassVar[str] = "probe"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.probe:probe"

    model: Model
    train_split: str
    labels: Literal["true", "hard", "soft"]
    l2: float = 1e-3
    precision: Literal["fp32", "bf16"] = "fp32"
    seed: int


def probe(spec: ProbeSpec, context: JobContext) -> dict[str, Any]:
    """Fit a linear probe and leave its predictions on every split that its supervisor has not seen.

    Options: `device`, `prediction_batch`.

    Raises:
        JobError: The network has no features, labels do not fit the examples, or features are not finite.
    """
    prepare_worker()
    data, started = TaskData.of(context.inputs), time.perf_counter()
    examples = {split: data.examples(split) for split in UNSEEN_BY_SUPERVISOR if data.has(split)}
    learned = examples[spec.train_split]
    learned_labels = targets(spec.labels, data, context.inputs.get("labels"), spec.train_split)
    model = spec.model
    running = running_of(context, spec.precision)
    network = running.placement.place(_network(model, learned, spec.seed, context.inputs.get("start"))).eval()

    def read(split: str) -> NDArray[np.float64]:
        encoded = encoded_cache.encoded(model, examples[split], context.shared)
        return features(network, encoded, learned.classes is not None, running).astype(np.float64)

    own = read(spec.train_split)
    scale = Scale.of(own)
    fitted = fit(scale(own), learned_labels, learned.classes is not None, learned.n_candidates, spec.l2)
    for split, its in examples.items():
        logits = fitted.logits(scale(own if split == spec.train_split else read(split)), its.n_candidates)
        written = Labels(data.positions(split), softmax(logits), its.n_candidates)
        write_predictions(context.out, split, written)
    return {
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "n_features": own.shape[1],
        "n_examples": len(learned),
        "loss": fitted.loss,
        "gradient": fitted.gradient,
        "iterations": fitted.iterations,
        "seconds": round(time.perf_counter() - started, 3),
        "chance": data.chance,
        "device": str(running.placement.device),
    }


def _network(model: Model, examples: Examples, seed: int, start: Path | None) -> Network:
    """Return the network as it is before finetuning, or with the weights that a finetuning kept.

    Raises:
        JobError: It has no features, or the weights are another network's.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_model

    if not model.has_features:
        raise JobError(f"{model.name}: its network has no features that a probe could read")
    network = model.build(examples, seed)
    if start is not None:
        path = layout.checkpoint(start)
        try:
            load_model(network, str(path))
        except (SafetensorError, OSError, RuntimeError) as error:
            raise JobError(f"{path}: these weights do not fit the model {model.name}: {error}") from None
    return network
