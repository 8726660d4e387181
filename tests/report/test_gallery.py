"""Examples worth reading: of which kind each is, which are shown, and in which words."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pyarrow as pa
import pytest

from w2slab.data.examples import Examples, Truth
from w2slab.data.labels import Labels
from w2slab.report.exhibits import Judged
from w2slab.report.gallery import Gallery, sort_out
from w2slab.report.html import render
from w2slab.tasks.chess.puzzle_task import Chess
from w2slab.tasks.task import Task

MATE = "6k1/5ppp/8/8/8/8/5PPP/R5K1 w - - 0 1"
MOVES = ["a1a4", "a1a8", "a1c1", "g2g4"]


def judged(columns, right, supervisor, student, classes=None) -> Judged:
    """Predictions given as one row of probabilities per example."""
    ids = [str(i) for i in range(len(right))]
    examples = Examples(pa.table({"id": ids, "group": ids, **columns}), classes)
    said = [
        Labels(np.arange(len(ids)), np.array(probs, dtype=np.float32).reshape(len(ids), -1), examples.n_candidates)
        for probs in (supervisor, student)
    ]
    return Judged(Chess() if "fen" in columns else Task(), examples, Truth(ids, right), *said)


def reviews(right, supervisor, student, texts=None) -> Judged:
    """Texts of two classes; predictions given as the probability of the second."""
    probs = [[[1 - p, p] for p in each] for each in (supervisor, student)]
    texts = texts or [f"Review {i}." for i in range(len(right))]
    return judged({"text": texts}, [[r] for r in right], *probs, classes=("negative", "positive"))


def positions(supervisor, student, right=(1,), n=1) -> Judged:
    columns = {"fen": [MATE] * n, "setup": ["h8g8"] * n, "candidates": [MOVES] * n}
    return judged(columns, [list(right)] * n, [supervisor] * n, [student] * n)


def section(*those: Judged) -> str:
    """The section of the page, one task for each."""
    shown = [Gallery(f"task {i}", "small", "large", "naive", 0, sort_out(each)) for i, each in enumerate(those)]
    return render("gallery.html", galleries=shown)


def visible(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]*>", " ", html)))


def options(exhibit):
    return [(o.words, o.right, [(who, round(sure, 2)) for who, sure in o.chosen_by]) for o in exhibit.options]


# --- kinds ------------------------------------------------------------------------------------------------------------


def test_each_example_is_of_one_kind_and_kinds_are_counted():
    # right right, wrong right twice, right wrong, both wrong: one of them sure, one not
    kinds = sort_out(
        reviews([1, 1, 1, 1, 1, 1], [0.95, 0.10, 0.20, 0.90, 0.05, 0.45], [0.97, 0.80, 0.95, 0.30, 0.02, 0.40])
    )
    assert (kinds.n_right, kinds.n_wrong, kinds.n_both_wrong) == (2, 4, 2)
    assert (kinds.corrected.n, kinds.spoiled.n, kinds.both_sure.n) == (2, 1, 1)
    assert [e.text for e in kinds.spoiled.exhibits] == ["Review 3."]
    assert [e.text for e in kinds.both_sure.exhibits] == ["Review 4."]


def test_those_of_which_both_were_surest_come_first():
    # products: 0.9 * 0.6, 0.6 * 0.95, 0.8 * 0.8
    kinds = sort_out(reviews([0, 0, 0], [0.9, 0.6, 0.8], [0.4, 0.05, 0.2]))
    assert [e.text for e in kinds.corrected.exhibits] == ["Review 2.", "Review 1.", "Review 0."]


def test_at_most_six_of_a_kind_are_shown_and_all_are_counted():
    kinds = sort_out(reviews([0] * 20, [0.9] * 20, [0.1] * 20))
    assert kinds.corrected.n == 20
    assert len(kinds.corrected.exhibits) == 6


# "at least as sure as on its median test example"
def test_both_are_sure_only_where_each_is():
    # Medians of confidence: 0.8 and 0.8. The first is sure of the supervisor alone, the second of the student alone.
    kinds = sort_out(reviews([0, 0, 0, 0, 0], [0.9, 0.6, 0.8, 0.7, 0.2], [0.6, 0.9, 0.8, 0.7, 0.2]))
    assert [e.text for e in kinds.both_sure.exhibits] == ["Review 2."]
    assert kinds.n_both_wrong == 4
    assert kinds.n_same_error is None


def test_the_same_error_is_counted_where_there_are_several_to_make():
    sure = [0.9, 0.04, 0.03, 0.03]
    other = [0.03, 0.04, 0.9, 0.03]
    moves = {"fen": [MATE] * 2, "candidates": [MOVES] * 2}
    kinds = sort_out(judged(moves, [[1], [1]], [sure, sure], [sure, other]))
    assert (kinds.both_sure.n, kinds.n_same_error) == (2, 1)


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_a_text_shows_each_choice_and_the_true_class():
    kinds = sort_out(reviews([1, 0, 1], [0.1, 0.2, 0.1], [0.9, 0.75, 0.2]))
    (corrected,), (spoiled,), (both,) = (k.exhibits for k in (kinds.corrected, kinds.spoiled, kinds.both_sure))
    assert options(corrected) == [
        ("negative", False, [("Supervisor", 0.9)]),
        ("positive", True, [("Student", 0.9)]),
    ]
    assert options(spoiled) == [("negative", True, [("Supervisor", 0.8)]), ("positive", False, [("Student", 0.75)])]
    assert options(both) == [("negative", False, [("Supervisor", 0.9), ("Student", 0.8)]), ("positive", True, [])]


def test_a_board_shows_both_moves_and_the_right_one():
    kinds = sort_out(positions([0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]))
    (both,) = kinds.both_sure.exhibits
    assert options(both) == [
        ("Ra1–a4", False, [("Supervisor", 0.7)]),
        ("g2–g4", False, [("Student", 0.7)]),
        ("Ra1–a8", True, []),
    ]
    drawn = re.findall(r'<g class="arrow ([^"]*)">', both.board)
    assert drawn == ["supervisor wrong", "student wrong", "neither right"]
    assert 'aria-label="Chess position; supervisor: Ra1–a4; student: g2–g4; right: Ra1–a8"' in both.board


@pytest.mark.parametrize(
    ("supervisor", "student", "arrows"),
    [
        (0, 1, ["supervisor wrong", "student right"]),
        (1, 0, ["supervisor right", "student wrong"]),
        (0, 0, ["student wrong", "neither right"]),
    ],
)
def test_arrows_say_who_chose_and_whether_it_is_right(supervisor, student, arrows):
    sure = np.full((4, 4), 0.1) + 0.6 * np.eye(4)
    (shown,) = sort_out(positions(sure[supervisor], sure[student])).exhibits
    assert re.findall(r'<g class="arrow ([^"]*)">', shown.board) == arrows


def test_a_pair_shows_what_each_preferred_and_what_is_preferred_in_truth():
    pairs = {"text": ["Which?", "Why?"], "candidates": [["Bad.", "Good."], ["Because.", "No."]]}
    shown = sort_out(judged(pairs, [[1], [0]], [[0.8, 0.2], [0.1, 0.9]], [[0.3, 0.7], [0.1, 0.9]]))
    assert options(shown.corrected.exhibits[0]) == [
        ("Bad.", False, [("Supervisor", 0.8)]),
        ("Good.", True, [("Student", 0.7)]),
    ]
    assert options(shown.both_sure.exhibits[0]) == [
        ("No.", False, [("Supervisor", 0.9), ("Student", 0.9)]),
        ("Because.", True, []),
    ]


def test_pairs_of_one_prompt_are_all_shown_and_each_answer_once():
    candidates = [["Bad.", "Good."], ["Worse.", "Good."], ["Bad.", "Better."]]
    sure = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]
    pairs = {"text": ["Which?"] * 3, "candidates": candidates}
    kinds = sort_out(judged(pairs, [[1]] * 3, sure, np.fliplr(sure)))
    assert [[o.words for o in each.options] for each in kinds.corrected.exhibits] == [
        ["Bad.", "Good."],
        ["Bad.", "Better."],
    ]


def test_a_position_or_a_text_that_comes_again_is_shown_once_of_a_kind():
    assert len(sort_out(positions([0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], n=3)).exhibits) == 1
    again = sort_out(reviews([0, 0], [0.9, 0.9], [0.1, 0.1], texts=["Good.", "Good."]))
    assert (again.corrected.n, len(again.exhibits)) == (2, 1)


def test_one_question_with_another_answer_is_another_example():
    asked = {"text": ["What is red?"] * 2, "answer": [" Blood.", " Grass."]}
    probs = [[0.1, 0.9]] * 2
    kinds = sort_out(judged(asked, [[0], [0]], probs, np.fliplr(probs), classes=("wrong", "right")))
    assert [e.text for e in kinds.corrected.exhibits] == ["What is red? Blood.", "What is red? Grass."]


def test_of_several_right_candidates_all_count_and_the_first_few_are_shown():
    letters = [chr(97 + i) for i in range(8)]
    own = {"text": ["Which?"], "candidates": [letters]}
    chose = np.full((8, 8), 0.05) + 0.6 * np.eye(8)
    right = [[1, 3, 4, 5, 6, 7]]
    (corrected,) = sort_out(judged(own, right, [chose[0]], [chose[3]])).corrected.exhibits
    assert [(o.words, o.right) for o in corrected.options] == [
        ("a", False), ("d", True), ("b", True), ("e", True), ("f", True),
    ]  # fmt: skip
    assert corrected.n_more_right == 2
    assert sort_out(judged(own, right, [chose[1]], [chose[3]])).exhibits == []


def test_a_long_passage_loses_its_beginning_and_a_long_answer_its_end():
    own = {"text": ["x" * 900 + " In the end, which?"], "candidates": [["y" * 400, "z"]]}
    (shown,) = sort_out(judged(own, [[1]], [[0.9, 0.1]], [[0.2, 0.8]])).exhibits
    assert shown.text.startswith("… x")
    assert shown.text.endswith("In the end, which? (919 characters)")
    assert shown.options[0].words == "y" * 300 + " … (400 characters)"


def test_what_is_neither_a_position_nor_a_text_has_no_examples():
    features = {"features": [[0.0, 1.0]]}
    assert sort_out(judged(features, [[1]], [[0.9, 0.1]], [[0.2, 0.8]], classes=("no", "yes"))) is None


# --- in words ---------------------------------------------------------------------------------------------------------


def test_each_kind_says_how_many_there_are():
    said = visible(section(reviews([1, 1, 1, 1], [0.1, 0.9, 0.1, 0.9], [0.9, 0.2, 0.1, 0.9])))
    assert "Supervisor wrong, student right 1 of the 2 test examples that the supervisor got wrong." in said
    assert "Supervisor right, student wrong 1 of the 2 test examples that the supervisor got right." in said
    assert "Both confident and wrong 1 of the 1 test example that both got wrong. Confident means" in said
    assert "✗ Supervisor 90% negative ✓ Student 90% positive" in said
    assert "✗ Supervisor 90% ✗ Student 90% negative ✓ True class positive" in said


def test_a_kind_without_examples_says_so():
    corrected_only = visible(section(reviews([1], [0.1], [0.9])))
    assert "None: the supervisor got no test example right." in corrected_only
    assert "None: on every test example at least one of the two was right." in corrected_only
    spoiled_only = visible(section(reviews([1, 1], [0.9, 0.8], [0.1, 0.9])))
    assert "None: the supervisor got every test example right." in spoiled_only
    # Each model is unsure where it is wrong, below its median.
    unsure = visible(section(reviews([1, 1, 1], [0.4, 0.9, 0.8], [0.45, 0.9, 0.8])))
    assert "None: of the 1 test example that the supervisor got wrong, the student got none right." in unsure
    assert "None: of the 2 test examples that the supervisor got right, the student got none wrong." in unsure
    assert "None of the 1 test example that both got wrong." in unsure


def test_positions_that_cannot_be_drawn_are_counted_and_left_out():
    columns = {"fen": ["not a position"], "candidates": [MOVES]}
    html = section(judged(columns, [[1]], [[0.7, 0.1, 0.1, 0.1]], [[0.1, 0.7, 0.1, 0.1]]))
    assert "1 of the 1 test example that the supervisor got wrong. None of them can be drawn." in visible(html)
    assert 'class="exhibit"' not in html


# "Text from data is inert"
def test_texts_change_nothing_of_the_page():
    evil = '</style><script>window.taken = 1</script><img src=x onerror="taken()">\u202eabc\u2066'
    pairs = {"text": [evil, "a" * 1_000_000], "candidates": [[evil + "1", evil + "2"], ["b" * 1_000_000, "c"]]}
    html = section(judged(pairs, [[1], [1]], [[0.9, 0.1]] * 2, [[0.2, 0.8]] * 2))
    assert "<script" not in html
    assert "<img" not in html
    assert not re.search("[\u202e\u2066]", html)
    assert len(html) < 10_000


def test_each_task_has_its_part_and_the_first_is_open():
    html = section(reviews([1], [0.1], [0.9]), positions([0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]))
    assert re.findall(r'<details class="examples"( open)?><summary>(.*)</summary>', html) == [
        (" open", "task 0"),
        ("", "task 1"),
    ]
    assert "<details" not in section(reviews([1], [0.1], [0.9]))
