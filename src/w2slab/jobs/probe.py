"""Frozen features of a model -> logistic regression -> predictions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.data.artifacts import Predictions, read_examples, read_prepared, write_predictions
from w2slab.data.examples import Examples
from w2slab.errors import JobError
from w2slab.graph.job import JobContext
from w2slab.jobs import labels, plugins, reading
from w2slab.jobs.features import features
from w2slab.jobs.setup import prepare_worker, running_of
from w2slab.specs import UNSEEN_BY_SUPERVISOR, ProbeSpec, restore
from w2slab.training.logistic import Scale, fit, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from w2slab.models.model import Model
    from w2slab.models.network import Network


def probe(spec: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Fit a linear probe and leave its predictions on every split that its supervisor has not seen.

    Options: `device`, `prediction_batch`.

    Raises:
        JobError: The network has no features, labels do not fit the examples, or features are not finite.
    """
    prepare_worker()
    asked = restore(ProbeSpec, spec)
    data, started = context.inputs["data"], time.perf_counter()
    examples = {s: read_examples(data, s) for s in UNSEEN_BY_SUPERVISOR if (data / f"{s}.parquet").exists()}
    learned = examples[asked.train_split]
    targets = labels.targets(asked.labels, data, context.inputs.get("labels"), asked.train_split, learned)
    model = plugins.build("models", asked.model)
    running = running_of(context, asked.precision)
    network = running.placement.place(_network(model, learned, asked.seed, context.inputs.get("start"))).eval()

    def read(split: str) -> NDArray[np.float64]:
        encoded = reading.encoded(model, examples[split], data, split, context.shared)
        return features(network, encoded, learned.classes is not None, running).astype(np.float64)

    own = read(asked.train_split)
    scale = Scale.of(own)
    fitted = fit(scale(own), targets, learned.classes is not None, learned.n_candidates, asked.l2)
    for split, its in examples.items():
        logits = fitted.logits(scale(own if split == asked.train_split else read(split)), its.n_candidates)
        written = Predictions(its.ids, softmax(logits), its.n_candidates)
        write_predictions(context.out / "predictions" / f"{split}.parquet", written)
    return {
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "n_features": own.shape[1],
        "n_examples": len(learned),
        "loss": fitted.loss,
        "gradient": fitted.gradient,
        "iterations": fitted.iterations,
        "seconds": round(time.perf_counter() - started, 3),
        "chance": read_prepared(data)["chance"],
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
        path = start / "checkpoint" / "model.safetensors"
        try:
            load_model(network, str(path))
        except (SafetensorError, OSError, RuntimeError) as error:
            raise JobError(f"{path}: these weights do not fit the model {model.name}: {error}") from None
    return network
