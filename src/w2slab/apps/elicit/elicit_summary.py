"""The findings as plain data, in words, and as files."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from w2slab.apps.elicit import label_quality
from w2slab.apps.elicit.findings import Findings
from w2slab.data.examples import Examples
from w2slab.graph.atomic import write_atomically
from w2slab.stats.calibration import Calibration

Row = dict[str, Any]


def summarise(findings: Findings) -> Row:
    """Every number of the findings, as JSON-like data."""
    classes = findings.examples.classes
    kept = ~findings.tied
    n_seeds = len(findings.by_seed)
    choices = findings.by_seed.argmax(axis=2)
    return {
        "n_texts": len(findings.examples),
        "n_groups": len(np.unique(findings.groups)),
        "n_more": 0 if findings.more is None else len(findings.more[0]),
        "classes": None if classes is None else list(classes),
        "level": findings.level,
        "n_tied": int(findings.tied.sum()),
        "agreement": findings.agreement._asdict(),
        "n_disagreements": int((~findings.agrees & kept).sum()),
        "n_contradicted": len(findings.contradicted),
        "misfit": label_quality.misfit(findings.student, findings.weak),
        "mean_confidence": float(findings.confidence.mean()),
        "seeds_agree": float((choices == choices[0]).all(axis=0).mean()) if n_seeds > 1 else None,
        "shares": None if classes is None else _shares(findings, classes),
        "label_quality": None if findings.joint is None else _quality(findings.joint, findings, classes or ()),
        "calibration_against_weak_labels": _calibrated(findings.weak_calibration),
        "annotators": findings.annotators(),
        "truth": findings.on_truth(),
        "calibration_on_truth": _calibrated(findings.true_calibration),
    }


def _shares(findings: Findings, classes: tuple[str, ...]) -> dict[str, Row]:
    """Share of each class among the labels and among the student's choices."""
    n = len(findings.examples)
    chosen = np.bincount(findings.choice, minlength=len(classes)) / n
    labels = findings.weak.mean(axis=0, dtype=float)
    return {name: {"weak": float(labels[i]), "student": float(chosen[i])} for i, name in enumerate(classes)}


def _quality(joint: label_quality.Joint, findings: Findings, classes: tuple[str, ...]) -> Row:
    thresholds = findings.thresholds if findings.thresholds is not None else np.full(len(classes), np.nan)
    by_class = {
        name: {
            "wrong": float(joint.wrong_by_label[i]),
            "prior": float(joint.prior[i]),
            "confident": float(thresholds[i]),
        }
        for i, name in enumerate(classes)
    }
    return {"wrong": joint.wrong, "by_class": by_class, "counts": joint.counts.tolist(), "joint": joint.shares.tolist()}


def _calibrated(found: Calibration | None) -> Row | None:
    if found is None:
        return None
    bins = [
        {"confidence": float(c), "right": float(r), "n": int(n)}
        for c, r, n in zip(found.confidence, found.right, found.counts, strict=True)
    ]
    return {"error": found.error, "bins": bins}


# --- rows -------------------------------------------------------------------------------------------------------------


def labelled_rows(findings: Findings) -> Iterator[Row]:
    """A row per text: the student's label beside the weak one."""
    for index, row in enumerate(_student_rows(findings.examples, findings.student)):
        candidates = int(findings.examples.n_candidates[index])
        yield row | {
            "weak_label": _called(findings.examples, int(findings.label[index])),
            "weak_confidence": round(float(findings.weak[index].max()), 6),
            "weak_probs": _probs(findings.examples, findings.weak[index, :candidates]),
            "agrees": None if findings.tied[index] else bool(findings.agrees[index]),
        }


def more_rows(findings: Findings) -> Iterator[Row]:
    """A row per text without a label."""
    if findings.more is not None:
        yield from _student_rows(*findings.more)


def contradicted_rows(findings: Findings) -> Iterator[Row]:
    """A row per text on which a confident student contradicts the label, most confident first, with the text."""
    table = findings.examples.table
    for index in findings.contradicted.tolist():
        texts = {n: table.column(n)[index].as_py() for n in ("text", "answer", "candidates") if n in table.column_names}
        yield {
            "id": findings.examples.ids[index],
            "student": _called(findings.examples, int(findings.choice[index])),
            "confidence": round(float(findings.confidence[index]), 6),
            "weak_label": _called(findings.examples, int(findings.label[index])),
            "weak_confidence": round(float(findings.weak[index].max()), 6),
            **texts,
        }


def _student_rows(examples: Examples, probs: np.ndarray) -> Iterator[Row]:
    for name, row, n in zip(examples.ids, probs, examples.n_candidates, strict=True):
        choice = int(row.argmax())
        label = _called(examples, choice)
        yield {
            "id": name,
            "label": label,
            "confidence": round(float(row[choice]), 6),
            "probs": _probs(examples, row[:n]),
        }


def _called(examples: Examples, choice: int) -> str | int:
    """A class by name, a candidate by number."""
    return choice if examples.classes is None else examples.classes[choice]


def _probs(examples: Examples, row: np.ndarray) -> Any:
    numbers = [round(float(p), 6) for p in row]
    return numbers if examples.classes is None else dict(zip(examples.classes, numbers, strict=True))


# --- files ------------------------------------------------------------------------------------------------------------


def write_files(findings: Findings, summary: Mapping[str, Any], out: Path) -> None:
    """Write `labels` (.jsonl, .csv, .parquet), `disagreements.jsonl`, `new-labels.jsonl` and `summary.json`."""
    rows = list(labelled_rows(findings))
    write_atomically(out / "labels.jsonl", _lines(rows))
    write_atomically(out / "labels.csv", _csv(rows))
    _write_parquet(out / "labels.parquet", rows)
    write_atomically(out / "disagreements.jsonl", _lines(contradicted_rows(findings)))
    if findings.more is not None:
        write_atomically(out / "new-labels.jsonl", _lines(more_rows(findings)))
    write_atomically(out / "summary.json", json.dumps(_finite(summary), indent=1, ensure_ascii=False, allow_nan=False))


def _lines(rows: Iterable[Row]) -> str:
    # ASCII escapes: a line separator inside a text would otherwise end the line for some readers.
    return "".join(json.dumps(row, ensure_ascii=True, allow_nan=False) + "\n" for row in rows)


def _csv(rows: list[Row]) -> str:
    columns = ("id", "label", "confidence", "weak_label", "weak_confidence", "agrees")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[column] for column in columns] for row in rows)
    return text.getvalue()


def _write_parquet(path: Path, rows: list[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    flat = [row | {name: _listed(row[name]) for name in ("probs", "weak_probs")} for row in rows]
    unfinished = path.with_name(f".{path.name}.unfinished")
    pq.write_table(pa.Table.from_pylist(flat), unfinished, compression="zstd")
    unfinished.replace(path)


def _listed(probs: Any) -> list[float]:
    """Probabilities in the order of the classes."""
    return list(probs.values()) if isinstance(probs, Mapping) else probs


def _finite(value: Any) -> Any:
    """The same data with null where there is no number."""
    if isinstance(value, Mapping):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
