"""Diagnostics without ground truth on the page, and its words on how little they may be worth."""

from __future__ import annotations

import re
from math import nan

import fake_study

from tests.report.test_page import visible
from w2slab.analysis.tables.diagnostics_table import Ranking, rankings
from w2slab.report import verdict_words, words
from w2slab.report.page import write_report

RANKING = Ranking("misfit", "brier_gain", 18, 4, 0.456, -0.5, 6, 0.8, 1)


def section(html: str) -> str:
    found = re.search(r'<section id="diagnostics">.*?</section>', html, re.DOTALL)
    assert found
    return found[0]


def test_there_is_a_row_for_each_student_and_none_for_controls(chess, page):
    shown = section(page.read_text())
    body = shown.partition("<tbody>")[2].partition("</tbody>")[0]
    own = [row for row in chess[2]["diagnostics"] if row["control"] is None]
    assert body.count("<tr") == len(own) == 18
    first = words.decimal(own[0]["misfit"])
    assert f">{first}<span" in body.partition("</tr>")[0]
    heads = shown.partition("</thead>")[0].count("<th ")
    assert heads == body.partition("</tr>")[0].count("<td ") == 14


# "does the misfit rank methods/supervisors as the true gain does?"
def test_the_page_says_how_well_misfit_ranks(chess, page):
    text = visible(section(page.read_text()))
    for ranking in rankings(chess[2]["diagnostics"]):
        assert verdict_words.ranked(ranking) in text
        assert ranking.n == 18
    assert "Finetuned networks satisfy neither condition" in text
    assert "p-value" not in text


def test_rankings_in_words():
    assert verdict_words.ranked(RANKING) == (
        "Spearman’s rank correlation of misfit and gain in Brier score is 0.46 over 18 students; among the methods of "
        "a pair −0.50 (median of 6 pairs); among the supervisors of one model and method 0.80 (1 group); the gain is "
        "at least the misfit in 4 of 18."
    )
    few = RANKING._replace(predicted="kl_misfit", n=2, n_held=1, overall=nan, n_pairs=0, n_students=0)
    assert verdict_words.ranked(few) == (
        "Of KL misfit and gain in log loss: the gain is at least the misfit in 1 of 2; too few students to rank."
    )


def test_overlap_density_has_a_column_where_it_is_known(chess, tmp_path):
    plan, store, results = chess
    known = [row | {"overlap_density": 0.125} for row in results["diagnostics"]]
    changed = results.replaced(diagnostics=known)
    shown = section(write_report(changed, plan, store, tmp_path, study_text=fake_study.STUDY_TEXT).read_text())
    assert "Overlap density" in shown
    assert ">0.125</td>" in shown
    heads = shown.partition("</thead>")[0].count("<th ")
    assert heads == shown.partition("<tbody>")[2].partition("</tr>")[0].count("<td ") == 15


def test_a_number_below_zero_has_a_minus_and_none_is_minus_zero():
    assert [words.decimal(value) for value in (-0.1234, -0.0001, 0.5)] == ["−0.123", "0.000", "0.500"]
    assert words.decimal(0.456, 2) == "0.46"
