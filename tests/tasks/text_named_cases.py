"""A row of each named set as it is on the hub, and the examples it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from w2slab.tasks.text.item import Item


@dataclass(frozen=True)
class Case:
    """A row of the hub: where it is, what becomes of it, and a value that must be refused with what is said then."""

    hub: str
    row: dict[str, Any]
    items: list[Item]
    refused: tuple[str, Any, str]
    more_rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [self.row, *self.more_rows]


def wrong_and_right(text: str, wrong: str, right: str, group: str) -> list[Item]:
    return [
        Item(text=text, answer=right, right=1, group=group),
        Item(text=text, answer=wrong, right=0, group=group),
    ]


SPORT = "Sports: A man is on a roof. He"
FOUR = {"text": ["sun", "rain"], "label": ["A", "B"]}
DIALOGUE = ["W: Tea?", "M: Coffee, please."]

CASES = {
    # --- questions ---
    "sciq": Case(
        "allenai/sciq default train | validation test",
        {"question": "What is wet?", "correct_answer": "water", "distractor1": "sand", "distractor2": "sand",
         "distractor3": "sand", "support": "Water is wet."},
        wrong_and_right("Question: What is wet?\nAnswer:", " sand", " water", "What is wet?"),
        ("correct_answer", None, "train.parquet:1: correct_answer: is empty"),
    ),
    "openbookqa": Case(
        "allenai/openbookqa main train validation | test",
        {"id": "7-980", "question_stem": "A plant needs", "choices": FOUR, "answerKey": "A"},
        wrong_and_right("Question: A plant needs\nAnswer:", " rain", " sun", "A plant needs"),
        ("answerKey", "E", "train.parquet:1: answerKey: 'E'; allowed: A, B"),
    ),
    "arc-easy": Case(
        "allenai/ai2_arc ARC-Easy train validation | test",
        {"id": "M_7", "question": "What warms?", "choices": {"text": ["sun", "rain"], "label": ["1", "2"]},
         "answerKey": "2"},
        wrong_and_right("Question: What warms?\nAnswer:", " sun", " rain", "What warms?"),
        ("choices", {"text": ["sun"], "label": ["1", "2"]}, "choices: 1 texts and 2 labels"),
    ),
    "hellaswag": Case(
        "Rowan/hellaswag default train | validation",
        {"ind": 4, "activity_label": "Sports", "ctx_a": "A man is on a roof.", "ctx_b": "he",
         "ctx": "A man is on a roof. He", "endings": ["sings.", "climbs down."], "source_id": "activitynet~v_1",
         "split": "train", "split_type": "indomain", "label": "1"},
        wrong_and_right(SPORT, " sings.", " climbs down.", "activitynet~v_1"),
        ("label", "2", "train.parquet:1: label: '2'; allowed: 0 to 1"),
    ),
    "piqa": Case(
        "ybisk/piqa plain_text train | validation",
        {"goal": "To dry hair,", "sol1": "use a towel.", "sol2": "use a spoon.", "label": 0},
        wrong_and_right("Goal: To dry hair,\nSolution:", " use a spoon.", " use a towel.", "To dry hair,"),
        ("label", -1, "label: -1; allowed: 0 to 1"),
    ),
    "quartz": Case(
        "allenai/quartz default train validation | test",
        {"id": "QRQA-10", "question": "Less sun is", "choices": {"text": ["warmer", "colder"], "label": ["A", "B"]},
         "answerKey": "B", "para": "Sun warms.", "para_id": "Q-1"},
        wrong_and_right("Sun warms.\nQuestion: Less sun is\nAnswer:", " warmer", " colder", "Sun warms."),
        ("answerKey", "C", "answerKey: 'C'; allowed: A, B"),
    ),
    "social-iqa": Case(
        "allenai/social_i_qa default train | validation",
        {"context": "Kim fell.", "question": "What does Kim want?", "answerA": "help", "answerB": "cake",
         "answerC": "cake", "label": "1"},
        wrong_and_right("Kim fell.\nQuestion: What does Kim want?\nAnswer:", " cake", " help", "Kim fell."),
        ("label", "0", "label: '0'; allowed: 1, 2, 3"),
    ),
    # --- passages ---
    "boolq": Case(
        "google/boolq default train | validation",
        {"question": "is tea a drink", "answer": True, "passage": "Tea is drunk hot."},
        [Item(text="Tea is drunk hot.", answer="\nQuestion: is tea a drink?", right=1, group="Tea is drunk hot.")],
        ("answer", "maybe", "answer: 'maybe'; allowed: false, true"),
    ),
    "cosmosqa": Case(
        "allenai/cosmos_qa default train | validation",
        {"id": "3Q9#", "context": "It rained .", "question": "Why stay in ?", "answer0": "None of the above choices .",
         "answer1": "The rain .", "answer2": "The sun .", "answer3": "The sun .", "label": 1},
        wrong_and_right("It rained .\nQuestion: Why stay in ?\nAnswer:", " The sun .", " The rain .", "It rained ."),
        ("label", -1, "label: -1; allowed: 0 to 3"),
    ),
    "dream": Case(
        "dataset-org/dream plain_text train validation | test",
        {"id": 1, "dialogue_id": "5-510", "dialogue": DIALOGUE, "question": "What will he drink?",
         "choice": ["Tea.", "Coffee."], "answer": "Coffee."},
        wrong_and_right("W: Tea?\nM: Coffee, please.\nQuestion: What will he drink?\nAnswer:", " Tea.", " Coffee.",
                        "W: Tea?\nM: Coffee, please."),
        ("answer", "Milk.", "answer: 'Milk.'; allowed: Tea., Coffee."),
    ),
    "quail": Case(
        "textmachinelab/quail quail train | validation",
        {"id": "f1_0", "context_id": "f1", "question_id": "0", "domain": "fiction", "context": "Ann slept.",
         "question": "Who slept?", "question_type": "Factual", "answers": ["Ann", "Bob"], "correct_answer_id": 0},
        wrong_and_right("Ann slept.\nQuestion: Who slept?\nAnswer:", " Bob", " Ann", "Ann slept."),
        ("correct_answer_id", 2, "correct_answer_id: 2; allowed: 0 to 1"),
    ),
    "multirc": Case(
        "aps/super_glue multirc train | validation",
        {"paragraph": "Al and Bo ran.", "question": "Who ran?", "answer": "Al",
         "idx": {"paragraph": 0, "question": 0, "answer": 0}, "label": 1},
        wrong_and_right("Al and Bo ran.\nQuestion: Who ran?\nAnswer:", " Cy", " Al", "Al and Bo ran."),
        ("label", -1, "label: -1; allowed: 0 to 1"),
        [{"paragraph": "Al and Bo ran.", "question": "Who ran?", "answer": "Cy",
          "idx": {"paragraph": 0, "question": 0, "answer": 1}, "label": 0}],
    ),
    "mc-taco": Case(
        "CogComp/mc_taco plain_text validation | test",
        {"sentence": "They met.", "question": "How long?", "answer": "an hour", "label": 1, "category": 0},
        wrong_and_right("They met.\nQuestion: How long?\nAnswer:", " a century", " an hour", "They met."),
        ("label", 2, "label: 2; allowed: 0 to 1"),
        [{"sentence": "They met.", "question": "How long?", "answer": "a century", "label": 0, "category": 0}],
    ),
    # --- ethics ---
    "ethics-justice": Case(
        "hendrycks/ethics justice train | validation",
        {"label": 1, "scenario": "I walk with Bo but not today because Bo is ill."},
        [Item(text="I walk with Bo but not today because Bo is ill.", answer="\nIs this reasonable?", right=1,
              group="I walk with Bo but not today")],
        ("label", 2, "label: 2; allowed: 0 to 1"),
    ),
    "ethics-deontology": Case(
        "hendrycks/ethics deontology train | validation",
        {"label": 0, "scenario": "Could you wash up?", "excuse": "No because I like dishes."},
        [Item(text="Could you wash up?", answer="\nNo because I like dishes.\nIs this reasonable?", right=0,
              group="Could you wash up?")],
        ("label", "x", "label: 'x'; allowed: 0 to 1"),
    ),
    "ethics-virtue": Case(
        "hendrycks/ethics virtue train | validation",
        {"label": 1, "scenario": "Jo gave all away. [SEP] generous"},
        [Item(text="Jo gave all away.", answer=" [SEP] generous", right=1, group="Jo gave all away.")],
        ("scenario", "Jo gave all away.", "scenario: no trait; `scenario [SEP] trait` is needed"),
    ),
    "ethics-utilitarianism": Case(
        "hendrycks/ethics utilitarianism train | validation",
        {"baseline": "I ate. It was good.", "less_pleasant": "I ate. It was bad."},
        [Item(text="First: I ate. It was bad.\nSecond: I ate. It was good.",
              answer="\nWhich is more pleasant, the first or the second?", right=1, group="i ate")],
        ("less_pleasant", 3, "less_pleasant: 3 is a number; text is needed"),
    ),
    # --- sentences ---
    "anli-r2": Case(
        "facebook/anli plain_text train_r2 dev_r2 | test_r2",
        {"uid": "u1", "premise": "Al ran.", "hypothesis": "Al moved.", "label": 0, "reason": ""},
        [Item(text="Premise: Al ran.", answer="\nHypothesis: Al moved.\nDoes the premise entail the hypothesis?",
              right=1, group="Al ran.")],
        ("label", 3, "label: 3; allowed: 0 to 2"),
    ),
    "cola": Case(
        "nyu-mll/glue cola train | validation",
        {"sentence": "Him ran.", "label": 0, "idx": 0},
        [Item(text="Him ran.", answer="\nIs this sentence acceptable English?", right=0)],
        ("label", -1, "label: -1; allowed: 0 to 1"),
    ),
    "paws": Case(
        "google-research-datasets/paws labeled_final train validation | test",
        {"id": 1, "sentence1": "Bo hit Al", "sentence2": "Al hit Bo", "label": 0},
        [Item(text="Sentence 1: Bo hit Al", answer="\nSentence 2: Al hit Bo\nDo the two sentences mean the same?",
              right=0, group="al bo hit")],
        ("label", 2, "label: 2; allowed: 0 to 1"),
    ),
    "subj": Case(
        "SetFit/subj default train | test",
        {"text": "a small gem .", "label": 1, "label_text": "subjective"},
        [Item(text="a small gem .", answer="\nIs this sentence objective or subjective?", right=1)],
        ("label", 2, "label: 2; allowed: 0 to 1"),
    ),
    "trec": Case(
        "CogComp/trec default train | test",
        {"text": "Who ran ?", "coarse_label": 3, "fine_label": 29},
        [Item(text="Question: Who ran ?", right=3,
              answer="\nWhat does it ask for: an abbreviation, an entity, a description, a person, a place or a "
                     "number?")],
        ("coarse_label", 6, "coarse_label: 6; allowed: 0 to 5"),
    ),
    "wic": Case(
        "aps/super_glue wic train | validation",
        {"word": "bank", "sentence1": "A river bank.", "sentence2": "A bank lends.", "start1": 8, "start2": 2,
         "end1": 12, "end2": 6, "idx": 0, "label": 0},
        [Item(text="Sentence 1: A river bank.\nSentence 2: A bank lends.",
              answer='\nDoes "bank" mean the same in both sentences?', right=0, group="bank")],
        ("label", True, "label: True; allowed: 0 to 1"),
    ),
    # --- opinions ---
    "ag-news": Case(
        "fancyzhx/ag_news default train | test",
        {"text": "Stocks fell today.", "label": 2},
        [Item(text="Stocks fell today.", answer="\nIs this about world, sports, business or technology?", right=2)],
        ("label", 4, "label: 4; allowed: 0 to 3"),
    ),
    "amazon-polarity": Case(
        "fancyzhx/amazon_polarity amazon_polarity train | test",
        {"label": 1, "title": "Fine", "content": "It works."},
        [Item(text="Fine\nIt works.", answer="\nIs this review negative or positive?", right=1)],
        ("label", 2, "label: 2; allowed: 0 to 1"),
    ),
    "anthropic-hh": Case(
        "Anthropic/hh-rlhf default train | test",
        {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello!", "rejected": "\n\nHuman: Hi\n\nAssistant: What?"},
        [Item(text="Human: Hi\n\nAssistant:", answer=" Hello!", right=1, group="Human: Hi")],
        ("rejected", None, "rejected: is empty"),
    ),
    "imdb": Case(
        "stanfordnlp/imdb plain_text train | test",
        {"text": "Dull.<br /><br />Bad.", "label": 0},
        [Item(text="Dull.\n\nBad.", answer="\nIs this review negative or positive?", right=0)],
        ("label", -1, "label: -1; allowed: 0 to 1"),
    ),
    "rotten-tomatoes": Case(
        "cornell-movie-review-data/rotten_tomatoes default train validation | test",
        {"text": "a joy . ", "label": 1},
        [Item(text="a joy .", answer="\nIs this review negative or positive?", right=1)],
        ("label", "good", "label: 'good'; allowed: 0 to 1"),
    ),
    "sst2": Case(
        "nyu-mll/glue sst2 train | validation",
        {"sentence": "a joy ", "label": 1, "idx": 0},
        [Item(text="a joy", answer="\nIs this review negative or positive?", right=1)],
        ("label", -1, "label: -1; allowed: 0 to 1"),
    ),
    "tweet-hate": Case(
        "cardiffnlp/tweet_eval hate train validation | test",
        {"text": "@user go away", "label": 1},
        [Item(text="@user go away", answer="\nIs this tweet hateful?", right=1)],
        ("label", 2, "label: 2; allowed: 0 to 1"),
    ),
    "tweet-irony": Case(
        "cardiffnlp/tweet_eval irony train validation | test",
        {"text": "so much fun", "label": 1},
        [Item(text="so much fun", answer="\nIs this tweet ironic?", right=1)],
        ("label", 2, "label: 2; allowed: 0 to 1"),
    ),
    "tweet-offensive": Case(
        "cardiffnlp/tweet_eval offensive train validation | test",
        {"text": "nice day", "label": 0},
        [Item(text="nice day", answer="\nIs this tweet offensive?", right=0)],
        ("label", 2, "label: 2; allowed: 0 to 1"),
    ),
    "tweet-sentiment": Case(
        "cardiffnlp/tweet_eval sentiment train validation | test",
        {"text": "nice day", "label": 2},
        [Item(text="nice day", answer="\nIs this tweet negative or positive?", right=1)],
        ("label", 3, "label: 3; allowed: 0 to 2"),
    ),
}  # fmt: skip
