"""The user's own data: a few lines of a study turn any file into examples, or say which line of it is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import huggingface_hub.constants
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from w2slab import registry
from w2slab.data.examples import Labelled
from w2slab.errors import DataError, StudyError, UnavailableError
from w2slab.tasks.text.own import Preference, Text


def written(path: Path, *rows: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def column(labelled: Labelled, name: str) -> list:
    return labelled.examples.table[name].to_pylist()


def right(labelled: Labelled) -> list[int]:
    return [each for (each,) in labelled.truth.right]


def winners(labelled: Labelled) -> list[str]:
    return [all_of[i] for all_of, i in zip(column(labelled, "candidates"), right(labelled), strict=True)]


def groups(labelled: Labelled) -> int:
    return len(set(column(labelled, "group")))


def test_the_name_in_the_results_is_that_of_the_row_whatever_its_fields_are(tmp_path):
    assert Text(data=tmp_path / "reviews.jsonl", label="verdict").display_name == "text"
    assert Text(data=tmp_path / "reviews.jsonl", label="verdict", called="reviews").display_name == "reviews"


def test_text_and_label_are_enough(tmp_path):
    path = written(tmp_path / "a.jsonl", {"text": "good", "label": 1}, {"text": "bad", "label": 0})
    labelled = registry.build("tasks", "text", {"data": path}).load()
    assert labelled.examples.classes == ("0", "1")
    assert column(labelled, "text") == ["good", "bad"]
    assert right(labelled) == [1, 0]
    assert labelled.in_test is None


def test_templates_join_fields_and_the_answer_stands_apart(tmp_path):
    rows = [
        {"q": "Is it wet?", "story": {"body": "Rain."}, "a": "Yes", "n": 3, "label": "no"},
        {"q": "Is it {dry}?", "story": {"body": "Rain."}, "a": " No", "n": 4, "label": "yes"},
    ]
    path = written(tmp_path / "a.jsonl", *rows)
    task = Text(data=path, text="{story.body} {{{n}}} {q}", answer="{a}", group="{story.body}")
    labelled = task.load()
    assert column(labelled, "text") == ["Rain. {3} Is it wet?", "Rain. {4} Is it {dry}?"]
    assert column(labelled, "answer") == [" Yes", " No"]
    assert labelled.examples.classes == ("no", "yes")
    assert groups(labelled) == 1


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        (["10", "9", "10"], None, ("9", "10")),
        ([1.0, 2, 1], None, ("1", "2")),
        ([True, False, True], None, ("false", "true")),
        (["b", "a", "c"], None, ("a", "b", "c")),
        ([0, 1, 0], [1, 0], ("1", "0")),
        (["bad", "good", "bad"], ["good", "fair", "bad"], ("good", "fair", "bad")),
    ],
)
def test_classes_are_those_found_in_order_or_those_named(tmp_path, labels, classes, expected):
    path = written(tmp_path / "a.jsonl", *({"text": str(i), "label": label} for i, label in enumerate(labels)))
    labelled = registry.build("tasks", "text", {"data": path, "classes": classes}).load()
    assert labelled.examples.classes == expected


def test_a_folder_of_files_has_its_own_test_part(tmp_path):
    for name in ("train", "validation", "test"):
        written(tmp_path / f"{name}.jsonl", {"text": f"{name} a", "label": "x"}, {"text": f"{name} b", "label": "y"})
    labelled = Text(data=tmp_path).load()
    assert [text for text, test in zip(column(labelled, "text"), labelled.in_test, strict=True) if test] == [
        "test a",
        "test b",
    ]
    more = written(tmp_path.parent / "more.jsonl", {"text": "more", "label": "x"})
    task = Text(data=tmp_path, test_data=more)
    assert list(task.load().in_test) == [False] * 6 + [True]
    assert task.files() == (tmp_path, more)


def test_candidates_are_fields_templates_or_a_list_and_their_order_is_by_digest(tmp_path):
    rows = [{"q": f"{n}?", "a": f"{n}", "b": f"{n + 1}", "both": [f"{n}", f"{n + 1}"], "label": 0} for n in range(40)]
    path = written(tmp_path / "a.jsonl", *rows)
    made = [Text(data=path, text="{q}", candidates=form).load() for form in (("a", "b"), ("{a}", "{b}"), "both")]
    assert made[0].examples.classes is None
    assert winners(made[0]) == [f" {n}" for n in range(40)]
    assert 10 < sum(right(made[0])) < 30
    for other in made[1:]:
        assert other.examples.table.equals(made[0].examples.table)
        assert other.truth == made[0].truth


@pytest.mark.parametrize("label", [1, "1", "B", "worst", "Berlin", " 1 "])
def test_the_right_candidate_is_named_by_position_letter_field_or_text(tmp_path, label):
    rows = [{"q": "Where?", "best": "Paris", "worst": "Berlin", "label": label}]
    assert winners(
        Text(data=written(tmp_path / "a.jsonl", *rows), text="{q}", candidates=("best", "worst")).load()
    ) == [" Berlin"]


def test_preferences_are_chosen_and_rejected(tmp_path):
    rows = [{"prompt": f"{n}?", "chosen": "Yes.", "rejected": "\nNo."} for n in range(40)]
    task = Preference(data=written(tmp_path / "a.jsonl", *rows), text="Human: {prompt}\n\nAssistant:")
    labelled = task.load()
    assert column(labelled, "text")[0] == "Human: 0?\n\nAssistant:"
    assert set(winners(labelled)) == {" Yes."}
    assert {text for both in column(labelled, "candidates") for text in both} == {" Yes.", "\nNo."}
    assert 10 < sum(right(labelled)) < 30
    assert groups(labelled) == 40


def test_preferences_with_a_winner_may_have_other_names(tmp_path):
    rows = [
        {"post": "p", "one": "x", "two": "y", "better": "two"},
        {"post": "p", "one": "z", "two": "z", "better": "A"},
    ]
    path = written(tmp_path / "a.jsonl", *rows)
    labelled = Preference(data=path, text="{post}", candidates=("one", "two"), label="better").load()
    assert winners(labelled) == [" y"]
    assert labelled.dropped == {"candidates alike": 1}
    assert Preference(data=path, text="{post}", chosen="two", rejected="one").load().dropped == {"equal answers": 1}


def test_whole_dialogues_are_parted_where_they_part(tmp_path):
    talk = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "?"},
    ]
    rows = [
        {
            "chosen": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: ?\n\nAssistant: Yes",
            "rejected": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: ?\n\nAssistant: Yeah",
        },
        {
            "chosen": [*talk, {"role": "assistant", "content": "Sure"}],
            "rejected": [*talk, {"role": "assistant", "content": "No"}],
        },
        {"chosen": "alone", "rejected": "apart"},
    ]
    labelled = Preference(data=written(tmp_path / "a.jsonl", *rows), text="").load()
    common = "Human: Hi\n\nAssistant: Hello\n\nHuman: ?\n\nAssistant:"
    assert column(labelled, "text") == [common, common, ""]
    assert winners(labelled) == [" Yes", " Sure", "alone"]
    assert groups(labelled) == 2


def test_a_hub_set_of_the_user_is_pinned_and_read(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    storage, commit = tmp_path / "datasets--me--films", "a" * 40
    for split, labels in {"train": [0, 1], "extra": [1, 0], "test": [0, 1], "hidden": [-1, -1]}.items():
        path = storage / "snapshots" / commit / "plain" / split / "0000.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.table({"text": [f"{split} {i}" for i in (0, 1)], "label": labels}), path)
    (storage / "refs/refs/convert").mkdir(parents=True)
    (storage / "refs/refs/convert/parquet").write_text(commit)
    task = Text(hub="me/films", split="train+extra", test_split="test").resolved()
    assert task.revision == commit
    assert task.files() == ()
    labelled = task.load()
    assert column(labelled, "text") == ["train 0", "train 1", "extra 0", "extra 1", "test 0", "test 1"]
    assert list(labelled.in_test) == [False] * 4 + [True] * 2
    with pytest.raises(DataError, match="-1, by which the hub marks examples without a label"):
        Text(hub="me/films", test_split="hidden").load()
    with pytest.raises(UnavailableError, match="hf download --repo-type dataset me/other"):
        Text(hub="me/other").resolved()


@pytest.mark.parametrize(
    ("fields", "rows", "message"),
    [
        (
            {"text": "{txt}"},
            [{"text": "a", "label": 1}],
            r'a.jsonl:1: no field "txt". Did you mean "text"\? There are: te',
        ),
        ({"label": "y"}, [{"text": "a", "label": 1}], r'a.jsonl:1: no field "y". There are: text, label'),
        ({}, [{"text": "a", "label": 1}, {"text": "b"}], r'^a.jsonl:2: no field "label"; there are: text$'),
        ({}, [{"text": "a", "label": 1}, {"text": None, "label": 0}], r"^a.jsonl:2: text: is empty \(null\)"),
        (
            {},
            [{"text": "a", "label": 1}, {"text": ["b"], "label": 0}],
            r"^a.jsonl:2: text: \['b'\] is a list; text, a number or",
        ),
        ({}, [{"text": "a", "label": 1}, {"text": "b", "label": [0]}], r"label: \[0\] is a list; text or a number"),
        ({}, [{"text": "a", "label": 1}, {"text": "b", "label": " "}], "a.jsonl:2: label: is empty; a class is needed"),
        ({}, [{"text": "a", "label": 1}], r"label: one value alone \(\"1\"\); 2 to 1000 classes are needed"),
        (
            {},
            [{"text": str(i), "label": i} for i in range(1001)],
            r"label: 1001 different values .*is `label` the right",
        ),
        ({"classes": [0, 1]}, [{"text": "a", "label": 2}], r'^a.jsonl:1: label: 2; allowed: "0", "1"$'),
        (
            {"candidates": ["a", "b"], "text": "{q}"},
            [{"q": "?", "a": "x", "b": "y", "label": 2}],
            r"^a.jsonl:1: label: 2 names no candidate; allowed: 0 to 1, counted from 0; A to B; a; b; the text of one",
        ),
        (
            {"candidates": ["a", "b"], "text": "{q}"},
            [{"q": "?", "a": "1", "b": "0", "label": "1"}],
            "label: '1' names several candidates",
        ),
        (
            {"candidates": ["a", "b"], "text": "{q}"},
            [{"q": "?", "a": "x", "b": "y", "label": True}],
            "label: True names no candidate",
        ),
        (
            {"candidates": "list", "text": "{q}"},
            [{"q": "?", "list": ["x"], "label": 0}],
            "1 candidates; two or more are needed",
        ),
        (
            {"candidates": "list", "text": "{q}"},
            [{"q": "?", "list": "xy", "label": 0}],
            "list: 'xy' is text; a list of te",
        ),
    ],
)
def test_a_mistake_in_the_data_is_named_with_file_line_and_field(tmp_path, fields, rows, message):
    path = written(tmp_path / "a.jsonl", *rows)
    with pytest.raises(DataError, match=message):
        registry.build("tasks", "text", {"data": path, **fields}).load()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "name either `data`, a file or folder, or `hub`"),
        ({"data": "a", "hub": "b/c"}, "name either `data`"),
        ({"data": "a", "test_split": "test"}, "go with `hub`, not with `data`"),
        ({"hub": "a/b", "test_data": "c"}, "`test_data` goes with `data`"),
        ({"data": "a", "text": "text"}, r"`text` names no field: \"text\"; write a field in braces"),
        ({"data": "a", "text": "{text"}, r"template \"{text\": .*write a field as {name} and a brace as {{"),
        ({"data": "a", "text": "{0:>3} {}"}, "a name alone must stand in braces"),
        ({"data": "a", "answer": "{a!r}"}, "a name alone must stand in braces"),
        ({"data": "a", "classes": [1, "1"]}, "`classes` must be two or more, all different"),
        ({"data": "a", "classes": ["x"], "candidates": "list"}, "`candidates` stand in place of `classes`"),
    ],
)
def test_a_mistake_in_the_study_is_explained(fields, message):
    with pytest.raises(StudyError, match=message):
        registry.build("tasks", "text", fields)


def test_preferences_name_candidates_or_chosen_not_both():
    with pytest.raises(StudyError, match="name either `candidates` and `label`, or `chosen` and `rejected`"):
        registry.build("tasks", "preference", {"data": "a", "chosen": "x", "candidates": "list"})


def test_a_data_file_that_is_not_there_is_an_error_of_the_plan_and_of_the_job(tmp_path):
    task = Text(data=tmp_path / "none.csv")
    assert task.resolved().files() == (tmp_path / "none.csv",)
    with pytest.raises(DataError, match=r"none.csv: no such file or folder. Check the path"):
        task.load()
    (tmp_path / "none.xlsx").touch()
    with pytest.raises(DataError, match=r"none.xlsx: no data of a known kind"):
        Text(data=tmp_path / "none.xlsx").resolved()
    written(tmp_path / "test.jsonl", {"text": "a", "label": 1})
    with pytest.raises(DataError, match="no rows outside the test part"):
        Text(data=tmp_path).load()


def test_examples_that_come_again_are_counted(tmp_path):
    rows = [{"text": "a", "label": 1}, {"text": "b", "label": 0}, {"text": "a", "label": 0}]
    labelled = Text(data=written(tmp_path / "a.jsonl", *rows)).load()
    assert labelled.dropped == {"repeated": 1}
    assert right(labelled) == [1, 0]
