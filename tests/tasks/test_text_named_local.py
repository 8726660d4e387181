"""The files in which named sets were published have other columns than the hub and give the same kind of examples."""

from __future__ import annotations

import json
import zipfile

import pytest

from w2slab import registry
from w2slab.errors import DataError
from w2slab.tasks.text.item import Item


def exam(question: str, *answers: str, right: int) -> str:
    options = " ".join(f"Answer{number}: {answer}" for number, answer in enumerate(answers, 1))
    asked = (
        f"Please choose the correct answer to the question: {question}\n\n{options}\n\nAnswer format: answer1/answer2"
    )
    return json.dumps([{"instruction": asked, "input": "", "output": "", "answer": f"answer{right}"}])


def yes_no(question: str, answer: str) -> str:
    asked = f"Please answer the following question with true or false, question: {question}?"
    return json.dumps([{"instruction": f"{asked}\n\nAnswer format: true/false", "answer": answer}])


def tweets(*rows: tuple[str, str, int]) -> str:
    return "".join(json.dumps({"split": s, "text": text, "label": label}) + "\n" for s, text, label in rows)


def both(question: str, right: str, wrong: str, in_test: bool) -> list[Item]:
    text = f"Question: {question}\nAnswer:"
    return [
        Item(text=text, answer=right, right=1, group=question, in_test=in_test),
        Item(text=text, answer=wrong, right=0, group=question, in_test=in_test),
    ]


REVIEW = "\nIs this review negative or positive?"
ENGLISH = "\nIs this sentence acceptable English?"
MORE_PLEASANT = "\nWhich is more pleasant, the first or the second?"

# Files by name, and the examples: of the training part, then of the test part.
PUBLISHED: dict[str, tuple[dict[str, str], list[Item]]] = {
    "openbookqa": (
        {"openbookqa_train.json": exam("A plant needs", "rain", "ink", right=1),
         "openbookqa_test.json": exam("Ice is", "hot", "cold water", right=2)},
        both("A plant needs", " rain", " ink", False) + both("Ice is", " cold water", " hot", True),
    ),
    "arc-easy": (
        {"arc_easy_train.json": exam("What is\nwet?", "water", "sand", right=1),
         "arc_easy_test.json": exam("What falls?", "rain", "light", right=1)},
        both("What is\nwet?", " water", " sand", False) + both("What falls?", " rain", " light", True),
    ),
    "boolq": (
        {"boolq_nopassage_train.json": yes_no("is tea a drink", "true"),
         "boolq_nopassage_test.json": yes_no("is ice hot", "false")},
        [Item(text="Question: is tea a drink?", right=1), Item(text="Question: is ice hot?", right=0, in_test=True)],
    ),
    "cosmosqa": (
        {"cosmosqa_valid.csv": "id,context,question,answer0,answer1,answer2,answer3,label\n"
                               '1,"It rained , again .",Why ?,Rain .,Sun .,Sun .,None of the above choices .,0\n'},
        [Item(text="It rained , again .\nQuestion: Why ?\nAnswer:", answer=" Rain .", right=1,
              group="It rained , again ."),
         Item(text="It rained , again .\nQuestion: Why ?\nAnswer:", answer=" Sun .", right=0,
              group="It rained , again .")],
    ),
    "mc-taco": (
        {"mctaco_dev.tsv": 'They met.\tHow long?\tan "hour\tyes\tEvent Duration\n'
                           "They met.\tHow long?\ta century\tno\tEvent Duration\n",
         "mctaco_test.tsv": "He ran.\tWhen?\tat 9\tyes\tTypical Time\nHe ran.\tWhen?\tat 99\tno\tTypical Time\n"},
        [Item(text="They met.\nQuestion: How long?\nAnswer:", answer=' an "hour', right=1, group="They met."),
         Item(text="They met.\nQuestion: How long?\nAnswer:", answer=" a century", right=0, group="They met."),
         Item(text="He ran.\nQuestion: When?\nAnswer:", answer=" at 9", right=1, group="He ran.", in_test=True),
         Item(text="He ran.\nQuestion: When?\nAnswer:", answer=" at 99", right=0, group="He ran.", in_test=True)],
    ),
    "ethics-deontology": (
        {"ethics_deontology_train.csv": 'label,scenario,excuse\n1,Could you cook?,"No, because I am ill."\n',
         "ethics_deontology_test.csv": "label,scenario,excuse\n0,I am a cook.,So I should run.\n"},
        [Item(text="Could you cook?", answer="\nNo, because I am ill.\nIs this reasonable?", right=1,
              group="Could you cook?"),
         Item(text="I am a cook.", answer="\nSo I should run.\nIs this reasonable?", right=0, group="I am a cook.",
              in_test=True)],
    ),
    "ethics-virtue": (
        {"ethics_virtue_train.csv": "label,scenario\n0,Jo gave all away. [SEP] mean\n",
         "ethics_virtue_test.csv": "label,scenario\n1,Al ran home. [SEP] quick\n"},
        [Item(text="Jo gave all away.", answer=" [SEP] mean", right=0, group="Jo gave all away."),
         Item(text="Al ran home.", answer=" [SEP] quick", right=1, group="Al ran home.", in_test=True)],
    ),
    "ethics-utilitarianism": (
        {"ethics_util_train.csv": '"I ate. Good, too.",I ate. It was bad.\n',
         "ethics_util_test.csv": "I won a lot.,I won.\n"},
        [Item(text="First: I ate. It was bad.\nSecond: I ate. Good, too.", answer=MORE_PLEASANT, right=1,
              group="i ate"),
         Item(text="First: I won.\nSecond: I won a lot.", answer=MORE_PLEASANT, right=1, group="i won a lot",
              in_test=True)],
    ),
    "cola": (
        {"cola_train.tsv": 'gj04\t1\t\tHe said "yes.\n', "cola_val.tsv": "gj04\t0\t*\tHim ran.\n",
         "cola_dev.tsv": "cj99\t0\t??\tRan he.\n"},
        [Item(text='He said "yes.', answer=ENGLISH, right=1), Item(text="Him ran.", answer=ENGLISH, right=0),
         Item(text="Ran he.", answer=ENGLISH, right=0, in_test=True)],
    ),
    "subj": (
        {"subj.txt": "0 a small gem . \n1 jo enters the café . \n"},
        [Item(text="a small gem .", answer="\nIs this sentence objective or subjective?", right=1),
         Item(text="jo enters the café .", answer="\nIs this sentence objective or subjective?", right=0)],
    ),
    "trec": (
        {"trec_train.txt": "2 What is NASA short for ?\n0 What is NASA ?\n", "trec_test.txt": "5 How far is it ?\n"},
        [Item(text=f"Question: {question} ?", right=right, in_test=right == 5,
              answer="\nWhat does it ask for: an abbreviation, an entity, a description, a person, a place or a "
                     "number?")
         for question, right in (("What is NASA short for", 0), ("What is NASA", 2), ("How far is it", 5))],
    ),
    "ag-news": (
        {"ag_news_test.csv": '"3","Stocks","They fell, again."\n'},
        [Item(text="Stocks They fell, again.", answer="\nIs this about world, sports, business or technology?",
              right=2)],
    ),
    "imdb": (
        {"imdb.jsonl": '{"split": "test", "id": "0_2", "stars": 2, "label": 0, "text": "Dull."}\n'
                       '{"split": "train", "id": "1_7", "stars": 7, "label": 1, "text": "Nice."}\n'},
        [Item(text="Nice.", answer=REVIEW, right=1, shown={"difficulty": 3}),
         Item(text="Dull.", answer=REVIEW, right=0, shown={"difficulty": 1}, in_test=True)],
    ),
    "rotten-tomatoes": (
        {"rotten_tomatoes.txt": "0 a café bore . \n1 a joy . \n"},
        [Item(text="a café bore .", answer=REVIEW, right=0), Item(text="a joy .", answer=REVIEW, right=1)],
    ),
    "sst2": (
        {"sst2_train.txt": "1 a joy .\n", "sst2_dev.txt": "0 a bore .\n", "sst2_test.txt": "0 so dull .\n"},
        [Item(text="a joy .", answer=REVIEW, right=1), Item(text="a bore .", answer=REVIEW, right=0, in_test=True),
         Item(text="so dull .", answer=REVIEW, right=0, in_test=True)],
    ),
    "tweet-sentiment": (
        {"tweeteval_sentiment.jsonl": tweets(("val", "nice day", 2), ("test", "a day", 1), ("test", "sad day", 0))},
        [Item(text="nice day", answer="\nIs this tweet negative or positive?", right=1),
         Item(text="sad day", answer="\nIs this tweet negative or positive?", right=0)],
    ),
    "tweet-hate": (
        {"tweeteval_hate.jsonl": tweets(("train", "go away", 1), ("val", "hello", 0), ("test", "be nice", 0))},
        [Item(text="go away", answer="\nIs this tweet hateful?", right=1),
         Item(text="hello", answer="\nIs this tweet hateful?", right=0),
         Item(text="be nice", answer="\nIs this tweet hateful?", right=0, in_test=True)],
    ),
    "tweet-offensive": (
        {"tweeteval_offensive.jsonl": tweets(("train", "go away", 1), ("test", "be nice", 0))},
        [Item(text="go away", answer="\nIs this tweet offensive?", right=1),
         Item(text="be nice", answer="\nIs this tweet offensive?", right=0, in_test=True)],
    ),
    "tweet-irony": (
        {"tweeteval_irony.jsonl": tweets(("train", "so much fun", 1), ("test", "be nice", 0))},
        [Item(text="so much fun", answer="\nIs this tweet ironic?", right=1),
         Item(text="be nice", answer="\nIs this tweet ironic?", right=0, in_test=True)],
    ),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "nlp").mkdir()
    monkeypatch.setenv("W2SLAB_DATA", str(tmp_path))
    return tmp_path / "nlp"


def items_of(name: str, **options: object) -> list[Item]:
    """What the set holds, as items without their groups, which are digests by now."""
    labelled = registry.build("tasks", name, options).load()
    in_test = [False] * len(labelled.examples) if labelled.in_test is None else labelled.in_test.tolist()
    return [
        Item(
            text=row["text"],
            answer=row.get("answer", ""),
            right=right,
            in_test=tested,
            shown={"difficulty": row["difficulty"]} if "difficulty" in row else {},
        )
        for row, (right,), tested in zip(
            labelled.examples.table.to_pylist(), labelled.truth.right, in_test, strict=True
        )
    ]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_files_give_exactly_these_examples(folder, name):
    files, expected = PUBLISHED[name]
    for filename, text in files.items():
        (folder / filename).write_text(text)
    assert items_of(name) == [
        Item(text=e.text, answer=e.answer, right=e.right, in_test=e.in_test, shown=e.shown) for e in expected
    ]


@pytest.mark.parametrize("name", PUBLISHED)
def test_their_groups_are_those_of_the_items(folder, name):
    files, expected = PUBLISHED[name]
    for filename, text in files.items():
        (folder / filename).write_text(text)
    groups = registry.build("tasks", name, {}).load().examples.table.column("group").to_pylist()
    meant = [item.text if item.group is None else item.group for item in expected]
    assert [groups.index(group) for group in groups] == [meant.index(group) for group in meant]


def test_sciq_is_read_from_its_archive_with_validation_and_test_part_as_test(folder):
    with zipfile.ZipFile(folder / "sciq.zip", "w") as archive:
        for part in ("train", "valid", "test"):
            row = {"question": f"What is {part}?", "support": ""}
            row |= {"correct_answer": "a"} | {f"distractor{n}": "b" for n in (1, 2, 3)}
            archive.writestr(f"SciQ dataset-2 3/{part}.json", json.dumps([row]))
            archive.writestr(f"__MACOSX/SciQ dataset-2 3/._{part}.json", b"\0\5\26")
    expected = [both(f"What is {part}?", " a", " b", part != "train") for part in ("train", "valid", "test")]
    assert items_of("sciq") == [Item(text=i.text, answer=i.answer, right=i.right, in_test=i.in_test)
                                for pair in expected for i in pair]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "filename", "text", "said"),
    [
        ("subj", "subj.txt", "0 a gem\n2 a film\n", "subj.txt:2: label: '2'; allowed: 0 to 1"),
        ("ag-news", "ag_news_test.csv", '"0","Stocks","Fell."\n', "ag_news_test.csv:1: class: '0'; allowed: 1, 2"),
        ("cosmosqa", "cosmosqa_valid.csv", "id,label\n1,0\n", 'cosmosqa_valid.csv:2: no field "answer0"'),
        ("tweet-irony", "tweeteval_irony.jsonl", tweets(("test", "so", 2)), "tweeteval_irony.jsonl:1: label: 2;"),
        ("imdb", "imdb.jsonl", '{"text": "a", "label": 1, "stars": 0}\n', "imdb.jsonl:1: stars: 0; allowed: 1 to 10"),
    ],
)  # fmt: skip
def test_a_malformed_line_is_named_by_file_line_and_field(folder, name, filename, text, said):
    (folder / filename).write_text(text)
    with pytest.raises(DataError) as caught:
        registry.build("tasks", name, {}).load()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "files", "said"),
    [
        ("trec", {"trec_train.txt": "6 Why ?\n", "trec_test.txt": "0 Why ?\n"}, "trec_train.txt:1: label: '6'"),
        ("mc-taco", {"mctaco_dev.tsv": "a\tb\tc\tmaybe\td\n", "mctaco_test.tsv": "a\tb\tc\tno\td\n"},
         "mctaco_dev.tsv:1: is_plausible: 'maybe'; allowed: no, yes"),
        ("boolq", {"boolq_nopassage_train.json": '[{"instruction": "Why?", "answer": "true"}]',
                   "boolq_nopassage_test.json": "[]"}, "boolq_nopassage_train.json:1: instruction: no question found"),
        ("arc-easy", {"arc_easy_train.json": '[{"instruction": "Why?", "answer": "answer1"}]',
                      "arc_easy_test.json": "[]"}, "arc_easy_train.json:1: instruction: neither question nor options"),
        ("openbookqa", {"openbookqa_train.json": exam("Q", "a", "b", right=3), "openbookqa_test.json": "[]"},
         "openbookqa_train.json:1: answerKey: 'answer3'; allowed: answer1, answer2"),
    ],
)  # fmt: skip
def test_what_stands_for_a_label_is_checked_in_files_of_several_parts(folder, name, files, said):
    for filename, text in files.items():
        (folder / filename).write_text(text)
    with pytest.raises(DataError) as caught:
        registry.build("tasks", name, {}).load()
    assert said in str(caught.value)
