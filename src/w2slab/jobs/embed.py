"""Model and examples -> frozen features of every split, for heads and relabelings that read them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from w2slab.data.artifacts import Features, read_examples, write_features
from w2slab.errors import JobError
from w2slab.graph.job import JobContext
from w2slab.jobs import plugins, reading
from w2slab.jobs.features import features
from w2slab.jobs.prepare import POOL
from w2slab.jobs.setup import prepare_worker, running_of
from w2slab.models.model import Model
from w2slab.specs import SPLITS, EmbedSpec, restore


def embed(spec: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write the features that a model has of every split, before any finetuning.

    Options: `device`, `prediction_batch`.

    Raises:
        JobError: The model has no features, or none of this readout; or they are not finite.
    """
    prepare_worker()
    asked = restore(EmbedSpec, spec)
    data, started = context.inputs["data"], time.perf_counter()
    splits = [name for name in (*SPLITS, POOL) if (data / f"{name}.parquet").exists()]
    examples = {name: read_examples(data, name) for name in splits}
    model = _model(asked, context.inputs.get("start"))
    running = running_of(context, asked.precision)
    network = running.placement.place(model.build(examples[splits[0]], 0)).eval()
    where = {} if asked.readout == "head" and asked.layer is None else {"readout": asked.readout, "layer": asked.layer}
    n_rows, n_bytes, width = {}, 0, 0
    for done, (name, its) in enumerate(examples.items()):
        context.progress(done / len(examples), name)
        row_per_example = its.classes is not None or asked.readout in model.example_readouts
        encoded = reading.encoded(model, its, data, name, context.shared)
        found = features(network, encoded, row_per_example, running, **where)
        counts = np.ones(len(its), dtype=np.int64) if row_per_example else its.n_candidates
        write_features(context.out, name, Features(its.ids, counts, found))
        n_rows[name], n_bytes, width = len(found), n_bytes + found.nbytes, found.shape[1]
    return {
        "n_features": width,
        "n_rows": n_rows,
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "bytes": n_bytes,
        "seconds": round(time.perf_counter() - started, 3),
        "device": str(running.placement.device),
    }


def _model(asked: EmbedSpec, start: Path | None) -> Model:
    """Return the model with the requested readout, and with the weights of a generative job if there is one.

    Raises:
        JobError: It has no features, not this readout, or cannot start from a language model.
    """
    model: Model = plugins.build("models", asked.model)
    if not model.has_features:
        raise JobError(f"{model.name}: its network has no features that could be read")
    if asked.readout not in model.readouts:
        raise JobError(f'{model.name}: readout: "{asked.readout}" is not known; allowed: {", ".join(model.readouts)}')
    if start is not None:
        model = model.starting_from(start / "base")
    return model.reading_at(asked.readout)
