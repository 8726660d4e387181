"""The page: what it says first, that it is inert, that figures do not clash, that nothing undefined is hidden."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser

import fake_study
import pytest

from w2slab.analysis import collect
from w2slab.report import answers, caveats, verdict_words, words
from w2slab.report.look import Look
from w2slab.report.page import write_report


def visible(html: str) -> str:
    """The text of a page, without markup, style and script."""
    texts, skipping = [], []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag in ("style", "script"):
                skipping.append(tag)

        def handle_endtag(self, tag):
            if skipping and tag == skipping[-1]:
                skipping.pop()

        def handle_data(self, data):
            if not skipping:
                texts.append(data)

    Reader().feed(html)
    return re.sub(r"\s+", " ", " ".join(texts))


# "the answer in one sentence first"
def test_the_answer_comes_first(page):
    text = visible(page.read_text())
    at = text.index("A student trained on its supervisor’s labels recovered a median of")
    assert at < 150
    assert "pairs the confidence interval is above 0" in text


SECTIONS = ["sizes", "methods", "table", "agreement", "stopping", "calibration", "anatomy", "diagnostics", "slices"]
SECTIONS += ["gallery", "controls", "cost", "made"]
TABLES = {"results", "summary", "differences", "calibration", "reliability", "anatomy", "diagnostics", "slices"}
TABLES |= {"ceilings", "jobs"}


def test_every_section_has_its_data_and_its_place(page):
    html = page.read_text()
    assert re.findall(r'<section id="(\w+)">', html) == SECTIONS
    assert re.findall(r'<a href="#(\w+)">', html) == SECTIONS
    assert page.stat().st_size < 900_000


# "Every figure also as SVG, PDF and PNG, every table as CSV and Parquet"
def test_every_figure_and_table_is_a_file_that_the_page_names(page):
    html = page.read_text()
    files = {str(path.relative_to(page.parent)) for path in page.parent.rglob("*.*") if path != page}
    named = set(re.findall(r'<a href="([^#"]+)"', html))
    assert named == files
    figures = {name.removeprefix("figures/") for name in files if name.startswith("figures/")}
    stems = {name.rpartition(".")[0] for name in figures}
    assert figures == {f"{stem}.{kind}" for stem in stems for kind in ("svg", "pdf", "png")}
    assert len(stems) == html.count('<svg class="plot"') >= 15
    tables = files - {f"figures/{name}" for name in figures}
    assert tables == {f"{name}.{kind}" for name in TABLES for kind in ("csv", "parquet")}


# "unique id prefixes per figure"
def test_no_id_stands_twice_and_every_reference_is_met(page):
    html = page.read_text()
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', html)) <= {(i, "") for i in ids} | {("", i) for i in ids}


# "strict Content-Security-Policy meta with hashes for style/script"
def test_no_inline_style_no_handler_no_address(page):
    html = page.read_text()
    assert "default-src 'none'" in unescape(html)
    assert "unsafe" not in html
    assert not re.findall(r"<[^>]+\s(style|on\w+)=", html)
    assert not re.findall(r'(?:src|href)="(?!#|data:,|figures/[\w-]+\.(?:svg|pdf|png)"|[\w-]+\.(?:csv|parquet)")', html)


NASTY = [
    "<script>document.title='taken'</script>",
    "</style><img src=x onerror=alert(1)>",
    "abc\u202edcba \u2066hidden\u2069 \u200bthin",
    "x" * 1_000_000,
]


def attributes(html: str) -> set[tuple[str, str | None]]:
    """All attributes of a page with their values, as a browser would read them."""
    found = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.update(attrs)

    Reader().feed(html)
    return found


def is_inert(html: str) -> bool:
    """Whether one script and one style are all that a page has of them, and no mark hides or reorders."""
    scripts = html.count("<script>") == html.count("</script>") == html.count("</style>") == 1
    return scripts and "<img" not in html and "<b>" not in html and not re.search("[\u202e\u2066\u2069\u200b]", html)


# "Text from data is inert"
def test_text_from_data_is_inert(tmp_path):
    plan, store = fake_study.text_study(tmp_path / "store", NASTY, n_test=120)
    plan.comparisons = [dataclasses.replace(c, method="$naive$<b>\u202e") for c in plan.comparisons]
    study_text = "name: </style><script>alert(2)</script>\n"
    html = write_report(
        collect(plan, store, resamples=200), plan, store, tmp_path / "out", study_text=study_text
    ).read_text()
    assert is_inert(html)
    assert len(html) < 400_000
    assert "&lt;script&gt;document.title" in html
    assert "(1,000,000 characters)" in html


# Names, too: of tasks, models, methods, slices, jobs, in tables, tips, keys and alternative texts
def test_names_are_inert_wherever_they_stand(chess, tmp_path):
    plan, store, results = chess
    bad = {"naive": NASTY[0], "bootstrapping": NASTY[3], "large": NASTY[1] + '" data-m="0', "small": NASTY[2]}
    bad |= {"chess-puzzles": "'\"><b>task\u202e", "difficulty": "</td><b>", "1000 to 1200": NASTY[0]}

    def spoiled(rows):
        texts = ("task", "weak", "strong", "method", "against", "model", "slice_by")
        return [row | {name: bad.get(row[name], row[name]) for name in texts if name in row} for row in rows]

    parts = ("rows", "summary", "differences", "over_tasks", "calibration", "reliability", "anatomy", "slices")
    changed = {name: spoiled(results[name]) for name in (*parts, "diagnostics", "ceilings")}
    changed["slices"] = [
        row | {"slice": f"{NASTY[row['slice_rank'] % 4]}{row['slice_rank']}"} for row in changed["slices"]
    ]
    spoiled_results = dataclasses.replace(results.replaced(**changed), baseline=bad["naive"])
    fields = ("task", "weak", "strong", "method")
    renamed = [
        dataclasses.replace(c, **{name: bad.get(getattr(c, name), getattr(c, name)) for name in fields})
        for c in plan.comparisons
    ]
    evil = fake_study.FakePlan(plan.graph, renamed, bad["naive"])
    html = write_report(spoiled_results, evil, store, tmp_path, study_text="name: x\n").read_text()
    assert is_inert(html)
    assert len(html) < 2_000_000
    tips = re.findall(r'data-tip="([^"]*)"', html)
    assert any("&lt;script&gt;" in tip for tip in tips)
    assert max(map(len, tips)) < 700
    found = attributes(html)
    assert not {name for name, _ in found if name == "style" or name.startswith("on")}
    assert {value for name, value in found if name == "data-m"} == {"0", "1", "2"}


# "Undefined PGRs visible as such", "each section only where the study has data"
def test_an_undefined_pgr_is_visible_and_empty_sections_are_left_out(tmp_path):
    plan, store = fake_study.text_study(tmp_path / "store")
    results = collect(plan, store, resamples=200)
    html = write_report(results, plan, store, tmp_path / "out", study_text="name: science\n").read_text()
    reason = next(r["pgr_reason"] for r in results.reported() if r["pgr_reason"])
    assert f"undefined: {reason}" in visible(html)
    assert "In 1 further pair PGR is undefined" in visible(html)
    assert "one seed, so that intervals and verdicts cover test examples only" in visible(html)
    assert "It is shown as undefined, never as 0 and never left out" in visible(html)
    for section in ("methods", "stopping", "slices", "controls"):
        assert f'<section id="{section}">' not in html
        assert f'href="#{section}"' not in html
    assert not (tmp_path / "out" / "differences.csv").exists()


# "Long texts are truncated sensibly, counted and reported"
def test_what_was_cut_is_told_by_model(tmp_path):
    plan, store = fake_study.text_study(tmp_path / "store")
    for c in plan.comparisons:
        for rung, job in ((c.weak, c.supervisor), (c.strong, c.student), (c.strong, c.ceiling)):
            texts, answers = (36, 3) if rung == "medium" else (0, 0)
            notes = {"test": {"n_truncated": texts, "n_answers_cut": answers}, "student_train": {"n_truncated": 9}}
            store.records[job.key]["facts"]["notes"] = notes
    results = collect(plan, store, resamples=200)
    html = write_report(results, plan, store, tmp_path / "out", study_text="name: science\n").read_text()
    cut = "12% of test texts on the left, 3 answers at the end."
    assert f"Inputs longer than the maximum length of medium were truncated: {cut}" in visible(html)
    assert visible(html).count("were truncated") == 1


def test_prompts_without_room_for_their_shots_are_told(tmp_path):
    plan, store = fake_study.text_study(tmp_path / "store")
    for c in plan.comparisons:
        store.records[c.student.key]["facts"]["n_examples_that_lost_shots"] = {"test": 60}
    results = collect(plan, store, resamples=200)
    html = write_report(results, plan, store, tmp_path / "out", study_text="name: science\n").read_text()
    assert "Prompts of naive had no room for all their shots for 20% of test examples" in visible(html)


def test_models_that_cut_alike_share_a_sentence():
    cut, whole = caveats.Cut(1, 0, 300), caveats.Cut(0, 0, 300)
    alike = {name: {"reviews": cut, "pairs": caveats.Cut(0, 1, 300)} for name in ("a", "b", "c")}
    assert caveats.cuts(alike | {"d": {"reviews": whole, "pairs": whole}}) == [
        "Inputs longer than the maximum length of a, b and c were truncated: of reviews under 1% of test texts on the "
        "left; of pairs 1 answer at the end."
    ]


def test_several_tasks_have_their_medians_first(tmp_path):
    plan, store = fake_study.text_study(tmp_path / "store")
    plan.comparisons = [dataclasses.replace(c, task=task) for task in ("one", "two") for c in plan.comparisons]
    results = collect(plan, store, resamples=200)
    html = write_report(results, plan, store, tmp_path / "out", study_text="name: science\n").read_text()
    assert re.findall(r"<h3>(.*?)</h3>", html)[:3] == ["Median over 2 tasks", "one", "two"]
    assert '<table id="over-tasks-table">' in html
    assert "in all 4 pairs on 2 tasks the confidence interval is above 0" in visible(html)


def test_a_partial_study_says_so(tmp_path):
    plan, store = fake_study.text_study(tmp_path / "store")
    del store.records[plan.comparisons[-1].student.key]
    results = collect(plan, store, resamples=200)
    html = write_report(results, plan, store, tmp_path / "out", study_text="name: science\n").read_text()
    assert "Partial report: 1 of 3 comparisons are not finished" in visible(html)


def test_a_study_without_results_still_has_a_page(tmp_path):
    plan, store = fake_study.text_study(tmp_path / "store")
    store.records.clear()
    page = write_report(collect(plan, store), plan, store, tmp_path / "out", study_text="name: science\n")
    assert "Nothing can be said yet" in visible(page.read_text())


# "fixed hashsalt": a report can be compared with the last one
def test_the_same_study_gives_the_same_bytes(chess, page, tmp_path):
    plan, store, results = chess
    again = write_report(results, plan, store, tmp_path, study_text=fake_study.STUDY_TEXT)
    files = [path for path in page.parent.rglob("*.*") if path.is_file()]
    assert len(files) > 60
    assert again in [tmp_path / path.relative_to(page.parent) for path in files]
    for path in files:
        assert (tmp_path / path.relative_to(page.parent)).read_bytes() == path.read_bytes(), path.name


# "`report` never imports torch"
def test_the_report_does_not_load_torch():
    code = "import sys, w2slab.report.page, w2slab.analysis; assert not {'torch', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# "`a difference of X points is the minimum detectable effect (80% power)`"
def test_what_would_have_been_found_stands_beside_no_difference_shown(chess, page):
    lines = [row for row in chess[2].differences if row["verdict"] == "not significant"]
    told = re.findall(
        r"not significant<span class=\"fine\">minimum detectable effect: ([\d.]+) points</span>",
        page.read_text(),
    )
    assert told == [words.percent(row["detectable_accuracy"]) for row in lines]


# "Caveats near the top also tell the noise floor of ceilings"
def test_the_noise_of_ceilings_is_told_at_the_top(chess, page):
    students = {row["strong"] for row in chess[2].reported()}
    apart = [row["difference"] for row in chess[2]["ceilings"] if row["model"] in students]
    sentence = f"may lie {words.percent(min(apart))} to {words.percent(max(apart))} points apart, by model"
    assert sentence in visible(page.read_text().partition("<nav")[0])


def test_of_many_caveats_some_are_folded_and_none_is_left_out(chess, tmp_path):
    plan, store, results = chess
    told = dataclasses.replace(results, uses_truth=tuple(f"method-{i}" for i in range(6)))
    html = write_report(told, plan, store, tmp_path, study_text="name: x\n").read_text()
    top = html.partition("<nav")[0]
    assert all(f"method-{i} uses ground truth" in top for i in range(6))
    assert top.index("more notes before you cite</summary>") < top.index("method-5 uses")


def rows(*pgrs: float | None, method: str = "naive", seeds: tuple[int, ...] = (0, 1)) -> list[dict]:
    return [
        {"task": "t", "weak": f"w{i}", "strong": "s", "method": method, "pgr": float("nan") if p is None else p,
         "pgr_low": (p or 0) - 0.1, "pgr_high": (p or 0) + 0.1, "pgr_reason": "no gap" if p is None else None,
         "is_reported": True, "control": None, "seeds": seeds}
        for i, p in enumerate(pgrs)
    ]  # fmt: skip


WHO = "A student trained on its supervisor’s labels recovered"
GAP = "of the gap between supervisor and ceiling"


@pytest.mark.parametrize(
    ("summary", "start"),
    [
        ([], "Nothing can be said yet"),
        (rows(None), "No gap to recover was shown: PGR is undefined in the only pair."),
        (rows(None, None), "No gap to recover was shown: PGR is undefined in both pairs."),
        (rows(0.4), f"{WHO} 40% {GAP} (95% confidence interval 30 to 50%)."),
        (
            rows(-0.3, -0.2, -0.4),
            f"{WHO} a median of −30% {GAP}, that is, it did worse than its supervisor; "
            "the confidence interval is above 0 in no pair.",
        ),
        (rows(0.05, 0.4, 0.6), f"{WHO} a median of 40% {GAP}; in 2 of 3 pairs the confidence interval is above 0."),
        (rows(0.4, seeds=(0,)), f"{WHO} 40% {GAP} (95% confidence interval 30 to 50%; one seed)."),
        (
            rows(0.4, 0.6, seeds=(0,)),
            f"{WHO} a median of 50% {GAP}; in both pairs the confidence interval is above 0, under one seed.",
        ),
    ],
)
def test_the_first_sentence(chess, summary, start):
    results = chess[2].replaced(summary=summary, differences=[])
    assert answers.answer(results)[0].startswith(start)


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.21, "4.2 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (59.97, "60.0 s")]
)
def test_durations(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("n", "text"), [(None, "–"), (950, "950"), (61_000, "61 k"), (999_900, "1 M"), (1.55e9, "1.55 B")]
)
def test_sizes(n, text):
    assert words.size(n) == text


# "Names of any length": figures cut them, and tables have them whole
def test_long_names_and_tasks_unlike_any_of_the_paper(tmp_path, monkeypatch):
    monkeypatch.setattr("w2slab.report.drawings._setting", lambda *_: None)
    plan, store = fake_study.text_study(tmp_path / "store")
    long = {name: f"{name}-{'long-' * 14}end"[:80] for name in ("science", "naive", "tiny", "small", "medium")}
    results = collect(plan, store, resamples=200)

    def renamed(rows, task):
        names = ("task", "weak", "strong", "method", "against", "model")
        return [row | {n: long.get(row[n], row[n]) for n in names if row.get(n)} | {"task": task} for row in rows]

    tasks = [f"{'a-long-task-' * 6}{place}" for place in range(2)]
    parts = ("rows", "summary", "differences", "over_tasks", "calibration", "reliability", "anatomy", "slices")
    changed = {name: [r for t in tasks for r in renamed(results[name], t)] for name in (*parts, "ceilings")}
    fields = ("weak", "strong", "method")
    comparisons = [
        dataclasses.replace(c, task=t, **{name: long.get(getattr(c, name), getattr(c, name)) for name in fields})
        for t in tasks
        for c in plan.comparisons
    ]
    longest = dataclasses.replace(results.replaced(**changed), baseline=long["naive"])
    plan = fake_study.FakePlan(plan.graph, comparisons, long["naive"])
    html = write_report(longest, plan, store, tmp_path / "out", study_text="name: x\n").read_text()
    assert tasks[1] in visible(html)
    assert re.search(r"naive-\S+…\S+-end", visible(html))
    assert "characters)" not in re.sub(r'data-tip="[^"]*"', "", html)


# Verdicts in words: what is infinite, or more than accuracy has room for, is said so
def test_what_would_have_been_found_is_never_more_than_there_is():
    row = {"verdict": "not significant", "detectable_accuracy": 0.034}
    assert verdict_words.minimum_effect(row) == "minimum detectable effect: 3.4 points"
    assert (
        verdict_words.minimum_effect(row | {"detectable_accuracy": float("inf")})
        == "too few seeds or examples to detect any effect"
    )
    assert (
        verdict_words.minimum_effect(row | {"verdict": "better"})
        == verdict_words.minimum_effect(row | {"detectable_accuracy": None})
        == ""
    )
    assert verdict_words.minimum_effects([row]) == "3.4"
    assert verdict_words.minimum_effects([row, row | {"detectable_accuracy": 1.8}]) == "3.4 to over 100"
    assert words.percent(-float("inf")) == "\N{MINUS SIGN}∞"


def test_long_names_keep_both_ends():
    assert words.short("minilm-3", 12) == "minilm-3"
    assert words.short("a-long-name-of-weight-0.9", 12) == "a-long…t-0.9"
    assert words.short("x\u202ey", 12) == "x\N{REPLACEMENT CHARACTER}y"


# The correction is for what was compared; the same student twice is not
def test_the_same_student_twice_is_no_comparison(chess, tmp_path):
    plan, store, results = chess
    rows = [row | {"verdict": "same student"} if i < 2 else row for i, row in enumerate(results.differences)]
    n = sum(row["verdict"] != "same student" for row in rows)
    changed = results.replaced(differences=rows)
    html = write_report(changed, plan, store, tmp_path, study_text="name: x\n").read_text()
    assert f"(Holm-adjusted over {n} comparison" in visible(html)


# Some figures tell methods apart by their marks alone
def test_no_two_drawn_methods_share_a_marker():
    methods = [f"m{i}" for i in range(11)]
    look = Look(["a", "b"], ["a"], methods, {}, ["m0", "m4", "m5", "m6", "m7", "m8"])
    assert len({look.line(method)["marker"] for method in look.drawn}) == 6
    assert len({str(look.line(method)) for method in methods}) == 11
