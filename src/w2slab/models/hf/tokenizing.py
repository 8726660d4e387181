"""Tokens of texts, truncation, and batches padded to their own longest row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from w2slab.errors import DataError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from w2slab.data.examples import Examples

VERSION = 1  # raise it when the rows of a text change
BLOCK, BLOCK_CHARACTERS = 1024, 1 << 20  # texts tokenised at a time, and what they may hold
DEFAULT_LENGTH = 512


@dataclass(frozen=True)
class Readings:
    """Token ids of examples, one row after the other: a row per example, or one per candidate of an example.

    Args:
        ids: int32, all tokens.
        offsets: int64 `[R + 1]`, where each row begins.
        firsts: int64 `[N + 1]`, the first row of each example.
        truncated: bool `[N]`, whether text was left out.
        answers_cut: bool `[N]`, whether an answer or a candidate alone was too long.
        has_candidates: Whether a row is a candidate.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    firsts: NDArray[np.int64]
    truncated: NDArray[np.bool_]
    answers_cut: NDArray[np.bool_]
    has_candidates: bool

    def __len__(self) -> int:
        return len(self.firsts) - 1

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of the longest row of each example, `[N]`."""
        rows = np.diff(self.offsets)
        return np.maximum.reduceat(rows, self.firsts[:-1]) if len(self) else rows

    def notes(self) -> dict[str, int]:
        """Return the numbers of truncated examples and answers."""
        return {"n_truncated": int(self.truncated.sum()), "n_answers_cut": int(self.answers_cut.sum())}

    def batch(self, indices: NDArray[np.integer]) -> dict[str, torch.Tensor]:
        """Some examples: `input_ids` and `attention_mask`, int64 `[R, T]`, padded on the right with id 0.

        Where rows are candidates there is also `places`, int64 `[B, K]`: the row of each candidate of each example,
        -1 where it has none.
        """
        import torch

        firsts, counts = self.firsts[indices], self.firsts[indices + 1] - self.firsts[indices]
        owners = np.repeat(np.arange(len(indices)), counts)
        columns = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        ids, real = padded(self.ids, self.offsets, firsts[owners] + columns)
        batch = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(real.astype(np.int64))}
        if self.has_candidates:
            places = np.full((len(indices), int(counts.max(initial=0))), -1, dtype=np.int64)
            places[owners, columns] = np.arange(len(owners))
            batch["places"] = torch.from_numpy(places)
        return batch

    def save(self, folder: Path) -> None:
        """Write all arrays into a folder."""
        for name in ("ids", "offsets", "firsts", "truncated", "answers_cut"):
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)
        (folder / "rows.json").write_text(json.dumps({"has_candidates": self.has_candidates}) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Readings:
        """Read the arrays that `save` wrote, memory-mapped."""

        def read(name: str) -> Any:
            path = folder / f"{name}.npy"
            return np.load(path, mmap_mode="r" if path.stat().st_size > 1 << 16 else None, allow_pickle=False)

        names = ("ids", "offsets", "firsts", "truncated", "answers_cut")
        return cls(**{name: read(name) for name in names}, **json.loads((folder / "rows.json").read_text()))


@dataclass(frozen=True)
class Texts:
    """Token ids of texts for language modelling and for scoring; rows of `training.language`.

    Args:
        ids: int32, all tokens.
        offsets: int64 `[N + 1]`, where each row begins.
        answers: int64 `[N, 2]`, first (included) and last (excluded) token of the answer within its row.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    answers: NDArray[np.int64]

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row, `[N]`."""
        return np.diff(self.offsets)

    def batch(self, indices: NDArray[np.integer]) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids `[B, T]` and, as bool `[B, T]`, which of them are real; padding stands on the right."""
        import torch

        ids, real = padded(self.ids, self.offsets, indices)
        return torch.from_numpy(ids), torch.from_numpy(real)


def padded(
    ids: NDArray[np.int32], offsets: NDArray[np.int64], rows: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Some rows side by side, padded on the right with id 0: ids `[R, T]`, and which of them are real."""
    starts, stops = offsets[rows], offsets[rows + 1]
    columns = np.arange(int((stops - starts).max(initial=0)))
    places = starts[:, None] + columns
    real = places < stops[:, None]
    return np.where(real, ids[np.where(real, places, 0)], 0).astype(np.int64), real


def split_by_length(lengths: NDArray[np.integer], overhead: int) -> list[NDArray[np.int64]]:
    """A batch in the parts of like length that cost least, where n rows, the longest of T tokens, cost n T + overhead.

    Args:
        lengths: `[R]`, tokens of each row, at least one row.
        overhead: What a part costs beside its tokens, in tokens.

    Returns:
        The rows of each part; of the rows of one part none is shorter than those of the parts before it.
    """
    order = np.argsort(lengths, kind="stable")
    values, counts = np.unique(lengths, return_counts=True)
    ends = np.concatenate([[0], np.cumsum(counts)])
    least, cuts = np.zeros(len(ends)), np.zeros(len(ends), dtype=np.int64)
    for j in range(1, len(ends)):
        costs = least[:j] + (ends[j] - ends[:j]) * values[j - 1]
        cuts[j] = costs.argmin()
        least[j] = costs[cuts[j]] + overhead
    parts, j = [], len(ends) - 1
    while j > 0:
        parts.append(order[ends[cuts[j]] : ends[j]])
        j = cuts[j]
    return parts[::-1]


class Reader:
    """A tokenizer as a model of some length uses it.

    Args:
        tokenizer: Of transformers.
        max_length: Tokens of one row at most.
    """

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        self.tokenizer, self.max_length = tokenizer, max_length
        self._fast = _fast(tokenizer)
        self.before, self.after = self._template()
        self.room = max_length - len(self.before) - len(self.after)
        self.end: int | None = tokenizer.eos_token_id
        specials = (tokenizer.bos_token_id, self.end, tokenizer.cls_token_id, *tokenizer.all_special_ids)
        self.filler = next((token for token in specials if token is not None), None)

    @cached_property
    def digest(self) -> str:
        """Digest of everything that decides the rows of a text."""
        decides = {
            "version": VERSION,
            "tokenizer": _content(self.tokenizer) if self._fast is None else json.loads(self._fast.to_str()),
            "template": [self.before, self.after, self.filler],
            "max_length": self.max_length,
        }
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()

    def read(self, examples: Examples) -> Readings:
        """All rows of some examples.

        Raises:
            DataError: A text cannot be tokenised; names the example.
        """
        counts = examples.n_candidates if examples.classes is None else np.ones(len(examples), dtype=np.int64)
        owners = np.repeat(np.arange(len(examples)), counts)
        rows = list(self._rows(_pairs(examples), lambda row: f"example {examples.ids[owners[row]]}"))
        ids, offsets = _flat([row.ids for row in rows])
        return Readings(
            ids,
            offsets,
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            np.bincount(owners, [row.is_truncated for row in rows], minlength=len(examples)) > 0,
            np.bincount(owners, [row.is_answer_cut for row in rows], minlength=len(examples)) > 0,
            has_candidates=examples.classes is None,
        )

    def texts(self, texts: Sequence[str], answers: Sequence[str] | None = None) -> Texts:
        """Rows of texts for language modelling: each ends with the tokenizer's end-of-text token, if it has one.

        Args:
            texts: Truncated on the left where they are too long.
            answers: Read after them, and not truncated while there is text left; `None` where there are none.

        Raises:
            DataError: A text cannot be tokenised; names its position.
        """
        end = [] if self.end is None or self.after[-1:] == [self.end] else [self.end]
        pairs = zip(texts, answers or [""] * len(texts), strict=True)
        rows = list(self._rows(pairs, lambda row: f"text {row + 1}", end))
        ids, offsets = _flat([row.ids for row in rows])
        stops = np.diff(offsets) - len(self.after) - len(end)
        n_answers = np.array([row.n_answer for row in rows], dtype=np.int64)
        return Texts(ids, offsets, np.stack([stops - n_answers, stops], axis=1))

    def _rows(
        self, pairs: Iterable[tuple[str, str]], name: Callable[[int], str], end: Sequence[int] = ()
    ) -> Iterator[_Row]:
        """The row of each text and answer; `name` says what to call one in an error, `end` is put after it."""
        room = self.room - len(end)
        if room < 1:
            raise DataError(f"max_length {self.max_length}: the tokenizer's own special tokens leave no room for text")
        for index, (ids, n_answer) in enumerate(self._encoded(pairs, name)):
            row = fit(ids, n_answer, room)
            whole = [*self.before, *row.ids, *self.after, *end]
            if not whole and self.filler is None:
                raise DataError(f"{name(index)}: no token stands for its text, and the tokenizer has no special token")
            yield row._replace(ids=np.array(whole or [self.filler], dtype=np.int32))

    def _encoded(self, pairs: Iterable[tuple[str, str]], name: Callable[[int], str]) -> Iterator[tuple[list[int], int]]:
        """Tokens of each text with its answer, and how many of them hold something of the answer."""
        for first, block in _blocks(pairs):
            for index, parts in enumerate(block):
                if not all(isinstance(part, str) and _is_unicode(part) for part in parts):
                    raise DataError(f"{name(first + index)}: not a text that UTF-8 can hold: {ascii(parts)[:80]}")
            joined = [text + answer for text, answer in block]
            if self._fast is None:
                for (_, answer), whole in zip(block, joined, strict=True):
                    ids = _plain(self.tokenizer, whole)
                    yield ids, min(len(ids), len(_plain(self.tokenizer, answer)))
                continue
            encodings = self._fast.encode_batch(joined, add_special_tokens=False)
            for (text, _), whole, encoding in zip(block, joined, encodings, strict=True):
                tokens = (encoding.char_to_token(place) for place in range(len(text), len(whole)))
                answer_starts = next((token for token in tokens if token is not None), len(encoding.ids))
                yield encoding.ids, len(encoding.ids) - answer_starts

    def _template(self) -> tuple[list[int], list[int]]:
        """The special tokens that the tokenizer puts before and after a text."""
        plain, whole = _plain(self.tokenizer, "a"), list(self.tokenizer("a")["input_ids"])
        for start in range(len(whole) - len(plain) + 1):
            if whole[start : start + len(plain)] == plain:
                return whole[:start], whole[start + len(plain) :]
        raise DataError(f"{self.tokenizer.name_or_path}: the tokenizer reads a text otherwise with special tokens")


class _Row(NamedTuple):
    ids: Any
    n_answer: int
    is_truncated: bool
    is_answer_cut: bool


def fit(ids: list[int], n_answer: int, room: int) -> _Row:
    """Truncate a text and its answer to the room there is: the text on the left, its answer at the end.

    Args:
        ids: Tokens of both.
        n_answer: How many of the last belong to the answer.
        room: How many may stay; nothing of the answer goes while any of the text is left.
    """
    if len(ids) <= room:
        return _Row(ids, n_answer, False, False)
    if n_answer <= room:
        return _Row(ids[-room:], n_answer, True, False)
    start = len(ids) - n_answer
    return _Row(ids[start : start + room], room, start > 0, True)


def load(folder: Path, longest: int | None, max_length: int | None, trust_remote_code: bool) -> Reader:
    """The tokenizer of a model's folder.

    Args:
        folder: An ordinary Hugging Face folder.
        longest: Tokens that the model takes.
        max_length: Tokens asked for; `None` is as many as model and tokenizer take, but 512 at most.
        trust_remote_code: Whether code that comes with the model may run.

    Raises:
        DataError: There is no tokenizer, or it cannot be read.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=trust_remote_code)
    except Exception as error:  # whatever a malformed file makes the library raise
        said = " ".join(str(error).split())[:200]
        raise DataError(f"{folder}: the tokenizer cannot be read: {said}") from error
    limits = [DEFAULT_LENGTH, longest or DEFAULT_LENGTH, tokenizer.model_max_length or DEFAULT_LENGTH]
    return Reader(tokenizer, max_length or min(limits))


def _pairs(examples: Examples) -> Iterator[tuple[str, str]]:
    """Iterate over the text of each example with its answer, or with each of its candidates in turn."""
    pairs = zip(examples.texts or [], examples.answers, strict=True)
    return ((text, answer) for text, answers in pairs for answer in answers)


def _fast(tokenizer: Any) -> Any:
    """A tokenizer of the Rust library that neither truncates nor pads; `None` where this one is written in Python."""
    if not tokenizer.is_fast:
        return None
    from tokenizers import Tokenizer

    copy = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


def _plain(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _content(tokenizer: Any) -> Any:
    """A stable form of a tokenizer written in Python."""
    switches = {name: value for name, value in tokenizer.init_kwargs.items() if isinstance(value, bool | int)}
    return [type(tokenizer).__name__, tokenizer.get_vocab(), switches]


def _is_unicode(text: str) -> bool:
    """Return True if a text can be encoded; half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _blocks(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """The pairs in parts that are tokenised at a time, each with the position of its first."""
    block: list[tuple[str, str]] = []
    first = size = 0
    for pair in pairs:
        block.append(pair)
        size += sum(map(len, filter(None, pair)))
        if len(block) == BLOCK or size >= BLOCK_CHARACTERS:
            yield first, block
            first, size, block = first + len(block), 0, []
    if block:
        yield first, block


def _flat(rows: list[NDArray[np.int32]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """All tokens in one array, and where each row begins."""
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return np.concatenate([np.zeros(0, dtype=np.int32), *rows]), offsets
