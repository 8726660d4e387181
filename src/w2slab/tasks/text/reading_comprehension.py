"""Named sets of questions on a passage or a dialogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial

from w2slab.data.readers.row import converted
from w2slab.tasks.text.named import (
    Dropped,
    Item,
    LocalPart,
    MultipleChoice,
    NamedTask,
    Question,
    Row,
    Source,
    read_rows,
)
from w2slab.tasks.text.questions import answers, asked

NONE_OF_THEM = "None of the above choices ."
MC_TACO_COLUMNS = ("sentence", "question", "answer", "is_plausible", "category")


def _question_alone(row: Row) -> Row:
    pattern = r".*?, question: (.*)\n\nAnswer format: true/false"
    match = re.fullmatch(pattern, row.text("instruction"), flags=re.DOTALL)
    if match is None:
        raise row.error("instruction: no question found; allowed: `..., question: ...`, an empty line, the format")
    return row.but(question=match[1])


class Boolq(NamedTask):
    """BoolQ: yes or no questions that people typed into a search engine, and a passage (Clark et al. 2019).

    Test: validation part, since labels of the test part are not public. Group: the passage. The local files have
    questions only, which is another and a harder task; there the question is the group.
    """

    source = Source("google/boolq", None, train=("train",), test=("validation",))
    local = (
        LocalPart("boolq_nopassage_train.json.gz", "train", adapt=_question_alone),
        LocalPart("boolq_nopassage_test.json.gz", "test", adapt=_question_alone),
    )
    classes = ("no", "yes")

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        question = f"Question: {row.text('question').strip().rstrip('?')}?"
        right = row.but(answer=str(row.value("answer")).lower()).label("answer", ("false", "true"))
        if "passage" in row.values:
            yield Item(text=row.text("passage").strip(), answer=f"\n{question}", right=right, group=row.text("passage"))
        else:
            yield Item(text=question, right=right)


class CosmosQa(MultipleChoice):
    """Cosmos QA: what a personal story leaves unsaid, one answer of four (Huang et al. 2019).

    Test: validation part, since labels of the test part are not public. The local file is that validation part alone;
    all of it is one pool, from which a study draws its own test part. Group: the story.

    In the form `items`, "None of the above choices ." is never shown, since it means nothing without the others;
    questions to which it is the answer are left out.
    """

    source = Source("allenai/cosmos_qa", None, train=("train",), test=("validation",))
    local = (LocalPart("cosmosqa_valid.csv.gz", "train"),)

    def question(self, row: Row) -> Question | Dropped:
        """The question of one row."""
        options = [row.text(f"answer{number}") for number in range(4)]
        best = options[row.label("label", 4)]
        if self.form == "items":
            options = [option for option in options if option.strip() != NONE_OF_THEM]
            if best not in options:
                return Dropped("question whose right answer is none of the others")
        text = asked(row.text("question"), row.text("context"))
        return Question(text, answers(*options), [options.index(best)], group=row.text("context"))


class Dream(MultipleChoice):
    """DREAM: questions on dialogues from exams of English, one answer of three (Sun et al. 2019).

    Test: test part; the validation part is learned from. Group: the dialogue.
    """

    source = Source("dataset-org/dream", None, train=("train", "validation"), test=("test",))

    def question(self, row: Row) -> Question | Dropped:
        """The question of one row."""
        dialogue = "\n".join(row.texts("dialogue"))
        options = row.texts("choice")
        return Question(
            asked(row.text("question"), dialogue), answers(*options), [row.label("answer", options)], group=dialogue
        )


class Quail(MultipleChoice):
    """QuAIL: nine kinds of questions on a passage, some without an answer in it, four options (Rogers et al. 2020).

    Test: validation part; the small adversarial part `challenge` is left out. Group: the passage.
    """

    source = Source("textmachinelab/quail", None, train=("train",), test=("validation",))

    def question(self, row: Row) -> Question | Dropped:
        """The question of one row."""
        options = answers(*row.texts("answers"))
        text = asked(row.text("question"), row.text("context"))
        return Question(text, options, [row.label("correct_answer_id", len(options))], group=row.text("context"))


class _AnswerPerRow(MultipleChoice):
    """A set with one answer in each row, of which several may be right."""

    passage = ""

    def judged(self, row: Row) -> int:
        """Return 1 if the answer of a row is right, else 0."""
        return row.label("label", 2)

    def questions(self, rows: Iterable[Row]) -> Iterator[Question | Dropped]:
        """Rows of one passage and question are one question."""
        found: dict[tuple[str, str], list[tuple[str, int]]] = {}
        for passage, question, answer, right in converted(
            rows, lambda row: (row.text(self.passage), row.text("question"), row.text("answer"), self.judged(row))
        ):
            found.setdefault((passage, question), []).append((answer, right))
        for (passage, question), given in found.items():
            options = answers(*(answer for answer, _ in given))
            rights = [position for position, (_, right) in enumerate(given) if right]
            yield Question(asked(question, passage), options, rights, group=passage)


class MultiRc(_AnswerPerRow):
    """MultiRC: questions on a paragraph that need several of its sentences, any number of right answers (SuperGLUE).

    Khashabi et al. 2018. Test: validation part, since labels of the test part are not public. Group: the paragraph. The
    form `options` keeps the questions with one right answer.
    """

    source = Source("aps/super_glue", "multirc", train=("train",), test=("validation",))
    passage = "paragraph"


class McTaco(_AnswerPerRow):
    """MC-TACO: is this a plausible answer to a question on time (how long, how often, when)? (Zhou et al. 2019).

    The set has no training part: its validation part is learned from. Test: test part. Group: the sentence. The form
    `options` keeps the questions with one plausible answer.
    """

    source = Source("CogComp/mc_taco", None, train=("validation",), test=("test",))
    local = (
        LocalPart("mctaco_dev.tsv.gz", "train", partial(read_rows, columns=MC_TACO_COLUMNS, quoted=False)),
        LocalPart("mctaco_test.tsv.gz", "test", partial(read_rows, columns=MC_TACO_COLUMNS, quoted=False)),
    )
    passage = "sentence"

    def judged(self, row: Row) -> int:
        """Return 1 if the answer of a row is right, else 0."""
        return row.label("is_plausible", ("no", "yes")) if "is_plausible" in row.values else super().judged(row)
