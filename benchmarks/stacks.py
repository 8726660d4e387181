"""Students trained in stacks against the same students one at a time; `finetune.py --stacked` prints it."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from finetune import Case, case
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from w2slab.models.chessformer.chessformer import Chessformer
from w2slab.models.chessformer.chessformer_network import HIDDEN
from w2slab.models.hf.huggingface import HuggingFace
from w2slab.objectives import AuxiliaryConfidence, CrossEntropy, Objective
from w2slab.randomness import rng
from w2slab.tasks.chess.puzzle_task import Chess
from w2slab.tasks.text.sentiment import Sst2
from w2slab.training import batches, classification, loop, schedules
from w2slab.training.optimizer import AdamW
from w2slab.training.placement import Placement
from w2slab.training.predict import predict
from w2slab.training.recipe import Recipe

# Steps of each student in one turn: enough for the clock, few enough that turns are short.
STEPS = {"chess-800": 8, "chess-3k": 8, "chess-8k": 8, "chess-25k": 6, "chess-90k": 4, "text-100k": 4}
STACKS = (2, 4, 8)
STUDENTS = 16  # of every way in one turn
# A student's job in examples/chess.yaml and nlp.yaml: examples it reads (rows of texts are kept), steps, predictions,
# those for the curve and the stopping points included.
JOBS = {"chess": (9300, 315, 16300), "text": (0, 64, 4200)}
RECIPE = Recipe(epochs=1, curve_points=0)


class Student(NamedTuple):
    """The parts of a student that its stack does not share."""

    targets: np.ndarray
    objective: Objective


Forward = Callable[[nn.Module, dict[str, Tensor], dict[str, Tensor]], Tensor]


def rung(name: str, n: int) -> Case:
    """A shipped rung and the first examples of its task."""
    if name.startswith("text"):
        return case(HuggingFace(name, max_length=128), Sst2(), n, 1)
    return case(Chessformer(name), Chess(), n, 1)


def students(case: Case, n: int) -> list[Student]:
    """Every second one is naive; each has errors of its own in three tenths of its labels."""
    made = []
    for index in range(n):
        generator, targets = rng(0, "labels", str(index)), case.targets.copy()
        for row in np.flatnonzero(generator.random(len(targets)) < 0.3):
            targets[row] = 0
            targets[row, generator.integers(case.encoded.n_candidates[row])] = 1
        made.append(Student(targets, AuxiliaryConfidence() if index % 2 else CrossEntropy()))
    return made


def one_at_a_time(
    case: Case, chosen: list[Student], networks: list[nn.Module], running: loop.Running, recipe: Recipe = RECIPE
) -> None:
    """Train each network in the project's loop."""
    for student, network in zip(chosen, networks, strict=True):
        training = classification.Training(
            case.encoded, student.targets, case.is_shared, student.objective, recipe, seed=0
        )
        classification.finetune(network, training, running)


def stacked(case: Case, chosen: list[Student], networks: list[nn.Module], forward: Forward) -> None:
    """Train all networks in one loop that takes the same steps; students with the same objective stand together."""
    parameters, _ = stack_module_state(networks)
    weights = list(parameters.values())
    optimizer = AdamW(weights, lr=RECIPE.lr, weight_decay=RECIPE.weight_decay)
    targets = torch.from_numpy(np.stack([student.targets for student in chosen]))
    order = batches.cut(batches.order(len(case.encoded), 0, 0), RECIPE.batch_size)
    for step, indices in enumerate(order):
        progress = (step + 0.5) / len(order)
        factor = schedules.rate_factor(progress, RECIPE.warmup_frac, RECIPE.decay)
        optimizer.param_groups[0]["lr"] = RECIPE.lr * factor
        logits = forward(networks[0], parameters, case.encoded.batch(indices))
        wanted = targets[:, torch.from_numpy(indices), : logits.shape[-1]]
        losses = []
        for objective, rows in alike(chosen):
            statistic = objective.statistic(logits[rows].detach(), wanted[rows], case.is_shared)
            losses.append(objective(logits[rows], wanted[rows], progress, statistic).mean(dim=-1))
        for weight in weights:
            weight.grad = None
        loss = torch.cat(losses)
        loss.sum().backward()
        if not loss.isfinite().all():
            raise SystemExit(f"{case.name}, step {step + 1}: the losses are {loss.tolist()}")
        clip_each(weights, RECIPE.gradient_clip or float("inf"))
        optimizer.step()
    for index, network in enumerate(networks):
        network.load_state_dict({name: weight[index] for name, weight in parameters.items()}, strict=False)


def alike(chosen: list[Student]) -> Iterator[tuple[Objective, slice]]:
    """Neighbours with the same objective, and where they stand."""
    first = 0
    for objective, group in itertools.groupby(student.objective for student in chosen):
        last = first + len(list(group))
        yield objective, slice(first, last)
        first = last


def clip_each(weights: list[Tensor], largest: float) -> None:
    """Scale each student's gradient down to a norm of `largest` if it is longer."""
    gradients = [weight.grad.flatten(1) for weight in weights]
    norms = torch.stack([torch.linalg.vector_norm(gradient, dim=1) for gradient in gradients])
    factors = (largest / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1.0)[:, None]
    torch._foreach_mul_(gradients, [factors] * len(gradients))


def by_vmap(network: nn.Module, weights: dict[str, Tensor], batch: dict[str, Tensor]) -> Tensor:
    """Logits `[S, B, K]` of any network."""
    return vmap(lambda own: functional_call(network, own, (), batch))(weights)


def by_hand(network: nn.Module, weights: dict[str, Tensor], batch: dict[str, Tensor]) -> Tensor:
    """Logits `[S, B, M]` of chessformers.

    Layers are batched products. What is looked up or summed alike for all students (embeddings, relations, touches) is
    so in one product, their states side by side in a row. Scale and shift of a norm are put into the layer behind it.
    """
    relations, becomes = batch["relations"], batch["becomes"]
    (B, M), T, (S, d) = becomes.shape, relations.shape[-1], weights["norm.bias"].shape
    hidden = F.pad(batch["pieces"] == 0, (1, 0)).float()[:, None, None, :] * HIDDEN

    def look_up(name: str, index: Tensor) -> Tensor:
        return F.embedding(index, weights[f"{name}.weight"].transpose(0, 1).flatten(1))

    def by_student(rows: Tensor) -> Tensor:
        return rows.reshape(-1, S, d).transpose(0, 1).contiguous()

    def linear(name: str, x: Tensor, norm: str = "") -> Tensor:
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        if norm:
            x = F.layer_norm(x, x.shape[-1:])
            bias = bias + (weight @ weights[f"{norm}.bias"][:, :, None]).squeeze(2)
            weight = weight * weights[f"{norm}.weight"][:, None]
        return torch.baddbmm(bias[:, None], x, weight.transpose(1, 2))

    def feed(name: str, x: Tensor) -> Tensor:
        return x + linear(f"{name}.down", linear(f"{name}.up", x, f"{name}.norm").relu_())

    def attend(queries_keys_values: Tensor, heads: int) -> Tensor:
        q, k, v = queries_keys_values.view(S, B, T, 3, heads, -1).permute(3, 0, 1, 4, 2, 5)
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2) + hidden
        return (scores.softmax(dim=-1) @ v).transpose(2, 3).reshape(S, B * T, -1)

    state = look_up("castling", batch["states"][:, 0]) + look_up("passant", batch["states"][:, 1])
    pieces = look_up("piece", batch["pieces"]) + look_up("square", batch["squares"])
    x = by_student(torch.cat([state[:, None], pieces], dim=1))
    for i, block in enumerate(network.blocks):
        projected = linear(f"blocks.{i}.project", x, f"blocks.{i}.norm")
        queries_keys_values, values = projected.split([3 * block.inner, 4 * block.relation_width], dim=-1)
        values = values.view(S, B, T, 4, -1).permute(1, 3, 2, 0, 4).reshape(4 * B, T, -1)
        summed = torch.bmm(relations.view(4 * B, T, T), values).view(B, 4, T, S, -1)
        read = summed.permute(3, 0, 2, 1, 4).reshape(S, B * T, -1)
        if block.inner:
            read = torch.cat([attend(queries_keys_values, block.heads), read], dim=-1)
        x = feed(f"blocks.{i}.feed", x + linear(f"blocks.{i}.out", read))
    own, taken, *touched = linear("read", x, "norm").view(S, B * T, 4, d).permute(2, 1, 0, 3).reshape(4, B * T, S * d)
    flat = torch.arange(B)[:, None] * T
    y = F.embedding(batch["movers"] + 1 + flat, own) + F.embedding(batch["captured"] + flat, taken)
    y = y + look_up("destination", batch["destinations"]) + look_up("becomes", becomes)
    sources = torch.cat([each.view(B, T, S * d) for each in touched], dim=1)
    y = by_student(torch.baddbmm(y, batch["touches"], sources))
    for i in range(len(network.move_blocks)):
        y = feed(f"move_blocks.{i}", y)
    return linear("logit", y, "move_norm").view(S, B, M).masked_fill(becomes == 0, HIDDEN)


FORWARDS: dict[str, Forward] = {"vmap": by_vmap, "by hand": by_hand}


def in_stacks(case: Case, chosen: list[Student], networks: list[nn.Module], way: str, size: int) -> None:
    """Train all networks in stacks of some size."""
    for first in range(0, len(chosen), size):
        part = sorted(range(first, first + size), key=lambda index: index % 2)  # alike objectives side by side
        stacked(case, [chosen[i] for i in part], [networks[i] for i in part], FORWARDS[way])


def work(pipe: Any) -> None:
    """Serve as a worker: train when asked; answer with seconds of clock and processor."""
    warnings.filterwarnings("ignore", message=".*batching rule.*")
    cases: dict[str, Case] = {}
    running = loop.Running(Placement("cpu"))
    while (asked := pipe.recv()) is not None:
        name, way, size, n = asked
        if name not in cases:
            cases[name] = rung(name, RECIPE.batch_size * STEPS[name])
        chosen = students(cases[name], n)
        networks = [cases[name].make().eval() for _ in chosen]
        pipe.send("ready")
        pipe.recv()
        started = time.perf_counter(), time.process_time()
        if way is None:
            one_at_a_time(cases[name], chosen, networks, running)
        else:
            in_stacks(cases[name], chosen, networks, way, size)
        pipe.send((time.perf_counter() - started[0], time.process_time() - started[1]))


def workers(n: int, threads: int) -> list[Any]:
    """Pipes to processes that wait for work; `None` ends them.

    Their threads sleep where they wait for each other: threads that spin lose whole time slices to a busy neighbour.
    """
    os.environ |= {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
    spawn, pipes = multiprocessing.get_context("spawn"), []
    for _ in range(n):
        here, there = spawn.Pipe()
        spawn.Process(target=work, args=(there,), daemon=True).start()
        pipes.append(here)
    return pipes


def trained(pipes: list[Any], name: str, way: str | None = None, size: int = 1) -> np.ndarray:
    """Seconds of clock and processor in which the processes, side by side, train all students."""
    for pipe in pipes:
        pipe.send((name, way, size, STUDENTS // len(pipes)))
    for pipe in pipes:
        pipe.recv()
    for pipe in pipes:
        pipe.send("go")
    return np.array([pipe.recv() for pipe in pipes]).max(axis=0)


def ways(name: str) -> list[str]:
    """Ways to stack a rung's students."""
    return ["vmap"] if name.startswith("text") else list(FORWARDS)


def check(case: Case) -> str:
    """Return the distance of the weights of stacks from those of training one at a time; rounding alone is allowed.

    AdamW makes full steps even of gradients that are nothing but rounding, so there is no fixed tolerance. The measure
    is how far weights move apart where our loop takes each batch in two halves, which changes rounding only. Distances
    are shares of the way that training went.
    """
    chosen, placement = students(case, 4), Placement("cpu")
    whole, in_halves = loop.Running(placement), loop.Running(placement, RECIPE.batch_size // 2)
    start = nn.utils.parameters_to_vector(case.make().parameters()).detach()

    def way_gone(training: Callable[[list[nn.Module]], None]) -> Tensor:
        networks = [case.make().eval() for _ in chosen]
        training(networks)
        return torch.stack([nn.utils.parameters_to_vector(each.parameters()).detach() - start for each in networks])

    one = way_gone(lambda networks: one_at_a_time(case, chosen, networks, whole))

    def apart(training: Callable[[list[nn.Module]], None]) -> float:
        return float(((way_gone(training) - one).norm(dim=1) / one.norm(dim=1)).max())

    halves = apart(lambda networks: one_at_a_time(case, chosen, networks, in_halves))
    said = []
    for way in ways(case.name):
        distance = apart(lambda networks, way=way: in_stacks(case, chosen, networks, way, len(chosen)))
        if distance > 5 * halves:
            raise SystemExit(f"{case.name}, {way}: weights are {distance:.1e} apart, and rounding is {halves:.1e}")
        said.append(f"{way} {distance:.1e}")
    return f"weights apart: {', '.join(said)}; by rounding alone {halves:.1e}"


def least(action: Callable[[], object], times: int = 7) -> float:
    """The fewest seconds of the processor that something took."""
    taken = []
    for _ in range(times):
        started = time.process_time()
        action()
        taken.append(time.process_time() - started)
    return min(taken)


def floor(case: Case) -> tuple[float, str]:
    """Seconds of a student's step; and in words, what is left with one example: the cost of so many kernels."""
    network, running = case.make().eval(), loop.Running(Placement("cpu"))
    order = batches.cut(np.arange(len(case.encoded)), RECIPE.batch_size)
    few = np.argsort(case.encoded.lengths)[: len(order)]
    single = case._replace(encoded=case.encoded.take(few), targets=case.targets[few])

    def training(some: Case, batch_size: int) -> Callable[[], None]:
        chosen, recipe = [Student(some.targets, CrossEntropy())], replace(RECIPE, batch_size=batch_size)
        return lambda: one_at_a_time(some, chosen, [network], running, recipe)

    step, with_one = (least(training(*each)) / len(order) for each in ((case, RECIPE.batch_size), (single, 1)))
    collating = least(lambda: [case.encoded.batch(indices) for indices in order]) / len(order)
    words = (
        f"{1e3 * step:.1f} ms a step, {with_one / step:.0%} with one example; {collating / step:.0%} makes the batch"
    )
    return step, words


def whole_jobs(name: str, step: float, faster: dict[str, float]) -> str:
    """Return the speedup of whole jobs where 8 are one call; from the processor time of their parts.

    Args:
        name: The rung.
        step: Seconds of a step of one student.
        faster: How many times as many steps each way of stacking makes.
    """
    n_read, n_steps, n_predicted = JOBS[name.split("-")[0]]
    n, size, placement = 512, STACKS[-1], Placement("cpu")
    some = rung(name, n)
    networks = [some.make().eval() for _ in range(size)]
    parameters, _ = stack_module_state(networks)
    read = 0.0
    if n_read:
        puzzles = Chess().load().examples.take(np.arange(n))
        read = least(lambda: Chessformer(name).encode(puzzles), 3) * n_read / n

    @torch.no_grad()
    def predict_stacked(forward: Forward) -> None:
        for indices in batches.bucketed(some.encoded.lengths, 256):
            forward(networks[0], parameters, some.encoded.batch(indices)).softmax(dim=-1).numpy()

    steps, predicted = (
        step * n_steps,
        least(lambda: predict(networks[0], some.encoded, placement, 256)) * n_predicted / n,
    )
    whole, calls = read + steps + predicted, {"one at a time": steps + predicted}
    for way, ratio in faster.items():
        each = least(lambda way=way: predict_stacked(FORWARDS[way]), 3) / size
        calls[way] = steps / ratio + each * n_predicted / n
    parts = ", ".join(
        f"{part} {seconds / whole:.0%}"
        for part, seconds in (("reading", read), ("steps", steps), ("predictions", predicted))
    )
    said = ", ".join(f"{way} {whole / (read / size + rest):.2f}" for way, rest in calls.items())
    return f"  a job of {whole:.1f} s ({parts}); {size} jobs in one call: {said}"


def compare_stacks(turns: int, rungs: Iterable[str] = STEPS) -> None:
    """Print, for each rung and size of stack, how many times as many students are trained in the same time."""
    warnings.filterwarnings("ignore", message=".*batching rule.*")
    one_thread, two_threads = workers(2, 1), workers(1, 2)
    print(
        "times as many students: by the clock (least to most of all turns), and by the processor where threads are one"
    )
    for name in rungs:
        if name.startswith("text") and "W2SLAB_DATA" not in os.environ:
            continue
        each = rung(name, RECIPE.batch_size * STEPS[name])
        step, words = floor(each)
        print(f"{name}: {words}; {check(each)}", flush=True)
        ratios: dict[tuple[str, int, int], list[tuple[float, float]]] = {}
        for turn, size in [(0, STACKS[0]), *itertools.product(range(1, turns + 1), STACKS)]:
            alone = trained(one_thread, name)
            taken = {(way, size, 1): trained(one_thread, name, way, size) for way in ways(name)}
            last = ways(name)[-1]
            taken[last, 2 * size, 2] = trained(two_threads, name, last, 2 * size)
            if turn:  # the first turn warms up
                for key, seconds in taken.items():
                    ratios.setdefault(key, []).append(alone / seconds)
        for (way, size, threads), measured in sorted(ratios.items(), key=lambda item: (item[0][2], *item[0])):
            clock, processor = np.array(measured).T
            print(
                f"  {way}, {'two stacks' if threads == 1 else 'one stack'} of {size}, threads {threads}: "
                f"{statistics.median(clock):.2f} ({min(clock):.2f} to {max(clock):.2f})"
                + (f", {statistics.median(processor):.2f}" if threads == 1 else "")
            )
        faster = {way: float(np.median(ratios[way, STACKS[-1], 1], axis=0)[1]) for way in ways(name)}
        print(whole_jobs(name, step, faster), flush=True)
    for pipe in one_thread + two_threads:
        pipe.send(None)
