"""A ranking in words: tables in Markdown, and what they show in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from w2slab.analysis.judge import Row
from w2slab.analysis.table import percent, span

if TYPE_CHECKING:
    from w2slab.apps.rank.run import Bench

_HEADS = ("rank", "method", "accuracy", "minus naive", "Holm p", "verdict", "pairs higher", "PGR")


def markdown(found: Bench) -> str:
    """The whole ranking as Markdown."""
    parts = [
        f"# Methods ranked: {found.facts['study']}",
        _what(found.facts),
        "## On frozen features",
        table(found.fast),
    ]
    if found.full:
        parts += ["## Finetuned", table(found.full)]
    parts += sentences(found)
    return "\n\n".join(parts) + "\n"


def _what(facts: Mapping[str, Any]) -> str:
    full = f"; the leading ones finetuned with {facts['finetuned_seeds']} seeds" if facts["finetuned_seeds"] else ""
    return (
        f"{facts['n_methods']} methods on {', '.join(facts['tasks'])}, {len(facts['pairs'])} pairs "
        f"({', '.join(facts['pairs'])}), {facts['seeds']} seeds as heads on frozen features{full}. In percent, means "
        f"over pairs, with {100 * facts['level']:g} % intervals over test examples and seeds."
    )


def table(rows: Sequence[Row]) -> str:
    """One ranking as a Markdown table, the best first."""
    lines = [_HEADS, tuple("---" for _ in _HEADS), *map(_line, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _line(row: Row) -> tuple[str, ...]:
    is_base = row["verdict"] == "baseline"
    pgr = "undefined" if row["pgr_reason"] else f"{percent(row['pgr'], 0)} {span(row, 'pgr', 0)}"
    return (
        _rank(row),
        row["method"] + (" (told true labels)" if row["told_truth"] else ""),
        f"{percent(row['accuracy'])} {span(row, 'accuracy')}",
        "" if is_base else f"{100 * row['difference']:+.2f} {span(row, 'difference', 2)}",
        "" if isnan(row["p_adjusted"]) else _p(row["p_adjusted"]),
        row["verdict"],
        "" if row["same_as_baseline"] else f"{row['n_pairs_higher']} of {row['n_pairs']}",
        pgr,
    )


def _rank(row: Row) -> str:
    return "" if row["told_truth"] else f"{row['rank']:g} [{row['rank_low']:g}, {row['rank_high']:g}]"


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def sentences(found: Bench) -> list[str]:
    """What the tables show, what they do not, and what is not in them."""
    said = [_shown("On frozen features", found.fast)]
    if found.full:
        said.append(_shown("Finetuned", found.full))
        said.append(
            "Leading methods are chosen by the test examples on which both tables judge them: what chance lent them to "
            "lead is in their figures, most of it in the first table. Holm's correction covers each table by itself."
        )
    if found.agreement is not None:
        said.append(_agreement(found.agreement))
    if any(row["told_truth"] for row in found.fast):
        said.append("Methods that are told true labels are references: they have no rank, and are not finetuned.")
    if found.left:
        said.append("Not ranked here: " + "; ".join(f"{each.method} ({each.reason})" for each in found.left) + ".")
    if found.left_of_full:
        names = "; ".join(f"{each.method} ({each.reason})" for each in found.left_of_full)
        said.append(f"Not finetuned: {names}.")
    return said


def _shown(where: str, rows: Sequence[Row]) -> str:
    verdicts = {v: [row["method"] for row in rows if row["verdict"] == v] for v in ("better", "worse")}
    equal = sum(row["verdict"] == "no difference shown" for row in rows)
    parts = [f"{', '.join(names) or 'no method'} shown to be {v} than naive" for v, names in verdicts.items()]
    return f"{where}: {'; '.join(parts)}; for {equal} no difference is shown."


def _agreement(row: Row) -> str:
    if row["tau"] != row["tau"]:
        return f"Rank agreement of the two needs three methods or more that differ; there are {row['n_methods']}."
    return (
        f"Rank agreement of the two over {row['n_methods']} methods: Kendall's tau {row['tau']:.2f} "
        f"[{row['tau_low']:.2f}, {row['tau_high']:.2f}], Spearman's rho {row['rho']:.2f} "
        f"[{row['rho_low']:.2f}, {row['rho_high']:.2f}]. Methods chosen since they lead are alike on features, which "
        "leaves little to agree on."
    )
