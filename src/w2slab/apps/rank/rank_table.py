"""A ranking as text and files: tables in Markdown, their conclusions in sentences, CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isnan
from pathlib import Path

from w2slab.analysis.estimator import Row
from w2slab.analysis.plain_text import percent, span
from w2slab.analysis.table_files import write_csv
from w2slab.apps.rank.rank_run import MethodRanking, RankedStudy

_HEADS = ("rank", "method", "accuracy", "difference to naive", "p (Holm)", "verdict", "pairs higher", "PGR")


def write_ranking(found: MethodRanking, folder: Path) -> Path:
    """Write `ranking.md`, `fast.csv`, `finetuned.csv` and `ranking.json` into a folder; the first is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "ranking.md"
    page.write_text(markdown(found))
    for name, part in (("fast", found.fast), ("finetuned", found.full)):
        if part:
            write_csv(part.rows, folder / f"{name}.csv")
    (folder / "ranking.json").write_text(json.dumps(_facts(found), indent=1))
    return page


def _facts(found: MethodRanking) -> Row:
    """Tasks, pairs and seeds of the ranking, its durations and the agreement of its two parts."""
    parts = {"fast": found.fast, "finetuned": found.full}
    return {
        "study": found.study.name,
        "tasks": _tasks(found),
        "pairs": _pairs(found),
        "seeds": len(found.study.seeds),
        "finetuned_seeds": found.finetuned_seeds,
        "level": found.study.statistics.level,
        "n_test": [len(each.test) for each in found.fast.ranking.scores] if found.fast else [],
        "methods": {name: part.ranking.methods for name, part in parts.items() if part},
        "not_ranked": {name: [each._asdict() for each in part.not_ranked] for name, part in parts.items() if part},
        "seconds": {name: part.seconds for name, part in parts.items() if part},
        "agreement": found.agreement,
    }


def _tasks(found: MethodRanking) -> list[str]:
    return [each.task for each in found.fast.ranking.scores] if found.fast else []


def _pairs(found: MethodRanking) -> list[str]:
    return [f"{weak.name} → {strong.name}" for weak, strong in found.study.all_pairs()]


def markdown(found: MethodRanking) -> str:
    """The whole ranking as Markdown."""
    parts = [f"# Methods ranked: {found.study.name}", _description(found)]
    for head, part in (("On frozen features", found.fast), ("Finetuned", found.full)):
        parts += [f"## {head}", table(part)] if part else []
    return "\n\n".join([*parts, *sentences(found)]) + "\n"


def _description(found: MethodRanking) -> str:
    pairs, study = _pairs(found), found.study
    n_methods = len(found.fast.ranking.methods) if found.fast else 0
    full = f"; the leading ones finetuned with {found.finetuned_seeds} seeds" if found.finetuned_seeds else ""
    return (
        f"{n_methods} methods on {', '.join(_tasks(found))}, {len(pairs)} pairs ({', '.join(pairs)}), "
        f"{len(study.seeds)} seeds as heads on frozen features{full}. Values in %, means over pairs; "
        f"{100 * study.statistics.level:g}% confidence intervals over test examples and seeds."
    )


def table(part: RankedStudy) -> str:
    """One ranking as a Markdown table, the best first."""
    lines = [_HEADS, tuple("---" for _ in _HEADS), *map(_line, part.rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _line(row: Row) -> tuple[str, ...]:
    is_base = row["verdict"] == "baseline"
    pgr = "undefined" if row["pgr_reason"] else f"{percent(row['pgr'], 0)} {span(row, 'pgr', 0)}"
    return (
        _rank(row),
        row["method"] + (" (uses ground truth)" if row["uses_truth"] else ""),
        f"{percent(row['accuracy'])} {span(row, 'accuracy')}",
        "" if is_base else f"{_signed(row['difference'])} {span(row, 'difference', 2)}",
        "" if isnan(row["p_adjusted"]) else _p(row["p_adjusted"]),
        row["verdict"],
        "" if row["same_as_baseline"] else f"{row['n_pairs_higher']} of {row['n_pairs']}",
        pgr,
    )


def _signed(difference: float) -> str:
    text = percent(difference, 2)
    return f"+{text}" if round(100 * difference, 2) >= 0 else text


def _rank(row: Row) -> str:
    return "" if row["uses_truth"] else f"{row['rank']:g} [{row['rank_low']:g}, {row['rank_high']:g}]"


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def sentences(found: MethodRanking) -> list[str]:
    """Conclusions from the tables, their limits, and the methods that are not in them."""
    said = [_verdicts("On frozen features", found.fast.rows)] if found.fast else []
    if found.full:
        said.append(_verdicts("Finetuned", found.full.rows))
        said.append(
            "The leading methods were selected on the same test examples that both tables report, so their estimates "
            "are optimistic (selection bias), mostly in the first table. Each table is Holm-adjusted separately."
        )
    if (agreement := found.agreement) is not None:
        said.append(_agreement(agreement))
    if found.fast and any(row["uses_truth"] for row in found.fast.rows):
        said.append("Methods that use ground truth are references: they are not ranked and not finetuned.")
    for words, part in (("Not ranked", found.fast), ("Not finetuned", found.full)):
        if part and part.not_ranked:
            said.append(f"{words}: " + "; ".join(f"{name} ({reason})" for name, reason in part.not_ranked) + ".")
    return said


def _verdicts(where: str, rows: Sequence[Row]) -> str:
    verdicts = {v: [row["method"] for row in rows if row["verdict"] == v] for v in ("better", "worse")}
    others = sum(not isnan(row["p_adjusted"]) for row in rows) - sum(map(len, verdicts.values()))
    parts = [f"significantly {v} than naive: {', '.join(names) or 'no method'}" for v, names in verdicts.items()]
    return f"{where}, {'; '.join(parts)}; not significant: {others} (Holm-adjusted)."


def _agreement(row: Row) -> str:
    if isnan(row["tau"]):
        return f"Rank agreement needs at least three methods that differ; there are {row['n_methods']}."
    tau, rho = (
        f"{row[name]:.2f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]".replace("-", "\N{MINUS SIGN}")
        for name in ("tau", "rho")
    )
    return (
        f"Rank agreement over {row['n_methods']} methods: Kendall's tau {tau}, Spearman's rho {rho}. It is computed "
        "over methods selected for similar performance on features, which lowers it."
    )
