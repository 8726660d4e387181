"""A language model is asked, and not trained -> predictions.

Where candidates are common classes, the prompt is the instruction, the shots, and the example, each example followed by
`Answer:`; the model chooses among the numbers of the classes, `0`, `1` and so on, as in Burns et al. 2023 (table 2).
Where each example has candidates of its own, the prompt ends with the example's text; a candidate's logit is the mean
log probability of its tokens.

What is too long loses shots first, the foremost before the others, and then text on the left.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from w2slab.data.artifacts import write_predictions
from w2slab.data.examples import Examples
from w2slab.data.labels import Labels
from w2slab.data.layout import UNSEEN_BY_SUPERVISOR
from w2slab.data.task_data import TaskData
from w2slab.errors import JobError
from w2slab.graph.job import JobContext, Stopped
from w2slab.jobs.generative import require_generating, require_text
from w2slab.jobs.setup import prepare_worker, running_of
from w2slab.jobs.spec import Spec
from w2slab.jobs.targets import weak_labels
from w2slab.models.model import Model
from w2slab.randomness import rng
from w2slab.training.passes import passes

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from w2slab.models.hf.tokenizing import Texts
    from w2slab.training.loop import Running

SHOTS_FROM = "student_train"
CUE = "\nAnswer:"
GAP = "\n\n"
MOST_TOKENS = 2**20
MOST_ROWS = 32  # logits of a whole vocabulary are large
CHUNK = 256  # positions whose logits are held at a time


@dataclass(frozen=True, kw_only=True)
class PromptSpec(Spec):
    """A language model is asked, and not trained -> predictions (Burns et al. 2023, section 5.2.1).

    Inputs: `task`, `data` and, for shots with weak labels, `labels`.

    Args:
        instruction: A sentence or two before everything else.
        shots: Labelled examples of `student_train` in the prompt.
        labels: Of the shots: `true`, `weak` (their likeliest candidate), or `none` where there are no shots.
        precision: Number type of the forward pass.
        seed: Decides which examples are shots.
    """

    KIND: ClassVar[str] = "prompt"
    VERSION: ClassVar[int] = 1
    RUN: ClassVar[str] = "w2slab.jobs.prompt:prompt"

    model: Model
    instruction: str = ""
    shots: int = 0
    labels: Literal["none", "true", "weak"] = "none"
    precision: Literal["fp32", "bf16"] = "fp32"
    seed: int


def prompt(spec: PromptSpec, context: JobContext) -> dict[str, Any]:
    """Ask a language model and leave its predictions on every split that its supervisor has not seen.

    Options: `device`, `prediction_batch`.

    Raises:
        JobError: The model cannot continue a text, the task has none, or there are too few examples for the shots.
        Stopped: The run asked for it.
    """
    prepare_worker()
    data, started = TaskData.of(context.inputs), time.perf_counter()
    model = require_generating(spec.model)
    shots = _shots(spec, data, context.inputs.get("labels"))
    running = running_of(context, spec.precision)
    network = running.placement.place(model.build_language(spec.seed)).eval()
    limit = _room(model) if shots else 0
    n_lost = {}
    for split in UNSEEN_BY_SUPERVISOR:
        if not data.has(split):
            continue
        if context.stop_requested():
            raise Stopped("stopped before the last split was predicted")
        examples = data.examples(split)
        asks = _asks(model, spec.instruction, shots, examples, limit)
        choose = _among_classes if examples.classes is not None else _among_candidates
        probs = _softmax(choose(model, network, asks, examples, running))
        if not np.isfinite(probs).all():
            raise JobError(f"{model.name}: its predictions of {split} are not finite")
        write_predictions(context.out, split, Labels(data.positions(split), probs, examples.n_candidates))
        n_lost[split] = asks.n_lost
    return {
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "n_shots": len(shots),
        "n_examples_that_lost_shots": n_lost,
        "seconds": round(time.perf_counter() - started, 3),
        "chance": data.chance,
        "device": str(running.placement.device),
    }


def _shots(spec: PromptSpec, data: TaskData, labels: Path | None) -> list[str]:
    """Labelled examples as they stand in a prompt: the same for all that is asked, classes in turn where there are any.

    Raises:
        JobError: There are fewer examples, or their labels are missing.
    """
    if (spec.labels == "weak") != (labels is not None) or (spec.labels == "none") != (spec.shots == 0):
        raise JobError(f'labels: "{spec.labels}" does not go with {spec.shots} shots and the inputs given')
    if not spec.shots:
        return []
    examples = data.examples(SHOTS_FROM)
    if len(examples) < spec.shots:
        raise JobError(f"shots: {spec.shots} are asked for and {SHOTS_FROM} has {len(examples)} examples")
    if labels is None:
        right = np.array([each[0] for each in data.truth(SHOTS_FROM).right], dtype=np.int64)
    else:
        right = weak_labels(labels, data, SHOTS_FROM).choices
    order = rng(spec.seed, "shots").permutation(len(examples))
    if examples.classes is not None:
        order = in_turn(order, right)
    drawn = order[: spec.shots]
    shown = examples.take(drawn)
    return [
        f"{question}{f' {label}' if answers is None else answers[label]}{GAP}"
        for question, answers, label in zip(*_questions(shown), right[drawn].tolist(), strict=True)
    ]


def in_turn(order: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The same examples, one class after the other for as long as each lasts; within a class in the given order.

    Args:
        order: Positions of examples, [N].
        classes: The class of every example, by position.
    """
    seen: dict[int, int] = {}
    rounds = np.empty(len(order), dtype=np.int64)
    for place, position in enumerate(order):
        rounds[place] = seen[classes[position]] = seen.get(classes[position], -1) + 1
    return order[np.argsort(rounds, kind="stable")]


def _questions(examples: Examples) -> tuple[list[str], list[list[str] | None]]:
    """Return the question of each example and its candidate texts; `None` where these are class numbers."""
    texts, answers = require_text(examples), examples.answers
    if examples.classes is None:
        return texts, list(answers)
    return [f"{text}{answer[0]}{CUE}" for text, answer in zip(texts, answers, strict=True)], [None] * len(texts)


class _Asks(NamedTuple):
    """Prompts, each with the texts that may follow it, and how many of them lost a shot."""

    prompts: list[str]
    answers: list[list[str]]
    n_lost: int


def _room(model: Model) -> int:
    """Return the number of tokens at which the model truncates a text; found by trial."""
    n_words = 256
    while True:
        n_tokens = int(model.tokens(["word " * n_words]).lengths[0])
        if n_tokens < n_words or n_words >= MOST_TOKENS:
            return n_tokens
        n_words *= 4


def _asks(model: Model, instruction: str, shots: Sequence[str], examples: Examples, limit: int) -> _Asks:
    """A prompt for each example, with as many of the shots as fit into `limit` tokens."""
    questions, answers = _questions(examples)
    words = [f" {label}" for label in range(len(examples.classes or ()))]
    choices = [words if answer is None else answer for answer in answers]
    head = f"{instruction}{GAP}" if instruction else ""
    if not shots:
        return _Asks([head + question for question in questions], choices, 0)
    longest = [max(choice, key=len, default="") for choice in choices]
    needed = model.tokens([head + question for question in questions], longest).lengths
    # Token by token a shot may join its neighbours; what is lost by that is truncated on the left by the model.
    taken = np.cumsum(model.tokens(list(shots)).lengths[::-1])
    n_shots = np.searchsorted(taken, limit - needed, side="right")
    kept = ["".join(shots[len(shots) - n :]) for n in range(len(shots) + 1)]
    prompts = [f"{head}{kept[n]}{question}" for n, question in zip(n_shots, questions, strict=True)]
    return _Asks(prompts, choices, int((n_shots < len(shots)).sum()))


def _among_classes(
    model: Model, network: Any, asks: _Asks, examples: Examples, running: Running
) -> NDArray[np.float64]:
    """Logits of the class numbers [N, C], as the token that comes next; where they differ in more, of all their tokens.

    Numbers that begin alike (a space, then a digit) differ in their last token alone: one pass tells all of them.
    """
    import torch

    words = asks.answers[0]
    samples: Texts = model.tokens([asks.prompts[0]] * len(words), words)
    places = samples.offsets[:-1, None] + samples.answers
    spelled = [samples.ids[first:last].tolist() for first, last in places]
    if len({tuple(each[:-1]) for each in spelled}) > 1 or not all(spelled):
        return _among_candidates(model, network, asks, examples, running, per_token=False)
    ids = torch.tensor([each[-1] for each in spelled])
    rows: Texts = model.tokens(asks.prompts, [words[0]] * len(asks.prompts))
    found = np.zeros((len(asks.prompts), len(words)))

    def ask(indices: np.ndarray) -> None:
        at = rows.answers[indices, 1] - 1
        for chosen, logits in _next_logits(network, rows, indices, np.arange(len(indices)), at, running):
            found[indices[chosen]] = logits[:, ids.to(logits.device)].double().cpu().numpy()

    _pass(rows, running, ask)
    return found


def _among_candidates(
    model: Model, network: Any, asks: _Asks, examples: Examples, running: Running, *, per_token: bool = True
) -> NDArray[np.float64]:
    """Log probability of every candidate after its prompt, [N, K]; minus infinity where there is none.

    Raises:
        JobError: A candidate is empty, or nothing stands before its only token.
    """
    import torch

    counts = examples.n_candidates
    if any(not answer for answers in asks.answers for answer in answers):
        raise JobError("a candidate is empty, and so has no probability; leave such examples out")
    prompts = [prompt for prompt, count in zip(asks.prompts, counts, strict=True) for _ in range(count)]
    rows: Texts = model.tokens(prompts, [answer for answers in asks.answers for answer in answers])
    sums = np.zeros(len(prompts))
    first = np.maximum(rows.answers[:, 0], 1)  # the very first token of a row has no probability
    n_scored = rows.answers[:, 1] - first
    if (n_scored < 1).any():
        raise JobError("a candidate is one token with nothing before it, so it has no probability; give an instruction")

    def ask(indices: np.ndarray) -> None:
        owners = np.repeat(np.arange(len(indices)), n_scored[indices])
        ends = np.cumsum(n_scored[indices])
        at = first[indices][owners] + np.arange(len(owners)) - (ends - n_scored[indices])[owners]
        tokens = torch.from_numpy(rows.ids[rows.offsets[indices][owners] + at].astype(np.int64))
        sums[indices] = 0.0  # it may be the second try
        for chosen, logits in _next_logits(network, rows, indices, owners, at, running):
            own = tokens[torch.from_numpy(chosen), None].to(logits.device)
            logs = logits.log_softmax(dim=1).gather(1, own)[:, 0]
            np.add.at(sums, indices[owners[chosen]], logs.double().cpu().numpy())

    _pass(rows, running, ask)
    real = np.arange(int(counts.max(initial=0))) < counts[:, None]
    scores = np.full(real.shape, -np.inf)
    scores[real] = sums / np.maximum(n_scored, 1) if per_token else sums
    return scores


def _pass(rows: Texts, running: Running, ask: Callable[[np.ndarray], None]) -> None:
    import torch

    with torch.no_grad():
        passes(rows.lengths, min(running.prediction_batch, MOST_ROWS), running.placement, ask)


def _next_logits(
    network: Any, rows: Texts, indices: np.ndarray, owners: np.ndarray, at: np.ndarray, running: Running
) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
    """Logits of the tokens at some positions of a batch, each from what stands before it; some positions at a time.

    Args:
        network: A causal language model.
        rows: All rows.
        indices: The batch.
        owners: The row in the batch of each position, [M].
        at: The position in its row, at least 1, [M].
        running: Where it is computed.
    """
    import torch

    from w2slab.training.batches import cut
    from w2slab.training.language import PLAIN_HEADS

    ids, real = rows.batch(indices)
    batch = running.placement.to_device({"input_ids": ids, "attention_mask": real.long()})
    autocast = running.placement.autocast
    is_plain = network.config.model_type in PLAIN_HEADS
    places = at - 1
    with autocast():
        if is_plain:
            states = network.base_model(**batch).last_hidden_state
        elif "logits_to_keep" in inspect.signature(network.forward).parameters:
            kept, places = np.unique(places, return_inverse=True)
            states = network(**batch, logits_to_keep=torch.from_numpy(kept).to(running.placement.device)).logits
        else:
            states = network(**batch).logits
    for chosen in cut(np.arange(len(at)), CHUNK):
        picked = states[torch.from_numpy(owners[chosen]), torch.from_numpy(places[chosen])]
        with autocast():
            logits = network.get_output_embeddings()(picked) if is_plain else picked
        yield chosen, logits.float()


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float32]:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return probs
