"""Named sets on what a text says of something: reviews, tweets, news by topic, and answers of an assistant."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from w2slab.tasks.text.choices import by_digest
from w2slab.tasks.text.named import Dropped, Item, LocalPart, NamedTask, Row, Source, read_rows

REVIEW = "\nIs this review negative or positive?"
NEGATIVE_POSITIVE = ("negative", "positive")
TWEET_EVAL = partial(Source, "cardiffnlp/tweet_eval", train=("train", "validation"), test=("test",))


class AgNews(NamedTask):
    """AG News: the topic of a news item: world, sports, business or technology (Zhang et al. 2015).

    Test: test part. The local file is that test part alone; all of it is one pool, from which a study draws its own
    test part. Group: the text.
    """

    source = Source("fancyzhx/ag_news", None, train=("train",), test=("test",))
    local = (
        LocalPart(
            "ag_news_test.csv.gz",
            "train",
            partial(read_rows, columns=("class", "title", "text")),
            lambda row: row.but(
                text=f"{row.text('title')} {row.text('text')}", label=row.label("class", ("1", "2", "3", "4"))
            ),
        ),
    )
    classes = ("world", "sports", "business", "technology")

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        yield Item(
            text=row.text("text").strip(),
            answer="\nIs this about world, sports, business or technology?",
            right=row.label("label", 4),
        )


class AmazonPolarity(NamedTask):
    """Amazon reviews, title and text: of one or two stars or of four or five? (Zhang et al. 2015).

    Test: test part. Of the millions of reviews, the first 50,000 of each file are read. Group: the text.
    """

    source = Source("fancyzhx/amazon_polarity", None, train=("train",), test=("test",))
    classes = NEGATIVE_POSITIVE
    most_rows = 50_000

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        text = f"{row.text('title').strip()}\n{row.text('content').strip()}"
        yield Item(text=text.strip(), answer=REVIEW, right=row.label("label", 2))


class AnthropicHh(NamedTask):
    """Answers of an assistant, one at a time: did people prefer it (good) or the other of its pair (bad)?

    The helpful and the harmless part of Bai et al. (2022), in the form of the paper's released code: one text of each
    pair, drawn by digest. A label so made says little about a text alone, and models stay near chance; as pairs the
    same data is a task of its own. Test: test part. Group: the first turn of the dialogue.
    """

    source = Source("Anthropic/hh-rlhf", None, train=("train",), test=("test",))
    classes = ("bad", "good")

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        chosen, rejected = row.text("chosen").strip(), row.text("rejected").strip()
        if chosen == rejected:
            yield Dropped("two texts that are the same")
            return
        shown = by_digest((chosen, rejected), *sorted((chosen, rejected)))[0]
        before, cue, reply = shown.rpartition("\n\nAssistant:")
        yield Item(
            text=before + cue,
            answer=reply,
            right=int(shown == chosen),
            group=chosen.partition("\n\nAssistant:")[0],
        )


class Imdb(NamedTask):
    """IMDB: long film reviews, of up to four stars or of seven and more? (Maas et al. 2011).

    Test: test part. Group: the text. Where the file tells the stars, `difficulty` is their distance from the end of the
    scale, 0 to 3.
    """

    source = Source("stanfordnlp/imdb", None, train=("train",), test=("test",))
    local = (LocalPart("imdb.jsonl.gz", None),)
    classes = NEGATIVE_POSITIVE

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        text = row.text("text").replace("<br />", "\n").strip()
        shown: dict[str, int] = {}
        if "stars" in row.values:
            stars = row.label("stars", 11)
            if stars == 0:
                raise row.error("stars: 0; allowed: 1 to 10")
            shown["difficulty"] = min(stars - 1, 10 - stars)
        yield Item(text=text, answer=REVIEW, right=row.label("label", 2), shown=shown)


class RottenTomatoes(NamedTask):
    """Rotten Tomatoes: one sentence of a film review, negative or positive? (Pang and Lee 2005).

    Test: test part on the hub, where the validation part is learned from; the local file has none, so that a study
    draws its own. Group: the sentence.
    """

    source = Source("cornell-movie-review-data/rotten_tomatoes", None, train=("train", "validation"), test=("test",))
    local = (LocalPart("rotten_tomatoes.txt.gz", "train"),)
    classes = NEGATIVE_POSITIVE

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        yield Item(text=row.text("text").strip(), answer=REVIEW, right=row.label("label", 2))


class Sst2(NamedTask):
    """SST-2: a sentence of a film review, negative or positive? (GLUE; Socher et al. 2013).

    Test: validation part, since labels of GLUE's test part are not public; of the local files, which have the labels
    of all parts, dev and test. The hub's training part has phrases of sentences, several of one sentence among them.
    Group: the text.
    """

    source = Source("nyu-mll/glue", "sst2", train=("train",), test=("validation",))
    local = (
        LocalPart("sst2_train.txt.gz", "train", adapt=lambda row: row.but(sentence=row.text("text"))),
        LocalPart("sst2_dev.txt.gz", "test", adapt=lambda row: row.but(sentence=row.text("text"))),
        LocalPart("sst2_test.txt.gz", "test", adapt=lambda row: row.but(sentence=row.text("text"))),
    )
    classes = NEGATIVE_POSITIVE

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        yield Item(text=row.text("sentence").strip(), answer=REVIEW, right=row.label("label", 2))


class _Tweets(NamedTask):
    question = ""

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        text, right = row.text("text").strip(), row.label("label", 2)
        yield Item(text=text, answer=f"\n{self.question}", right=right) if text else Dropped("empty text")


class TweetHate(_Tweets):
    """Tweets on women and immigrants: hateful or not? (TweetEval; Basile et al. 2019).

    Test: test part; the validation part is learned from. Group: the text.
    """

    source = TWEET_EVAL(config="hate")
    local = (LocalPart("tweeteval_hate.jsonl.gz", None),)
    classes = ("not hateful", "hateful")
    question = "Is this tweet hateful?"


class TweetIrony(_Tweets):
    """Tweets: ironic or not? (TweetEval; Van Hee et al. 2018).

    Test: test part; the validation part is learned from. Group: the text.
    """

    source = TWEET_EVAL(config="irony")
    local = (LocalPart("tweeteval_irony.jsonl.gz", None),)
    classes = ("not ironic", "ironic")
    question = "Is this tweet ironic?"


class TweetOffensive(_Tweets):
    """Tweets: offensive or not? (TweetEval; Zampieri et al. 2019).

    Test: test part; the validation part is learned from. Group: the text.
    """

    source = TWEET_EVAL(config="offensive")
    local = (LocalPart("tweeteval_offensive.jsonl.gz", None),)
    classes = ("not offensive", "offensive")
    question = "Is this tweet offensive?"


class TweetSentiment(_Tweets):
    """Tweets: negative or positive? (TweetEval; Rosenthal et al. 2017).

    Neutral tweets are left out, since the paper's task has two classes. Test: test part; the validation part is learned
    from. The local file has no training part; all of it is one pool, from which a study draws its own test part.
    Group: the text.
    """

    source = TWEET_EVAL(config="sentiment")
    local = (LocalPart("tweeteval_sentiment.jsonl.gz", "train"),)
    classes = NEGATIVE_POSITIVE
    question = "Is this tweet negative or positive?"

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        label = row.label("label", 3)
        if label == 1:
            yield Dropped("neutral")
            return
        yield from super().items(row.but(label=label // 2))
