"""Model and examples -> frozen features of every split, for heads and relabelings that read them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from w2slab.data import layout
from w2slab.data.artifacts import Features, read_examples, write_features
from w2slab.data.examples import Examples
from w2slab.data.task_data import TaskData
from w2slab.errors import JobError
from w2slab.graph.job import JobContext
from w2slab.jobs import plugins, reading
from w2slab.jobs.features import WHOLE, features
from w2slab.jobs.setup import prepare_worker, running_of
from w2slab.specs import EmbedSpec, restore


def embed(spec: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write the features that a model has of every split, before any finetuning.

    Options: `device`, `prediction_batch`.

    Raises:
        JobError: The model has no features, or none of this readout; or they are not finite.
    """
    prepare_worker()
    asked = restore(EmbedSpec, spec)
    started = time.perf_counter()
    splits = _splits(context.inputs)
    examples = {name: its for name, (_, its) in splits.items()}
    family = _family(asked, context.inputs.get("start"))
    running = running_of(context, asked.precision)
    network = running.placement.place(family.build(next(iter(examples.values())), 0)).eval()
    if not hasattr(network, "features"):
        raise JobError(f"{family.name}: its network has no features that could be read")
    where = {} if asked.readout == "head" and asked.layer is None else {"readout": asked.readout, "layer": asked.layer}
    n_rows, n_bytes, width = {}, 0, 0
    for done, (name, its) in enumerate(examples.items()):
        context.progress(done / len(examples), name)
        row_per_example = its.classes is not None or asked.readout in getattr(family, "example_readouts", ())
        encoded = reading.encoded(family, its, context.shared)
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


def _family(asked: EmbedSpec, start: Path | None) -> Any:
    """The model's family, with the weights that a generative job left if there is one.

    Raises:
        JobError: It cannot be read out so, or cannot start from a language model.
    """
    family = plugins.build("models", asked.model)
    readouts = getattr(family, "readouts", ("head",))
    if asked.readout not in readouts:
        raise JobError(f'{family.name}: readout: "{asked.readout}" is not known; allowed: {", ".join(readouts)}')
    if start is not None:
        if not hasattr(family, "starting_from"):
            raise JobError(f"{family.name}: it cannot start from a language model")
        family = family.starting_from(layout.base(start))
    return family.reading_at(asked.readout) if hasattr(family, "reading_at") else family
