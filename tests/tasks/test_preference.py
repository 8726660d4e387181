"""Named preference sets: each row as it is published becomes exactly these examples."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2slab import registry
from w2slab.data.examples import Labelled
from w2slab.errors import DataError, StudyError, UnavailableError
from w2slab.tasks.text.choices import Dropped, by_digest, dialogues, one_of, pair, right_and_wrong
from w2slab.tasks.text.preference import HhRlhf, HhSingleTurn, UkpConvArg

SHARED = Path(os.environ.get("W2SLAB_DATA") or Path(__file__).parents[3] / "shared" / "data")
REAL = pytest.mark.skipif(not (SHARED / "preference").is_dir(), reason=f"no real data: {SHARED}/preference")


@pytest.fixture(autouse=True)
def _no_other_data(monkeypatch):
    monkeypatch.delenv("W2SLAB_DATA", raising=False)


def told(labelled: Labelled) -> list[tuple[str, str, str]]:
    """Text, better and worse candidate of each example."""
    table = labelled.examples.table
    pairs = zip(table["text"].to_pylist(), table["candidates"].to_pylist(), labelled.truth.right, strict=True)
    return [(text, both[right[0]], both[1 - right[0]]) for text, both, right in pairs]


def messages(*contents: str) -> list[dict[str, str]]:
    return [{"content": text, "role": ("user", "assistant")[i % 2]} for i, text in enumerate(contents)]


SUMMARIES = [{"text": " Short.", "policy": "sup1", "note": None}, {"text": "Long", "policy": "ref", "note": None}]
POST = {"id": "t3_1", "post": "I fell. ", "title": "Ouch", "subreddit": "AskReddit", "site": None, "article": None}
ARTICLE = {"id": "2", "post": None, "title": "News", "subreddit": None, "site": "cnn", "article": "It rains."}

CASES = {
    "hh-rlhf": (
        [
            {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: Hey"},
            {
                "chosen": "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: no",
                "rejected": "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:",
            },
            {"chosen": "Human: a", "rejected": "Human: b"},
        ],
        [
            ("Human: Hi\n\nAssistant:", " Hello", " Hey"),
            ("Human: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:", " no", ""),
        ],
        {"dialogues without a common beginning": 1},
    ),
    "shp": (
        [
            {"history": "Why?\n", "human_ref_A": "So.", "human_ref_B": " Not so.", "labels": 1, "score_A": 9},
            {"history": "How?", "human_ref_A": "Thus", "human_ref_B": "Else", "labels": 0, "score_A": 2},
        ],
        [("Post: Why?\n\nComment:", " So.", " Not so."), ("Post: How?\n\nComment:", " Else", " Thus")],
        {},
    ),
    "helpsteer": (
        [
            {"prompt": "Sum 1+1", "response": "2", "helpfulness": 4, "verbosity": 0},
            {"prompt": "Sum 1+1", "response": "3", "helpfulness": 0, "verbosity": 4},
            {"prompt": "Sum 1+1", "response": "two", "helpfulness": 4, "verbosity": 1},
            {"prompt": "Alone", "response": "x", "helpfulness": 1, "verbosity": 1},
        ],
        [
            ("Human: Sum 1+1\n\nAssistant:", " 2", " 3"),
            ("Human: Sum 1+1\n\nAssistant:", " two", " 3"),
        ],
        {"tie": 1},
    ),
    "ultrafeedback": (
        [
            {"prompt": "Hi", "chosen": messages("Hi", "Hello"), "rejected": messages("Hi", "No"), "score_chosen": 8.5,
             "score_rejected": 2.0},
            {"prompt": "Hi", "chosen": messages("Hi", "a"), "rejected": messages("Hi", "b"), "score_chosen": 8.0,
             "score_rejected": 8.0},
        ],
        [("Human: Hi\n\nAssistant:", " Hello", " No")],
        {"tie": 1},
    ),
    "summarize-from-feedback": (
        [
            {"info": POST, "summaries": SUMMARIES, "choice": 1, "worker": "w"},
            {"info": ARTICLE, "summaries": SUMMARIES, "choice": 0, "worker": "w"},
        ],
        [
            ("Title: Ouch\n\nPost: I fell.\n\nTL;DR:", " Long", " Short."),
            ("Article: It rains.\n\nTL;DR:", " Short.", " Long"),
        ],
        {},
    ),
    "webgpt": (
        [
            {"question": {"dataset": "eli5", "id": "1", "full_text": "Why?"}, "answer_0": "So", "score_0": -1.0,
             "answer_1": "Not", "score_1": 1.0},
            {"question": {"dataset": "eli5", "id": "2", "full_text": "How?"}, "answer_0": "So", "score_0": 0.0,
             "answer_1": "Not", "score_1": 0.0},
        ],
        [("Human: Why?\n\nAssistant:", " Not", " So")],
        {"tie": 1},
    ),
    "ukp-convarg": (
        [{"id": "arg1_arg2", "topic": "ban plastic_no bad for x", "a1": "Because.", "a2": "No. ", "label": "a2"}],
        [("Debate: ban plastic\nStance: no bad for x\nArgument:", " No.", " Because.")],
        {},
    ),
    "ethics-utilitarianism-pairs": (
        [{"baseline": "I ate. It was good.", "less_pleasant": "I ate."}],
        [("", "I ate. It was good.", "I ate.")],
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_rows_as_they_are_published_become_these_pairs(tmp_path, name):
    rows, pairs, dropped = CASES[name]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = registry.build("tasks", name, {"data": path})
    assert task.resolved() == task
    assert task.files() == (path,)
    labelled = task.load()
    assert told(labelled) == pairs
    assert labelled.dropped == dropped
    assert labelled.examples.classes is None
    assert labelled.in_test is None


# "Group key (question, passage, premise, dialogue)."
def test_pairs_from_several_turns_of_a_dialogue_are_never_parted(tmp_path):
    begun = "\n\nHuman: a\n\nAssistant: "
    longer = f"{begun}b\n\nHuman: c\n\nAssistant: "
    rows = [{"chosen": f"{begin}yes", "rejected": f"{begin}no"} for begin in (begun, longer, "\n\nHuman: d" + begun)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    groups = HhRlhf(data=path).load().examples.table["group"].to_pylist()
    assert groups[0] == groups[1] != groups[2]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("hh-rlhf", {"chosen": None}, r"rows.jsonl:1: chosen: is empty"),
        ("shp", {"labels": 2}, "rows.jsonl:1: labels: 2; allowed: 0 to 1"),
        ("helpsteer", {"helpfulness": "very"}, "helpfulness: 'very' is text; a finite number is needed"),
        ("ultrafeedback", {"chosen": []}, "a list of messages is empty"),
        ("ultrafeedback", {"rejected": ["x"]}, r"rejected\[0\]: 'x' is text; an object with named fields"),
        ("summarize-from-feedback", {"summaries": SUMMARIES[:1]}, "summaries: 1; 2 are needed"),
        ("webgpt", {"question": "Why?"}, "question: 'Why\\?' is text; an object"),
        ("ukp-convarg", {"label": "equal"}, "label: 'equal'; allowed: a1, a2"),
    ],
)
def test_a_row_of_another_shape_is_named_with_its_field(tmp_path, name, change, message):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({**CASES[name][0][0], **change}))
    with pytest.raises(DataError, match=message):
        registry.build("tasks", name, {"data": path}).load()


# --- which answers, in which order ------------------------------------------------------------------------------------

texts = st.text(max_size=5)


@given(texts, texts, texts)
def test_the_order_of_a_pair_tells_nothing_of_the_better_one(text, one, other):
    if one == other:
        assert pair(text, one, other) == Dropped("equal answers")
        return
    made, turned = pair(text, one, other), pair(text, other, one)
    assert made.candidates == turned.candidates
    assert made.right == 1 - turned.right
    assert made.candidates[made.right] == one


@given(texts, st.lists(texts, min_size=2, max_size=6, unique=True), st.data())
def test_options_are_the_same_whichever_comes_first(text, options, data):
    shuffled = data.draw(st.permutations(options))
    made = one_of(text, options, 0)
    again = one_of(text, shuffled, shuffled.index(options[0]))
    assert made == again
    assert made.candidates[made.right] == options[0]


@given(texts, st.lists(texts, min_size=1, max_size=6, unique=True), st.sets(st.integers(0, 5)))
def test_items_are_as_many_right_as_wrong_and_as_many_as_there_can_be(text, answers, right):
    right = {position for position in right if position < len(answers)}
    items = list(right_and_wrong(text, answers, right, group="g"))
    n = min(len(right), len(answers) - len(right))
    assert sorted(item.right for item in items) == [0] * n + [1] * n
    assert all(item.right == (answers.index(item.answer) in right) for item in items)
    assert len({item.answer for item in items}) == 2 * n
    assert {(item.text, item.group) for item in items} <= {(text, "g")}


def test_pairs_come_in_either_order_about_equally_often():
    firsts = sum(pair(f"{n}?", "yes", "no").right for n in range(1000))
    assert 450 < firsts < 550
    assert by_digest(["a", "b", "c"], "x") == by_digest(["c", "b", "a"], "x") != by_digest(["a", "b", "c"], "u")


def test_dialogues_part_at_a_turn_and_not_within_a_word():
    made = dialogues("Human: a\n\nAssistant: Sure, b", "Human: a\n\nAssistant: Sure, c")
    assert made.text == "Human: a\n\nAssistant:"
    assert set(made.candidates) == {" Sure, b", " Sure, c"}


# --- where the rows come from -----------------------------------------------------------------------------------------

PAIR = {"chosen": "\n\nHuman: {}\n\nAssistant: Hello", "rejected": "\n\nHuman: {}\n\nAssistant: Hey"}


def published(folder: Path, *parts: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        line = json.dumps({name: text.format(part) for name, text in PAIR.items()})
        (folder / f"hh_single_turn_harmless_{part}.jsonl.gz").write_bytes(gzip.compress(line.encode()))


def test_original_files_are_found_by_the_environment_and_settled_as_their_folder(tmp_path, monkeypatch):
    published(tmp_path / "preference", "train_gt", "train_w2s", "test")
    monkeypatch.setenv("W2SLAB_DATA", str(tmp_path))
    resolved = HhSingleTurn().resolved()
    assert resolved == HhSingleTurn(data=tmp_path / "preference")
    assert HhSingleTurn().files() == resolved.files()
    assert [path.name for path in resolved.files()] == [
        f"hh_single_turn_harmless_{part}.jsonl.gz" for part in ("train_gt", "train_w2s", "test")
    ]
    monkeypatch.delenv("W2SLAB_DATA")
    labelled = resolved.load()
    assert [text for text, _, _ in told(labelled)] == [
        f"Human: {part}\n\nAssistant:" for part in ("train_gt", "train_w2s", "test")
    ]
    assert list(labelled.in_test) == [False, False, True]


def test_some_of_the_original_files_are_not_taken_for_all(tmp_path, monkeypatch):
    published(tmp_path, "train_gt", "test")
    monkeypatch.setenv("W2SLAB_DATA", str(tmp_path))
    with pytest.raises(
        DataError, match=r"hh_single_turn_harmless_train_w2s.jsonl.gz is missing beside the set's other"
    ):
        HhSingleTurn().resolved()
    monkeypatch.setenv("W2SLAB_DATA", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"W2SLAB_DATA: .*none is not a folder"):
        HhSingleTurn().resolved()


def test_a_set_that_is_not_on_the_hub_says_which_files_it_needs():
    with pytest.raises(
        UnavailableError, match=r"ukp_convarg1_strict.jsonl.gz; name their folder as `data:`.*W2SLAB_DATA"
    ):
        UkpConvArg().resolved()


def test_data_and_revision_exclude_each_other():
    with pytest.raises(StudyError, match="`data` and `revision` exclude each other"):
        registry.build("tasks", "shp", {"data": "x", "revision": "main"})


def test_a_folder_of_rows_with_the_hubs_columns_is_read_with_its_test_part(tmp_path):
    for name in ("train", "test"):
        row = {key: text.format(name) for key, text in PAIR.items()}
        (tmp_path / f"{name}.json").write_text(json.dumps([row]))
    assert HhRlhf(data=tmp_path).files() == (tmp_path,)
    labelled = HhRlhf(data=tmp_path).load()
    assert sorted(zip((text for text, _, _ in told(labelled)), labelled.in_test, strict=True)) == [
        ("Human: test\n\nAssistant:", True),
        ("Human: train\n\nAssistant:", False),
    ]


@REAL
@pytest.mark.parametrize(
    ("name", "folder", "n_examples", "n_test", "n_groups"),
    [
        ("hh-single-turn", "preference", 12_000, 4_000, 11_531),
        ("ukp-convarg", "preference", 11_443, None, 32),
        ("ethics-utilitarianism-pairs", "nlp", 18_380, 4_802, None),
    ],
)
def test_the_real_files(name, folder, n_examples, n_test, n_groups):
    labelled = registry.build("tasks", name, {"data": SHARED / folder}).load()
    assert len(labelled.examples) == n_examples
    assert (None if labelled.in_test is None else labelled.in_test.sum()) == n_test
    groups = len(set(labelled.examples.table["group"].to_pylist()))
    assert groups == (n_groups or groups)
    first = sum(right == [0] for right in labelled.truth.right) / n_examples
    assert abs(first - 0.5) < 0.02
    assert sum(not better.strip() for _, better, _ in told(labelled)) < 0.01 * n_examples
