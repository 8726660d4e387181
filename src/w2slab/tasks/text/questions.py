"""Named sets of multiple-choice questions on science and everyday life that are read without a long passage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from w2slab.tasks.text.named import Dropped, LocalPart, MultipleChoice, Question, Row, Source, read_rows


def asked(question: str, context: str = "") -> str:
    """A question, what is read before it, and the cue after which an answer stands."""
    before = f"{context.strip()}\n" if context.strip() else ""
    return f"{before}Question: {question.strip()}\nAnswer:"


def answers(*texts: str) -> tuple[str, ...]:
    """Answers as they follow the cue: each after one space."""
    return tuple(f" {text.strip()}" for text in texts)


def lettered(row: Row) -> tuple[tuple[str, ...], int]:
    """The options of `choices` (lists `text` and `label`) and the position of the one that `answerKey` names.

    Raises:
        RowError: They are malformed, or the key names none of them.
    """
    choices = row.value("choices")
    if not isinstance(choices, Mapping):
        raise row.error(f"choices: {choices!r}; an object with the lists text and label is needed")
    spread = row.but(**{f"choices.{name}": choices.get(name) for name in ("text", "label")})
    texts, labels = spread.texts("choices.text"), spread.texts("choices.label")
    if len(texts) != len(labels):
        raise row.error(f"choices: {len(texts)} texts and {len(labels)} labels; there must be as many of both")
    return answers(*texts), row.label("answerKey", labels)


def from_instruction(row: Row, *, question: str) -> Row:
    """A row whose question and options stand in one text, with the columns of the hub.

    Args:
        row: `instruction` ("... question: Q", an empty line, "Answer1: A Answer2: B ...") and `answer` ("answer2").
        question: The hub's name for the question.

    Raises:
        RowError: The text has another form.
    """
    pattern = r".*? question: (.*)\n\nAnswer1: (.*)\n\nAnswer format: .*"
    match = re.fullmatch(pattern, row.text("instruction"), flags=re.DOTALL)
    if match is None:
        raise row.error("instruction: neither question nor options found; allowed: `question: ...`, `Answer1: ...`")
    texts = re.split(r"\s*Answer\d+: ", match[2])
    labels = [f"answer{number}" for number in range(1, len(texts) + 1)]
    return row.but(**{question: match[1]}, choices={"text": texts, "label": labels}, answerKey=row.value("answer"))


@dataclass(frozen=True)
class Sciq(MultipleChoice):
    """SciQ: science exam questions written by a crowd, one right answer of four (Welbl et al. 2017).

    Test: validation and test part. Group: the question.

    Args:
        support: Whether the passage from which a question was made is read first; where there is one, it mostly
            contains the right answer.
    """

    support: bool = False

    source = Source("allenai/sciq", None, train=("train",), test=("validation", "test"))
    local = (
        LocalPart("sciq.zip", "train", partial(read_rows, member="train.json")),
        LocalPart("sciq.zip", "test", partial(read_rows, member="valid.json")),
        LocalPart("sciq.zip", "test", partial(read_rows, member="test.json")),
    )

    def question(self, row: Row) -> Question | Dropped:
        """The question of one row."""
        text = asked(row.text("question"), row.text("support") if self.support else "")
        options = answers(*(row.text(name) for name in ("correct_answer", "distractor1", "distractor2", "distractor3")))
        return Question(text, options, right=[0], group=row.text("question"))


class LetteredQuestions(MultipleChoice):
    """Questions whose options have letters, one of which is the key."""

    asks: ClassVar[str] = "question"

    def question(self, row: Row) -> Question | Dropped:
        """The question of one row."""
        options, right = lettered(row)
        stem = row.text(self.asks)
        return Question(asked(stem), options, [right], group=stem)


class OpenBookQa(LetteredQuestions):
    """OpenBookQA: elementary science questions that need a fact and common sense (Mihaylov et al. 2018).

    Test: test part; the validation part is learned from; the local files have none. Group: the question.
    """

    source = Source("allenai/openbookqa", "main", train=("train", "validation"), test=("test",))
    local = (
        LocalPart("openbookqa_train.json.gz", "train", adapt=partial(from_instruction, question="question_stem")),
        LocalPart("openbookqa_test.json.gz", "test", adapt=partial(from_instruction, question="question_stem")),
    )
    asks = "question_stem"


class ArcEasy(LetteredQuestions):
    """ARC-Easy: school science questions that simple retrieval answers, three to five options (Clark et al. 2018).

    Test: test part; the validation part is learned from; the local files have none. Group: the question.
    """

    source = Source("allenai/ai2_arc", "ARC-Easy", train=("train", "validation"), test=("test",))
    local = (
        LocalPart("arc_easy_train.json.gz", "train", adapt=partial(from_instruction, question="question")),
        LocalPart("arc_easy_test.json.gz", "test", adapt=partial(from_instruction, question="question")),
    )


class Hellaswag(MultipleChoice):
    """HellaSwag: which of four sentences goes on with a description of an activity? (Zellers et al. 2019).

    Test: validation part, since labels of the test part are not public. Group: the video or article it is from.
    """

    source = Source("Rowan/hellaswag", None, train=("train",), test=("validation",))

    def question(self, row: Row) -> Question | Dropped:
        """The beginning of one row and its endings."""
        options = answers(*row.texts("endings"))
        text = f"{row.text('activity_label').strip()}: {row.text('ctx').strip()}"
        return Question(text, options, [row.label("label", len(options))], group=row.text("source_id"))


class Piqa(MultipleChoice):
    """PIQA: which of two ways reaches an everyday physical goal? (Bisk et al. 2020).

    Test: validation part, since labels of the test part are not public. Group: the goal.
    """

    source = Source("ybisk/piqa", None, train=("train",), test=("validation",))

    def question(self, row: Row) -> Question | Dropped:
        """The goal of one row and its two solutions."""
        options = answers(row.text("sol1"), row.text("sol2"))
        text = f"Goal: {row.text('goal').strip()}\nSolution:"
        return Question(text, options, [row.label("label", 2)], group=row.text("goal"))


class Quartz(MultipleChoice):
    """QuaRTz: two-way questions on how one quantity changes with another, beside a rule (Tafjord et al. 2019).

    Test: test part; the validation part is learned from. Group: the rule.
    """

    source = Source("allenai/quartz", None, train=("train", "validation"), test=("test",))

    def question(self, row: Row) -> Question | Dropped:
        """The question of one row."""
        options, right = lettered(row)
        return Question(asked(row.text("question"), row.text("para")), options, [right], group=row.text("para"))


class SocialIqa(MultipleChoice):
    """Social IQa: what people in a situation want, feel or do next, one answer of three (Sap et al. 2019).

    Test: validation part, since the hub has no test part. Group: the situation.
    """

    source = Source("allenai/social_i_qa", None, train=("train",), test=("validation",))

    def question(self, row: Row) -> Question | Dropped:
        """The question of one row."""
        options = answers(*(row.text(f"answer{letter}") for letter in "ABC"))
        text = asked(row.text("question"), row.text("context"))
        return Question(text, options, [row.label("label", ("1", "2", "3"))], group=row.text("context"))
