"""What figures tell the page, and what they leave out of it."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pytest

from w2slab.report.figures import tips
from w2slab.report.figures.stopping import Course
from w2slab.report.look import MOST_DRAWN, Look, method_keys
from w2slab.report.svg import Mark, inline, publish, settings


def drawn(tmp_path, marks, **options):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1))
    axes = figure.add_subplot()
    for place in range(3):
        (line,) = axes.plot([0, 1], [place, 1])
        line.set_gid(f"mark-{place}")
    with settings():
        return publish(figure, tmp_path, name="figure", title="A figure", alt="Alt", marks=marks, **options)


def test_marks_become_attributes_and_no_other_id_is_left_on_groups(tmp_path):
    nasty = 'a "quoted" <b>\nurl(#x) #43389f id="y"'
    svg = drawn(tmp_path, [Mark(0, "zero"), Mark(None, nasty), Mark(1, is_key=True)]).svg
    assert '<g data-m="0" data-tip="zero">' in svg
    assert '<g class="key" data-m="1">' in svg
    assert unescape(re.findall(r'data-tip="([^"]*)"', svg)[1]) == nasty
    assert "<g id=" not in svg
    assert "<b>" not in svg


def test_files_are_the_same_each_time_and_tell_no_date(tmp_path):
    for folder in ("one", "two"):
        drawn(tmp_path / folder, [])
    for kind in ("svg", "pdf", "png"):
        first, second = ((tmp_path / folder / f"figure.{kind}").read_bytes() for folder in ("one", "two"))
        assert first == second
        assert b"20" + b"2" not in re.sub(rb"[^ -~]", b"", b"".join(re.findall(rb"(?i)date[^>]{0,40}", first)))


def test_a_hidden_foot_is_cut_off_the_page_alone(tmp_path):
    whole, cut = drawn(tmp_path, []).svg, drawn(tmp_path, [], hidden_foot=0.25).svg
    heights = [float(re.search(r'viewBox="0 0 144 ([\d.]+)"', svg)[1]) for svg in (whole, cut)]
    assert heights == [72.0, 54.0]
    assert 'viewBox="0 0 144 72"' in (tmp_path / "figure.svg").read_text()


def test_an_svg_without_marks_is_left_as_it_is():
    text = '<svg viewBox="0 0 1 1"><g id="axes_1"><path id="p" d="M 0.123456 1"/><use href="#p"/></g></svg>'
    assert inline(text, "x", "words") == (
        '<svg class="plot" viewBox="0 0 1 1" role="img" aria-label="words"><g><path id="x-p" d="M 0.12 1"/>'
        '<use href="#x-p"/></g></svg>'
    )


def row(method="naive", pgr=0.5, **more):
    return {
        "task": "t", "weak": "small", "strong": "large", "method": method, "weak_parameters": 10,
        "strong_parameters": 100, "student_accuracy": 0.7, "student_accuracy_low": 0.6, "student_accuracy_high": 0.8,
        "pgr": pgr, "pgr_low": 0.25, "pgr_high": 0.75, "pgr_reason": None,
    } | more  # fmt: skip


def test_a_tip_tells_pair_method_accuracy_and_pgr_with_intervals():
    assert tips.student(row()).split("\n") == [
        "small → large, naive",
        "accuracy 70.0% (60.0 to 80.0)",
        "PGR 50% (25 to 75)",
    ]
    undefined = tips.student(row(pgr_reason="the gap is too small"))
    assert undefined.endswith("PGR undefined: the gap is too small")
    assert len(tips.student(row(method="x" * 10_000))) < 200


# "Think how figures scale: limits on what is drawn"
def test_of_many_methods_the_baseline_and_the_best_are_drawn_in_their_order():
    rows = [row(f"m{i}", pgr=i / 10) for i in range(9)] + [row("naive", pgr=-1)]
    look = Look.of(rows, "naive")
    assert len(look.methods) == 10
    assert look.drawn == ["m4", "m5", "m6", "m7", "m8", "naive"]
    assert len(look.drawn) == MOST_DRAWN
    assert Look.of(rows[:3], "m0").drawn == ["m0", "m1", "m2"]


def test_no_two_of_many_methods_look_alike():
    look = Look([], [], [f"m{i}" for i in range(42)])
    assert len({str(look.line(method)) for method in look.methods}) == 42
    assert len({key.svg for key in method_keys(look)}) == 42


def test_the_three_stopping_points_of_a_course():
    on_test, on_weak = np.array([0.5, 0.8, 0.6, 0.7]), np.array([0.5, 0.6, 0.9, 0.9])
    course = Course(np.array([0.25, 0.5, 0.75, 1.0]), on_test, on_weak)
    assert course.stops() == {"last": 3, "weak-labels": 2, "oracle": 1}
    without = Course(course.progress, on_test, np.full(4, np.nan))
    assert without.stops() == {"last": 3, "oracle": 1}


# Shares and accuracies that the figures say are those of the tables
@pytest.mark.parametrize("section", ["sizes", "methods", "agreement", "stopping", "calibration", "anatomy", "slices"])
def test_every_figure_tells_values_and_methods(page, section):
    body = re.search(rf'<section id="{section}">(.*?)</section>', page.read_text(), re.DOTALL)[1]
    for svg in re.findall(r'<svg class="plot".*?</svg>', body, re.DOTALL):
        assert set(re.findall(r'data-m="(\d+)"', svg)) == ({"1", "2"} if section == "methods" else {"0", "1", "2"})
        assert len(re.findall(r'data-tip="', svg)) >= 8


def test_the_page_says_the_numbers_of_the_tables(chess, page):
    html = unescape(page.read_text())
    results = chess[2]
    for r in results.reported():
        assert f'data-tip="{tips.student(r)}"' in html
    for r in (r for r in results["anatomy"] if r["control"] is None):
        assert (
            f"{tips.heading(r)}\ncorrected: supervisor wrong, student right\n{tips.measured('share', r, 'corrected')}"
            in html
        )
