"""Each named set makes of a row of the hub exactly these examples; no network, no files but a cache made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tasks.text_named_cases import CASES, Case
from w2slab import registry
from w2slab.data.readers.row import Row
from w2slab.errors import DataError
from w2slab.tasks.text.item import Item
from w2slab.tasks.text.named import Dropped, NamedTask

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def made(name: str, *rows: dict[str, Any], **options: Any) -> list[Item | Dropped]:
    task = registry.build("tasks", name, options)
    return list(task.read([Row(f"train.parquet:{number}", row) for number, row in enumerate(rows, 1)]))


@pytest.mark.parametrize("name", CASES)
def test_a_row_of_the_hub_gives_exactly_these_examples(name):
    assert made(name, *CASES[name].rows) == CASES[name].items


@pytest.mark.parametrize("name", CASES)
def test_a_value_that_is_not_allowed_is_refused_with_its_place(name):
    field_name, value, said = CASES[name].refused
    with pytest.raises(DataError) as caught:
        made(name, {**CASES[name].row, field_name: value})
    assert str(caught.value).startswith("train.parquet:1: ")
    assert said in str(caught.value)


@pytest.fixture
def offline(tmp_path, monkeypatch) -> Path:
    """An empty cache of the hub, which itself is out of reach."""
    monkeypatch.delenv("W2SLAB_DATA", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


def put(cache: Path, case: Case, part: str) -> None:
    """The rows in the first split of a part, as the hub's Parquet branch has them; the other splits have none."""
    splits_of, _, test = case.hub.partition(" | ")
    repo, config, *train = splits_of.split()
    storage = cache / f"datasets--{repo.replace('/', '--')}"
    (storage / "refs/refs/convert").mkdir(parents=True)
    (storage / "refs/refs/convert/parquet").write_text(COMMIT)
    rows = pa.Table.from_pylist(case.rows)
    filled = {"train": train, "test": test.split()}[part][0]
    for split in (*train, *test.split()):
        path = storage / "snapshots" / COMMIT / config / split / "0000.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(rows if split == filled else rows.slice(0, 0), path)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("name", CASES)
def test_it_loads_from_the_cache_of_the_hub_with_the_right_part_as_test(offline, name, part):
    case = CASES[name]
    put(offline, case, part)
    task = registry.build("tasks", name, {}).resolved()
    labelled = task.load()
    assert task.revision == COMMIT
    assert labelled.examples.ids == [item.id for item in case.items]
    assert labelled.truth.right == [[item.right] for item in case.items]
    assert all(item.right < len(labelled.examples.classes) for item in case.items)
    assert (labelled.in_test is None) if part == "train" else labelled.in_test.all()


def test_every_named_set_of_classes_or_options_has_a_case():
    from w2slab.tasks.text import ethics, questions
    from w2slab.tasks.text import reading_comprehension as passages
    from w2slab.tasks.text import sentence_pairs as sentences
    from w2slab.tasks.text import sentiment as opinions

    modules = {module.__name__ for module in (ethics, opinions, passages, questions, sentences)}
    assert {name for name, row in registry.table("tasks").items() if row.partition(":")[0] in modules} == set(CASES)


# --- what is left out, and options ------------------------------------------------------------------------------------


def test_options_keep_all_answers_in_an_order_of_their_own():
    row = {"question": "What is wet?", "correct_answer": "water", "distractor1": "sand", "distractor2": "fire",
           "distractor3": "air", "support": "Water is wet."}  # fmt: skip
    (item,) = made("sciq", row, form="options", support=True)
    assert item.text == "Water is wet.\nQuestion: What is wet?\nAnswer:"
    assert item.candidates is not None
    assert sorted(item.candidates) == [" air", " fire", " sand", " water"]
    assert item.candidates[item.right] == " water"
    assert item.group == "What is wet?"


def test_none_of_the_above_is_an_option_but_never_an_item():
    row = {**CASES["cosmosqa"].row, "label": 0}
    assert made("cosmosqa", row) == [Dropped("question whose right answer is none of the others")]
    (item,) = made("cosmosqa", {**row, "answer3": "The moon ."}, form="options")
    assert item.candidates[item.right] == " None of the above choices ."


def test_a_question_asked_again_is_one_question_with_the_answers_of_both():
    row = {"context": "It rained .", "question": "Why ?", "answer0": "Rain .", "answer1": "Sun .", "answer2": "Sun .",
           "answer3": "Sun .", "label": 0}  # fmt: skip
    again = {**row, "answer0": "Rain .", "answer1": "Wet .", "answer2": "Fog .", "answer3": "Sun .", "label": 1}
    items = made("cosmosqa", row, again)
    assert {item.answer: item.right for item in items} == {" Rain .": 1, " Wet .": 1, " Sun .": 0, " Fog .": 0}


def test_several_right_answers_are_matched_by_as_many_wrong_ones_or_are_no_options():
    answers = {"Al": 1, "Bo": 1, "Cy": 0, "Di": 0, "Ed": 0}
    rows = [{**CASES["multirc"].row, "answer": answer, "label": label} for answer, label in answers.items()]
    assert sorted(item.right for item in made("multirc", *rows)) == [0, 0, 1, 1]
    assert made("multirc", *rows, form="options") == [Dropped("question whose right option is not one of its kind")]
    (item,) = made("multirc", *rows[1:], form="options")
    assert item.candidates[item.right] == " Bo"


def test_neutral_and_contradiction_are_both_not_entailed():
    rows = [{**CASES["anli-r2"].row, "label": label} for label in range(3)]
    assert [item.right for item in made("anli-r2", *rows)] == [1, 0, 0]


def test_which_of_two_scenarios_is_first_does_not_tell_which_is_more_pleasant():
    rows = [{"baseline": f"I won {n}.", "less_pleasant": f"I lost {n}."} for n in range(400)]
    rights = [item.right for item in made("ethics-utilitarianism", *rows)]
    assert 0.4 < sum(rights) / len(rights) < 0.6


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("tweet-sentiment", {"text": "a day", "label": 1}, "neutral"),
        ("tweet-hate", {"text": " ", "label": 1}, "empty text"),
        ("anthropic-hh", {"chosen": "same", "rejected": "same"}, "two texts that are the same"),
        (
            "ethics-utilitarianism",
            {"baseline": "I ate.", "less_pleasant": "I ate. "},
            "two scenarios that are the same",
        ),
    ],
)
def test_a_row_that_says_nothing_is_left_out_and_counted(name, row, reason):
    assert made(name, row) == [Dropped(reason)]


def test_only_the_first_rows_of_the_millions_of_amazon_reviews_are_read(offline, monkeypatch):
    case = CASES["amazon-polarity"]
    rows = [{"label": n % 2, "title": str(n), "content": ""} for n in range(5)]
    put(offline, Case(case.hub, rows[0], [], case.refused, rows[1:]), "train")
    monkeypatch.setattr("w2slab.tasks.text.sentiment.AmazonPolarity.most_rows", 3)
    assert registry.build("tasks", "amazon-polarity", {}).load().examples.table.column("text").to_pylist() == [*"012"]


def test_every_named_set_is_in_the_documentation_with_its_place_on_the_hub_and_its_classes():
    document = Path(__file__).parents[2] / "docs" / "datasets.md"
    rows = {line.split("|")[1].strip(): line for line in document.read_text().splitlines() if line.startswith("| `")}
    named = {name: registry.row("tasks", name).kind for name in registry.table("tasks")}
    named = {name: task for name, task in named.items() if isinstance(task, type) and issubclass(task, NamedTask)}
    assert set(rows) == {f"`{name}`" for name in named}
    for name, task in named.items():
        row = rows[f"`{name}`"]
        assert (f"`{task.source.repo}`" if task.source else "not on the hub") in row
        assert ", ".join(task.classes or ()) in row
        assert all(f"`{part.filename}`" in row for part in task.local)
