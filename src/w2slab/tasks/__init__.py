"""The tasks: a row per task, imported only when it is used.

Other distributions add rows through the entry-point group `w2slab.tasks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from w2slab.lazy import classes_of, names_of, public

if TYPE_CHECKING:
    from w2slab.tasks.task import Task

TABLE: dict[str, str] = {
    "ag-news": "w2slab.tasks.text.sentiment:AgNews",
    "amazon-polarity": "w2slab.tasks.text.sentiment:AmazonPolarity",
    "anli-r2": "w2slab.tasks.text.sentence_pairs:AnliR2",
    "anthropic-hh": "w2slab.tasks.text.sentiment:AnthropicHh",
    "arc-easy": "w2slab.tasks.text.questions:ArcEasy",
    "boolq": "w2slab.tasks.text.reading_comprehension:Boolq",
    "chess": "w2slab.tasks.chess.puzzle_task:Chess",
    "cola": "w2slab.tasks.text.sentence_pairs:Cola",
    "cosmosqa": "w2slab.tasks.text.reading_comprehension:CosmosQa",
    "dream": "w2slab.tasks.text.reading_comprehension:Dream",
    "ethics-deontology": "w2slab.tasks.text.ethics:EthicsDeontology",
    "ethics-justice": "w2slab.tasks.text.ethics:EthicsJustice",
    "ethics-utilitarianism": "w2slab.tasks.text.ethics:EthicsUtilitarianism",
    "ethics-utilitarianism-pairs": "w2slab.tasks.text.preference:EthicsUtilitarianismPairs",
    "ethics-virtue": "w2slab.tasks.text.ethics:EthicsVirtue",
    "hellaswag": "w2slab.tasks.text.questions:Hellaswag",
    "helpsteer": "w2slab.tasks.text.preference:HelpSteer",
    "hh-rlhf": "w2slab.tasks.text.preference:HhRlhf",
    "hh-single-turn": "w2slab.tasks.text.preference:HhSingleTurn",
    "imdb": "w2slab.tasks.text.sentiment:Imdb",
    "mc-taco": "w2slab.tasks.text.reading_comprehension:McTaco",
    "multirc": "w2slab.tasks.text.reading_comprehension:MultiRc",
    "openbookqa": "w2slab.tasks.text.questions:OpenBookQa",
    "paws": "w2slab.tasks.text.sentence_pairs:Paws",
    "piqa": "w2slab.tasks.text.questions:Piqa",
    "preference": "w2slab.tasks.text.own:Preference",
    "quail": "w2slab.tasks.text.reading_comprehension:Quail",
    "quartz": "w2slab.tasks.text.questions:Quartz",
    "rotten-tomatoes": "w2slab.tasks.text.sentiment:RottenTomatoes",
    "sciq": "w2slab.tasks.text.questions:Sciq",
    "shp": "w2slab.tasks.text.preference:Shp",
    "social-iqa": "w2slab.tasks.text.questions:SocialIqa",
    "sst2": "w2slab.tasks.text.sentiment:Sst2",
    "subj": "w2slab.tasks.text.sentence_pairs:Subj",
    "summarize-from-feedback": "w2slab.tasks.text.preference:SummarizeFromFeedback",
    "text": "w2slab.tasks.text.own:Text",
    "toy": "w2slab.tasks.toy:Toy",
    "trec": "w2slab.tasks.text.sentence_pairs:Trec",
    "tweet-hate": "w2slab.tasks.text.sentiment:TweetHate",
    "tweet-irony": "w2slab.tasks.text.sentiment:TweetIrony",
    "tweet-offensive": "w2slab.tasks.text.sentiment:TweetOffensive",
    "tweet-sentiment": "w2slab.tasks.text.sentiment:TweetSentiment",
    "ukp-convarg": "w2slab.tasks.text.preference:UkpConvArg",
    "ultrafeedback": "w2slab.tasks.text.preference:UltraFeedback",
    "webgpt": "w2slab.tasks.text.preference:WebGpt",
    "wic": "w2slab.tasks.text.sentence_pairs:Wic",
}

_PLACES = classes_of(TABLE) | names_of("w2slab.tasks.task", "Task")

__all__ = ["Task"]
__all__ += classes_of(TABLE)


def __getattr__(name: str) -> Any:
    return public(__name__, _PLACES, name)


def __dir__() -> list[str]:
    return sorted(_PLACES)
