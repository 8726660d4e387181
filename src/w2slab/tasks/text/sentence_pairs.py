"""Named sets on the form and the meaning of sentences: alone, in pairs, and questions by what they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from w2slab.tasks.text.named import Dropped, Item, LocalPart, NamedTask, Row, Source, read_rows

COLA_ROWS = partial(read_rows, columns=("source", "label", "mark", "sentence"), quoted=False)


def _trec_on_hub(row: Row) -> Row:
    """The local files have description and abbreviation the other way round."""
    return row.but(coarse_label=(2, 1, 0, 3, 4, 5)[row.label("label", 6)])


class AnliR2(NamedTask):
    """ANLI, round 2: does the premise entail a hypothesis written to mislead a model? (Nie et al. 2019).

    Neutral and contradiction are one class, as in the paper. Test: test part; the validation part is learned from.
    Group: the premise.
    """

    source = Source("facebook/anli", None, train=("train_r2", "dev_r2"), test=("test_r2",))
    classes = ("not entailed", "entailed")

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        premise, hypothesis = row.text("premise").strip(), row.text("hypothesis").strip()
        yield Item(
            text=f"Premise: {premise}",
            answer=f"\nHypothesis: {hypothesis}\nDoes the premise entail the hypothesis?",
            right=int(row.label("label", 3) == 0),
            group=premise,
        )


class Cola(NamedTask):
    """CoLA: is this English sentence acceptable to a linguist? (GLUE; Warstadt et al. 2019).

    Test: validation part, since labels of the test part are not public. Group: the sentence.
    """

    source = Source("nyu-mll/glue", "cola", train=("train",), test=("validation",))
    local = (
        LocalPart("cola_train.tsv.gz", "train", COLA_ROWS),
        LocalPart("cola_val.tsv.gz", "train", COLA_ROWS),
        LocalPart("cola_dev.tsv.gz", "test", COLA_ROWS),
    )
    classes = ("unacceptable", "acceptable")

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        yield Item(
            text=row.text("sentence").strip(),
            answer="\nIs this sentence acceptable English?",
            right=row.label("label", 2),
        )


class Paws(NamedTask):
    """PAWS: do two sentences of nearly the same words mean the same? (Zhang et al. 2019).

    Test: test part; the validation part is learned from. Group: the words of the first sentence in any order, so that
    rearrangements of one sentence stay together.
    """

    source = Source("google-research-datasets/paws", "labeled_final", train=("train", "validation"), test=("test",))
    classes = ("different", "same")

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        first, second = row.text("sentence1").strip(), row.text("sentence2").strip()
        yield Item(
            text=f"Sentence 1: {first}",
            answer=f"\nSentence 2: {second}\nDo the two sentences mean the same?",
            right=row.label("label", 2),
            group=" ".join(sorted(first.lower().split())),
        )


class Subj(NamedTask):
    """Subjectivity: does a sentence tell the plot of a film or an opinion on it? (Pang and Lee 2004).

    Test: test part on the hub; the local file has none, so that a study draws its own. Group: the sentence.
    """

    source = Source("SetFit/subj", None, train=("train",), test=("test",))
    local = (LocalPart("subj.txt.gz", "train", adapt=lambda row: row.but(label=1 - row.label("label", 2))),)
    classes = ("objective", "subjective")

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        yield Item(
            text=row.text("text").strip(),
            answer="\nIs this sentence objective or subjective?",
            right=row.label("label", 2),
        )


class Trec(NamedTask):
    """TREC: what kind of thing does a question ask for? six classes (Li and Roth 2002).

    Test: test part. Group: the question.
    """

    source = Source("CogComp/trec", None, train=("train",), test=("test",))
    local = (
        LocalPart("trec_train.txt.gz", "train", adapt=_trec_on_hub),
        LocalPart("trec_test.txt.gz", "test", adapt=_trec_on_hub),
    )
    classes = ("abbreviation", "entity", "description", "person", "place", "number")

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        yield Item(
            text=f"Question: {row.text('text').strip()}",
            answer="\nWhat does it ask for: an abbreviation, an entity, a description, a person, a place or a number?",
            right=row.label("coarse_label", 6),
        )


class Wic(NamedTask):
    """WiC: has a word the same meaning in two sentences? (SuperGLUE; Pilehvar and Camacho-Collados 2019).

    Test: validation part, since labels of the test part are not public. Group: the word.
    """

    source = Source("aps/super_glue", "wic", train=("train",), test=("validation",))
    classes = ("different", "same")

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        word = row.text("word").strip()
        yield Item(
            text=f"Sentence 1: {row.text('sentence1').strip()}\nSentence 2: {row.text('sentence2').strip()}",
            answer=f'\nDoes "{word}" mean the same in both sentences?',
            right=row.label("label", 2),
            group=word.lower(),
        )
