"""Accuracy of each rung of the chess ladder: as pretrained, and finetuned on puzzles.

    python benchmarks/ladder.py --rungs src/w2slab/assets/chess --puzzles src/w2slab/assets/chess/puzzles.parquet

Zero-shot: the move that the pretrained network finds likeliest. Finetuned: after training on puzzles of the table's
train split, with the recipe of a study. Both are judged on the test split. With `--lichess TABLE` (made by
`w2slab chess puzzles --lichess`) the same networks are also judged on all those puzzles, a check from outside. Both
also in five bands of difficulty. Writes the figures into the card of the ladder (`--out`), under `evaluation` of each
rung, beside what pretraining wrote of it.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from w2slab.data.examples import Labelled, Truth
from w2slab.jobs.setup import prepare_worker
from w2slab.models.chessformer.chessformer import Chessformer
from w2slab.randomness import rng
from w2slab.tasks.chess.puzzle_task import Chess
from w2slab.training.recipe import Recipe

RATINGS = (0, 1000, 1400, 1800, 2200, 4000)


class Judged:
    """Puzzles that networks are judged on, encoded once.

    Args:
        limits: Where bands of difficulty begin and end; `None` makes five of about as many puzzles each.
    """

    def __init__(self, labelled: Labelled, rows: np.ndarray, limits: Sequence[float] | None = None) -> None:
        from w2slab.training import batches

        examples = labelled.examples.take(rows)
        self.truth = Truth(examples.ids, [labelled.truth.right[row] for row in rows])
        self.difficulty = examples.table.column("difficulty").to_numpy()
        self.limits = limits or [*np.quantile(self.difficulty, (0, 0.2, 0.4, 0.6, 0.8)), np.inf]
        self.encoded = batches.encode(Chessformer("any"), examples)

    def right(self, network: Any, placement: Any) -> np.ndarray:
        """Return True where the likeliest move of a puzzle counts as right, `[N]`."""
        from w2slab.training.predict import predict

        return self.truth.is_right(predict(network, self.encoded, placement, 256).argmax(axis=1))


def main() -> None:
    """Judge every rung named, weakest first, and print and write the figures."""
    asked = arguments()
    prepare_worker()
    from w2slab.training.placement import Placement

    placement = Placement("cpu")
    own = Chess(asked.puzzles).load()
    train = rng(0, "ladder", "train").permutation(np.flatnonzero(~own.in_test))[: asked.n_train]
    judges = {"puzzles": Judged(own, np.flatnonzero(own.in_test))}
    if asked.lichess:
        labelled = Chess(asked.lichess).load()
        judges["lichess"] = Judged(labelled, np.arange(len(labelled.examples)), RATINGS)
    families = [Chessformer(name, asked.rungs) for name in asked.names or names(asked.rungs)]
    families.sort(key=lambda family: family.n_parameters() or 0)
    recipe = Recipe(epochs=asked.epochs, lr=asked.lr, curve_points=0)
    card: dict[str, Any] = json.loads(asked.out.read_text()) if asked.out and asked.out.exists() else {"rungs": []}
    rungs = {rung["name"]: rung for rung in card["rungs"]}
    for family in families:
        figures = judge(family, own, train, judges, recipe, placement, asked.seeds)
        show(family, figures)
        made = family.files()[0].with_suffix(".json")
        before = json.loads(made.read_text()) if made.exists() else rungs.get(family.name, {"name": family.name})
        rungs[family.name] = before | {"n_parameters": family.n_parameters(), "evaluation": figures}
    if asked.out:
        card["rungs"] = sorted(rungs.values(), key=lambda rung: rung["n_parameters"])
        card["recipe"] = asdict(recipe)
        card["evaluated_by"] = shlex.join(["python", *sys.argv])
        asked.out.write_text(json.dumps(card, indent=1) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rungs", type=Path, required=True, help="folder of weights")
    parser.add_argument("--names", nargs="*", help="rungs, all of the folder by default")
    parser.add_argument("--puzzles", type=Path, required=True, help="table to finetune and to judge on")
    parser.add_argument("--lichess", type=Path, help="table to judge on as well")
    parser.add_argument("--n-train", type=int, default=2250)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=Recipe.lr)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, help="card of the ladder")
    return parser.parse_args()


def names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.safetensors"))


def judge(
    family: Chessformer,
    own: Labelled,
    train: np.ndarray,
    judges: dict[str, Judged],
    recipe: Recipe,
    placement: Any,
    seeds: list[int],
) -> dict[str, Any]:
    """Figures of one rung."""
    from w2slab.objectives import CrossEntropy
    from w2slab.training import batches, classification, loop

    examples = own.examples.take(train)
    truth = Truth(examples.ids, [own.truth.right[row] for row in train])
    training_data = batches.encode(family, examples)
    zero_shot = family.build(examples, 0).eval()
    right = {name: [judged.right(zero_shot, placement)] for name, judged in judges.items()}
    started = time.perf_counter()
    for seed in seeds:
        network = family.build(examples, seed)
        training = classification.Training(
            examples=training_data,
            targets=truth.probs(examples.n_candidates),
            shared_candidates=False,
            objective=CrossEntropy(),
            recipe=recipe,
            seed=seed,
        )
        classification.finetune(network, training, loop.Running(placement=placement))
        for name, judged in judges.items():
            right[name].append(judged.right(network, placement))
    figures: dict[str, Any] = {
        "n_train": len(train),
        "seeds": seeds,
        "seconds_per_seed": round((time.perf_counter() - started) / max(1, len(seeds)), 1),
    }
    for name, judged in judges.items():
        figures[name] = {"n_test": len(judged.difficulty), **rates(right[name])}
        figures[name]["bands"] = [band(judged, right[name], *ends) for ends in pairwise(judged.limits)]
    return figures


def rates(right: list[np.ndarray]) -> dict[str, Any]:
    """Accuracy as pretrained, and finetuned: mean over seeds, and each."""
    each = [round(float(row.mean()), 4) for row in right]
    finetuned = round(float(np.mean(each[1:])), 4) if each[1:] else None
    return {"zero_shot": each[0], "finetuned": finetuned, "finetuned_by_seed": each[1:]}


def band(judged: Judged, right: list[np.ndarray], low: float, high: float) -> dict[str, Any]:
    inside = (judged.difficulty >= low) & (judged.difficulty < high)
    limits = {"from": round(float(low), 2), "below": round(float(high), 2) if np.isfinite(high) else None}
    return {**limits, "n_test": int(inside.sum()), **rates([row[inside] for row in right])}


def show(family: Chessformer, figures: dict[str, Any]) -> None:
    own = figures["puzzles"]
    line = f"{family.name:12} {family.n_parameters():>8} zero-shot {own['zero_shot']:.1%}"
    line += f"  finetuned {own['finetuned'] or 0:.1%}  {figures['seconds_per_seed']} s"
    for name in ("puzzles", "lichess"):
        bands = figures.get(name, {}).get("bands", [])
        line += f"  {name}" * bool(bands) + "".join(
            f" {row['zero_shot']:.0%}/{row['finetuned'] or 0:.0%}" for row in bands
        )
    print(line, flush=True)


if __name__ == "__main__":
    main()
