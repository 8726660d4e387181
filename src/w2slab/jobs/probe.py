"""Frozen features of a model -> logistic regression -> predictions."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from w2slab.artifacts import Predictions, read_examples, read_prepared, write_predictions
from w2slab.errors import JobError
from w2slab.graph.job import JobContext
from w2slab.jobs import labels, plugins, reading
from w2slab.jobs.passes import passes
from w2slab.jobs.setup import prepare_worker, running_of
from w2slab.specs import UNSEEN_BY_SUPERVISOR, ProbeSpec, restore
from w2slab.tasks.task import Examples

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from w2slab.training.batches import Encoded
    from w2slab.training.loop import Running

LARGEST_GRADIENT = 1e-6
MOST_ITERATIONS = 5000


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
    family = plugins.build("models", asked.model)
    running = running_of(context, asked.precision)
    network = running.placement.place(_network(family, learned, asked.seed, context.inputs.get("start"))).eval()

    def read(split: str) -> NDArray[np.float64]:
        encoded = reading.encoded(family, examples[split], data, split, context.shared)
        return features(network, encoded, learned.classes is not None, running)

    own = read(asked.train_split)
    scale = Scale.of(own)
    fitted = fit(scale(own), targets, learned, asked.l2)
    for split, its in examples.items():
        logits = fitted.logits(scale(own if split == asked.train_split else read(split)), its)
        written = Predictions(its.ids, _softmax(logits), its.n_candidates)
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


def _network(family: Any, examples: Examples, seed: int, start: Path | None) -> torch.nn.Module:
    """The network as it is before finetuning, or with the weights that a finetuning kept.

    Raises:
        JobError: It has no features, or the weights are another network's.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_model

    network: torch.nn.Module = family.build(examples, seed)
    if not hasattr(network, "features"):
        raise JobError(f"{family.name}: its network has no features that a probe could read")
    if start is not None:
        path = start / "checkpoint" / "model.safetensors"
        try:
            load_model(network, str(path))
        except (SafetensorError, OSError, RuntimeError) as error:
            raise JobError(f"{path}: these weights do not fit the model {family.name}: {error}") from None
    return network


def features(network: Any, encoded: Encoded, shared_candidates: bool, running: Running) -> NDArray[np.float64]:
    """What the network's head reads, a row per example, or one per candidate, example by example: [R, D].

    Raises:
        JobError: A feature is not finite, or there are not as many rows.
    """
    import torch

    counts = np.ones(len(encoded), dtype=np.int64) if shared_candidates else encoded.n_candidates
    firsts = np.cumsum(counts) - counts
    found: NDArray[np.float64] = np.empty((0, 0))

    def read(indices: np.ndarray) -> None:
        nonlocal found
        with running.placement.autocast():
            batch = network.features(**running.placement.to_device(encoded.batch(indices)))
        rows = np.concatenate([np.arange(firsts[i], firsts[i] + counts[i]) for i in indices])
        if len(batch) != len(rows):
            raise JobError(f"the network gave {len(batch)} rows of features where {len(rows)} are wanted")
        found = found if found.size else np.full((int(counts.sum()), batch.shape[1]), np.nan)
        found[rows] = batch.double().cpu().numpy()

    with torch.no_grad():
        passes(encoded.lengths, running.prediction_batch, running.placement, read)
    if not np.isfinite(found).all():
        raise JobError("the network's features are not finite")
    return found


class Scale(NamedTuple):
    """Standardises features by what they are in training; a feature that never changes there becomes 0."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def of(cls, rows: NDArray[np.float64]) -> Scale:
        """The scale on which these rows have mean 0 and standard deviation 1."""
        mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        # A constant, as floats have it: its deviation is rounding.
        is_constant = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-30)
        return cls(mean, np.where(is_constant, np.inf, deviation))

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows on this scale, [R, D]."""
        return (rows - self.mean) / self.deviation


class Fitted(NamedTuple):
    """A linear model of candidates.

    Args:
        weights: [D, C] where candidates are common classes, [D, 1] where each has features of its own.
        bias: [C], or [1] and 0.
        loss: What was minimised.
        gradient: Largest entry of the loss's gradient at the end.
        iterations: Of the optimizer.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    loss: float
    gradient: float
    iterations: int

    def logits(self, rows: NDArray[np.float64], examples: Examples) -> NDArray[np.float64]:
        """Logits [N, K]; minus infinity beyond an example's own candidates."""
        scores = rows @ self.weights + self.bias
        return scores if examples.classes is not None else _spread(scores[:, 0], examples.n_candidates)


def fit(rows: NDArray[np.float64], targets: np.ndarray, examples: Examples, l2: float) -> Fitted:
    """Minimise the mean cross entropy of the targets, plus `l2` times the squared norm of the weights.

    Where candidates are common classes this is multinomial logistic regression with a bias for each. Where each has
    features of its own it is the conditional logit: one weight vector, a softmax over an example's candidates.

    Args:
        rows: Standardised features, a row per example or per candidate.
        targets: [N, K], rows that sum to one.
        examples: What the rows belong to.
        l2: Above 0, so that there is one solution.

    Raises:
        JobError: The optimizer did not come to an end.
    """
    import torch

    x, wanted = torch.from_numpy(rows), torch.from_numpy(targets.astype(np.float64))
    wanted = wanted / wanted.sum(dim=1, keepdim=True)
    shared = examples.classes is not None
    weights = torch.zeros(x.shape[1], wanted.shape[1] if shared else 1, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(weights.shape[1], dtype=torch.float64, requires_grad=shared)
    if shared:

        def logits() -> torch.Tensor:
            return x @ weights + bias

    else:
        real = np.arange(wanted.shape[1]) < examples.n_candidates[:, None]
        places = torch.from_numpy(np.where(real, np.cumsum(real).reshape(real.shape) - 1, 0))
        beyond = torch.from_numpy(~real)

        def logits() -> torch.Tensor:
            return (x @ weights)[:, 0][places].masked_fill(beyond, -1e30)

    parameters = [weights, bias] if shared else [weights]
    loss, gradient, iterations = _minimise(
        lambda: -(wanted * logits().log_softmax(dim=1)).sum() / len(wanted) + l2 * weights.square().sum(), parameters
    )
    return Fitted(weights.detach().numpy(), bias.detach().numpy(), loss, gradient, iterations)


def _minimise(loss: Callable[[], torch.Tensor], parameters: list[torch.Tensor]) -> tuple[float, float, int]:
    """Bring a convex loss to its minimum in place; its value, the largest entry of its gradient, and iterations."""
    import torch

    optimizer = torch.optim.LBFGS(
        parameters,
        max_iter=MOST_ITERATIONS,
        max_eval=2 * MOST_ITERATIONS,
        tolerance_grad=LARGEST_GRADIENT / 10,
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    value = float(closure().item())
    gradient = max(float(p.grad.abs().max().item()) for p in parameters if p.grad is not None)
    iterations = int(optimizer.state[parameters[0]]["n_iter"])
    if not gradient <= LARGEST_GRADIENT:
        raise JobError(
            f"the probe did not converge: after {iterations} iterations its gradient has an entry of {gradient:.2g}, "
            f"above {LARGEST_GRADIENT:g}. Give the method a larger l2"
        )
    return value, gradient, iterations


def _spread(scores: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Scores of all candidates, one after the other, as a row for each example."""
    real = np.arange(int(counts.max(initial=0))) < counts[:, None]
    logits = np.full(real.shape, -np.inf)
    logits[real] = scores
    return logits


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float32]:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return probs
