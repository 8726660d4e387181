"""Named sets of preferences: two answers to one prompt, of which one was preferred (Burns et al. 2023, section 3).

The answers of a pair stand in an order that follows from their texts alone; pairs of one prompt are never parted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import ClassVar, Literal

from w2slab.data.readers.row import converted
from w2slab.tasks.text.choices import TURN, dialogues, pair
from w2slab.tasks.text.named import Dropped, Item, LocalPart, NamedTask, Row, Source, read_rows

TIE = Dropped("tie")


@dataclass(frozen=True)
class Preferences(NamedTask):
    """Base of all of them: each example has two candidates of its own."""

    balanced: ClassVar[bool] = False


def asked(prompt: str) -> str:
    """A prompt as the beginning of a dialogue, up to the answer."""
    return f"Human: {prompt.strip()}{TURN}"


def answer(text: str) -> str:
    """An answer as it follows a colon."""
    return f" {text.strip()}"


@dataclass(frozen=True)
class HhRlhf(Preferences):
    """Anthropic HH-RLHF (Bai et al. 2022): which answer of an assistant is the more helpful or harmless?

    Args:
        part: Which of its four parts.
    """

    part: Literal["harmless-base", "helpful-base", "helpful-online", "helpful-rejection-sampled"] = "harmless-base"

    # The hub's Parquet branch has all parts in one; they lie apart, as JSON Lines, on its main branch.
    source = Source("Anthropic/hh-rlhf", None, train=("train",), test=("test",), branch="main")

    def hub_source(self) -> Source:
        """The part."""
        return replace(super().hub_source(), config=self.part)

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """Two dialogues with a common beginning. Group: the first turn, as several pairs may be of one dialogue."""
        made = dialogues(row.text("chosen"), row.text("rejected"))
        yield made if isinstance(made, Dropped) else replace(made, group=made.text.partition(TURN)[0])


class HhSingleTurn(Preferences):
    """Single-turn harmless pairs of HH-RLHF, from local files only (4,000 + 4,000 and 4,000 to test)."""

    local = (
        LocalPart("hh_single_turn_harmless_train_gt.jsonl.gz", "train"),
        LocalPart("hh_single_turn_harmless_train_w2s.jsonl.gz", "train"),
        LocalPart("hh_single_turn_harmless_test.jsonl.gz", "test"),
    )

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """Two dialogues with a common beginning."""
        yield dialogues(row.text("chosen"), row.text("rejected"))


class Shp(Preferences):
    """SHP (Ethayarajh et al. 2022): which comment on a post has the higher score although it came later?"""

    source = Source("stanfordnlp/SHP", train=("train", "validation"), test=("test",))

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """A post and two comments; `labels` is 1 where A is preferred."""
        one, other = answer(row.text("human_ref_A")), answer(row.text("human_ref_B"))
        better, worse = (one, other) if row.label("labels", 2) else (other, one)
        yield pair(f"Post: {row.text('history').strip()}\n\nComment:", better, worse)


@dataclass(frozen=True)
class HelpSteer(Preferences):
    """HelpSteer (Wang et al. 2023, 2024): which of two answers was rated the more helpful?

    Every two answers to one prompt that differ in `helpfulness` are a pair; those that do not are counted as ties.

    Args:
        version: HelpSteer (up to four answers to a prompt) or HelpSteer2 (two).
    """

    version: Literal[1, 2] = 2

    source = Source("nvidia/HelpSteer2", train=("train",), test=("validation",))

    def hub_source(self) -> Source:
        """The version."""
        return replace(super().hub_source(), repo="nvidia/HelpSteer" if self.version == 1 else "nvidia/HelpSteer2")

    def read(self, rows: Iterable[Row]) -> Iterator[Item | Dropped]:
        """The pairs of each prompt; a row is one answer."""
        answers: dict[str, dict[str, float]] = {}
        for prompt, text, helpfulness in converted(rows, self._rated):
            answers.setdefault(prompt, {}).setdefault(text, helpfulness)
        for prompt, rated in answers.items():
            for one, other in combinations(rated, 2):
                if rated[one] == rated[other]:
                    yield TIE
                else:
                    better, worse = (one, other) if rated[one] > rated[other] else (other, one)
                    yield pair(prompt, better, worse)

    def _rated(self, row: Row) -> tuple[str, str, float]:
        return asked(row.text("prompt")), answer(row.text("response")), row.number("helpfulness")


class UltraFeedback(Preferences):
    """UltraFeedback, binarized (Cui et al. 2023): which of two answers did a large language model prefer?"""

    source = Source("HuggingFaceH4/ultrafeedback_binarized", train=("train_prefs",), test=("test_prefs",))

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """The last messages of two dialogues; equal scores are a tie."""
        if row.number("score_chosen") == row.number("score_rejected"):
            yield TIE
            return
        better, worse = (row.nested_list(name) for name in ("chosen", "rejected"))
        if not better or not worse:
            raise row.error("chosen, rejected: a list of messages is empty")
        yield pair(asked(row.text("prompt")), answer(better[-1].text("content")), answer(worse[-1].text("content")))


class SummarizeFromFeedback(Preferences):
    """TL;DR comparisons (Stiennon et al. 2020): which summary of a post did people prefer?"""

    source = Source("openai/summarize_from_feedback", "comparisons", train=("train",), test=("validation",))

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """A post, or in the test part a news article, and two summaries; `choice` is the better one's position."""
        info, summaries = row.nested("info"), row.nested_list("summaries")
        if len(summaries) != 2:
            raise row.error(f"summaries: {len(summaries)}; 2 are needed")
        better = row.label("choice", 2)
        texts = [answer(summary.text("text")) for summary in summaries]
        if info.get("post"):
            title = f"Title: {info.text('title').strip()}\n\n" if info.get("title") else ""
            text = f"{title}Post: {info.text('post').strip()}\n\nTL;DR:"
        else:
            text = f"Article: {info.text('article').strip()}\n\nTL;DR:"
        yield pair(text, texts[better], texts[1 - better])


class WebGpt(Preferences):
    """WebGPT comparisons (Nakano et al. 2021): which answer, written with the help of a browser, is better?"""

    source = Source("openai/webgpt_comparisons")

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """A question and two answers with scores that sum to 0; equal scores are a tie."""
        text = asked(row.nested("question").text("full_text"))
        answers = [answer(row.text(f"answer_{i}")) for i in (0, 1)]
        scores = [row.number(f"score_{i}") for i in (0, 1)]
        if scores[0] == scores[1]:
            yield TIE
        else:
            better = int(scores[1] > scores[0])
            yield pair(text, answers[better], answers[1 - better])


class UkpConvArg(Preferences):
    """UKP ConvArg (Habernal & Gurevych 2016): which of two arguments for one stance is the more convincing?

    From local files only. The arguments of a topic are never parted.
    """

    local = (LocalPart("ukp_convarg1_strict.jsonl.gz", "train"),)

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """A topic with a stance, and two arguments."""
        topic = row.text("topic")
        debate, _, stance = topic.partition("_")
        arguments = [answer(row.text(name)) for name in ("a1", "a2")]
        better = row.label("label", ("a1", "a2"))
        text = f"Debate: {debate.strip()}\nStance: {stance.strip()}\nArgument:"
        yield pair(text, arguments[better], arguments[1 - better], group=topic)


class EthicsUtilitarianismPairs(Preferences):
    """ETHICS, utilitarianism, as preferences (Hendrycks et al. 2020): which scenario is the more pleasant?

    Test: the ordinary test part (`validation` on the hub). Group: the first sentence of the more pleasant one.
    """

    source = Source("hendrycks/ethics", "utilitarianism", train=("train",), test=("validation",))
    local = (
        LocalPart("ethics_util_train.csv.gz", "train", partial(read_rows, columns=("baseline", "less_pleasant"))),
        LocalPart("ethics_util_test.csv.gz", "test", partial(read_rows, columns=("baseline", "less_pleasant"))),
    )

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """Two scenarios and nothing before them."""
        better, worse = (row.text(name).strip() for name in ("baseline", "less_pleasant"))
        yield pair("", better, worse, group=better.partition(".")[0].strip().lower())
