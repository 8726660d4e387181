"""A table that is added by one file."""

from __future__ import annotations

import textwrap

import fake_study
import pandas as pd
import pytest

import w2slab.analysis.tables as package
from w2slab.analysis import all_tables, collect
from w2slab.report.page import write_report

MODULE = '''
    """Margins: how much more often a student is right than a random choice."""

    from w2slab.analysis.estimator import columns
    from w2slab.analysis.tabular import IDENTITY_COLUMNS, Column, Dots, Section, Table


    def _columns(batch):
        chance = batch.estimator.evidence.test.chance
        accuracy = batch.estimate(batch.roles[1])
        return columns("margin", type(accuracy)(*(end - chance for end in accuracy))) | {"n_seeds": len(batch.seeds)}


    def _rows(results):
        found = results.estimator.rows(_columns, results.reported)
        return [cell.ids | row for cell, row in zip(results.reported, found, strict=True)]


    TABLES = (
        Table(
            "margins", 110, _rows,
            (
                *IDENTITY_COLUMNS,
                Column("margin", "points", "Margin", "Accuracy minus chance.", has_interval=True),
                Column("n_seeds", "number", "Seeds"),
            ),
            section=Section("margins", "Margins", "How far from chance?", lead="Accuracy minus chance."),
            figure=Dots("margin", "Margin", "accuracy minus chance, points"),
        ),
    )
'''


@pytest.fixture
def with_margins(tmp_path, monkeypatch):
    """One more module beside those of the package."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "margins_table.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path / "more")])
    monkeypatch.delitem(__import__("sys").modules, "w2slab.analysis.tables.margins_table", raising=False)


def test_it_appears_on_the_page_in_frames_and_in_files(with_margins, tmp_path):
    plan, store = fake_study.chess_study(tmp_path / "store", n_test=120, seeds=(0, 1))
    results = collect(plan, store, resamples=100)
    frame = results.frame("margins")
    assert list(frame.columns) == list(all_tables()["margins"].column_names)
    summary = {
        tuple(row[n] for n in ("weak", "strong", "method", "control")): row
        for row in results.summary
        if row["is_reported"]
    }
    for row in results["margins"]:
        own = summary[tuple(row[n] for n in ("weak", "strong", "method", "control"))]
        assert row["margin"] == pytest.approx(own["student_accuracy"] - own["chance"])
        assert row["margin_low"] == pytest.approx(own["student_accuracy_low"] - own["chance"])
    page = write_report(results, plan, store, tmp_path / "out", study_text="name: x\n").read_text()
    assert '<a href="#margins">Margins</a>' in page
    assert "How far from chance?" in page
    assert page.count('href="margins.csv"') == page.count('href="figures/margins.svg"') == 1
    assert len(pd.read_csv(tmp_path / "out" / "margins.csv")) == len(frame)
    assert len(pd.read_parquet(tmp_path / "out" / "margins.parquet")) == len(frame)
    assert (tmp_path / "out" / "figures" / "margins.pdf").exists()


def test_every_row_has_the_columns_that_its_table_names(tmp_path):
    plan, store = fake_study.chess_study(tmp_path, n_test=120, seeds=(0, 1))
    results = collect(plan, store, resamples=100)
    for name, table in all_tables().items():
        assert {tuple(row) for row in results[name]} == {tuple(table.column_names)}, name
