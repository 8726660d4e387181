"""Model and examples -> frozen features of every split, for heads and relabelings that read them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from w2slab.data import layout
from w2slab.data.artifacts import Features, read_examples, write_features
from w2slab.data.examples import Examples
from w2slab.data.task_data import TaskData
from w2slab.errors import JobError
from w2slab.graph.job import JobContext
from w2slab.jobs import encoded_cache
from w2slab.jobs.features import WHOLE, features
from w2slab.jobs.setup import prepare_worker, running_of
from w2slab.jobs.spec import Spec
from w2slab.models.model import Model


@dataclass(frozen=True, kw_only=True)
class EmbedSpec(Spec):
    """Model -> frozen features of all examples of its input `task`; with `data`, of those in its splits.

    Input `start`, a `generative` job, where the features are those of a model that has learned to write the texts.

    Args:
        readout: What is read of an example: `head` is what the family's own head reads. Others are the family's.
        layer: Block after which features are read, counted from 1; `None` is the last.
        precision: Number type of the forward pass.
    """

    KIND: ClassVar[str] = "embed"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.embed:embed"

    model: Model
    readout: str = "head"
    layer: int | None = None
    precision: Literal["fp32", "bf16"] = "fp32"


def embed(spec: EmbedSpec, context: JobContext) -> dict[str, Any]:
    """Write the features that a model has of every split, before any finetuning.

    Options: `device`, `prediction_batch`.

    Raises:
        JobError: The model has no features, or none of this readout; or they are not finite.
    """
    prepare_worker()
    started = time.perf_counter()
    splits = _splits(context.inputs)
    examples = {name: its for name, (_, its) in splits.items()}
    model = _model(spec, context.inputs.get("start"))
    running = running_of(context, spec.precision)
    network = running.placement.place(model.build(next(iter(examples.values())), 0)).eval()
    where = {} if spec.readout == "head" and spec.layer is None else {"readout": spec.readout, "layer": spec.layer}
    n_rows, n_bytes, width = {}, 0, 0
    for done, (name, its) in enumerate(examples.items()):
        context.progress(done / len(examples), name)
        row_per_example = its.classes is not None or spec.readout in model.example_readouts
        encoded = encoded_cache.encoded(model, its, context.shared)
        found = features(network, encoded, row_per_example, running, **where)
        counts = np.ones(len(its), dtype=np.int64) if row_per_example else its.n_candidates
        write_features(context.out, name, Features(splits[name][0], counts, found))
        n_rows[name], n_bytes, width = len(found), n_bytes + found.nbytes, found.shape[1]
    return {
        "n_features": width,
        "n_rows": n_rows,
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "bytes": n_bytes,
        "seconds": round(time.perf_counter() - started, 3),
        "device": str(running.placement.device),
    }


def _splits(inputs: Mapping[str, Path]) -> dict[str, tuple[np.ndarray, Examples]]:
    """The positions and the examples of every split, or of the whole task where it is not split."""
    if "data" in inputs:
        data = TaskData.of(inputs)
        return {name: (data.positions(name), data.examples(name)) for name in data.names}
    whole = read_examples(inputs["task"])
    return {WHOLE: (np.arange(len(whole)), whole)}


def _model(spec: EmbedSpec, start: Path | None) -> Model:
    """Return the model with the requested readout, and with the weights of a generative job if there is one.

    Raises:
        JobError: It has no features, not this readout, or cannot start from a language model.
    """
    model = spec.model
    if not model.has_features:
        raise JobError(f"{model.name}: its network has no features that could be read")
    if spec.readout not in model.readouts:
        raise JobError(f'{model.name}: readout: "{spec.readout}" is not known; allowed: {", ".join(model.readouts)}')
    if start is not None:
        model = model.starting_from(layout.base(start))
    return model.reading_at(spec.readout)
