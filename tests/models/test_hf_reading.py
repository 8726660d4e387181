"""What a text model reads: tokens, truncation, special tokens, strange texts, and batches of them."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models import small_models
from w2slab.data.examples import Examples
from w2slab.errors import DataError
from w2slab.models.hf import tokenizing
from w2slab.models.hf.huggingface import HuggingFace
from w2slab.models.hf.tokenizing import fit, split_by_length
from w2slab.tasks.chess.puzzle_task import Chess


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decoder")
    small_models.save_byte_level(folder)
    return tokenizing.load(folder, None, 32, False)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder")
    small_models.save_words(folder)
    return tokenizing.load(folder, None, 12, False)


def examples(texts, answers=None, candidates=None):
    columns = {"id": [f"x{i}" for i in range(len(texts))], "text": texts}
    columns |= {"answer": answers} if answers else {}
    columns |= {"candidates": candidates} if candidates else {}
    return Examples(pa.table(columns), None if candidates else ("no", "yes"))


def row(readings, index):
    return readings.ids[readings.offsets[index] : readings.offsets[index + 1]].tolist()


def text(reader, ids):
    return reader.tokenizer.decode(ids)


# "`text` is cut on the left, the answer/candidate never while text has tokens left"
@given(st.lists(st.integers(0, 9), max_size=12), st.integers(0, 12), st.integers(1, 8))
def test_what_is_kept(ids, n_answer, room):
    n_answer = min(n_answer, len(ids))
    kept = fit(ids, n_answer, room)
    body, answer = ids[: len(ids) - n_answer], ids[len(ids) - n_answer :]
    n_text = len(kept.ids) - kept.n_answer
    assert len(kept.ids) == min(len(ids), room)
    assert kept.ids[:n_text] == (body[-n_text:] if n_text else [])
    assert kept.ids[n_text:] == answer[: kept.n_answer]
    assert kept.is_truncated == (n_text < len(body))
    assert kept.is_answer_cut == (kept.n_answer < n_answer)
    assert not (kept.is_answer_cut and n_text)


def test_a_long_text_loses_its_beginning_and_keeps_its_answer(decoder):
    made = decoder.read(examples(["people had read " * 30, "the film"], answers=["was good", " was bad"]))
    assert text(decoder, row(made, 0)).endswith(" read was good")
    assert text(decoder, row(made, 1)) == "the film was bad"
    assert made.lengths.tolist() == [32, len(row(made, 1))]
    assert made.notes() == {"n_truncated": 1, "n_answers_cut": 0}


def test_an_answer_that_alone_is_too_long_loses_its_end_and_is_counted_apart(decoder):
    made = decoder.read(examples(["", "the film"], answers=["good " * 50, "bad " + "fine " * 50]))
    assert [text(decoder, row(made, i))[:8] for i in range(2)] == ["good goo", "bad fine"]
    assert made.lengths.tolist() == [32, 32]
    assert made.notes() == {"n_truncated": 1, "n_answers_cut": 2}


# "Special tokens: what the tokenizer's own template adds, never lost in truncation."
def test_special_tokens_are_those_of_the_template_and_are_never_cut(encoder):
    made = encoder.read(examples(["good", "the film was " * 9]))
    assert text(encoder, row(made, 0)) == "[CLS] good [SEP]"
    assert text(encoder, row(made, 1)) == "[CLS] was" + " the film was" * 3 + " [SEP]"


# "a token with id 0 inside a text"
def test_a_token_with_id_0_inside_a_text_is_real(decoder):
    made = decoder.read(examples([f"good{small_models.END}bad", "good"]))
    assert row(made, 0)[1:-1].count(0) == 1
    batch = made.batch(np.array([0, 1]))
    assert batch["attention_mask"].sum(dim=1).tolist() == made.lengths.tolist()


# "Empty text -> never an empty row"
def test_an_empty_text_is_a_special_token(decoder, encoder):
    assert row(decoder.read(examples([""])), 0) == [0]
    assert text(encoder, row(encoder.read(examples([""])), 0)) == "[CLS] [SEP]"


def test_an_empty_text_is_an_error_where_no_token_can_stand_for_it(tmp_path):
    small_models.save_tokenizer(tmp_path, small_models.byte_level())
    reader = tokenizing.load(tmp_path, None, 8, False)
    reader.filler = None
    with pytest.raises(DataError, match="example x1: no token stands for its text"):
        reader.read(examples(["good", ""]))


# "100,000 characters, emoji, null bytes, lone surrogates: right or a clear error naming the example"
def test_strange_texts_are_read(decoder, encoder):
    strange = ["x" * 100_000, "good 😀👩‍👩‍👧", "a\0b", "\0", "\n\n", "\u202e", "ﷺ" * 40]
    made = decoder.read(examples(strange))
    assert (made.lengths >= 1).all()
    assert made.lengths.max() == 32
    assert [text(decoder, row(made, i)) for i in (1, 2, 3, 4)] == strange[1:5]
    assert (encoder.read(examples(strange)).lengths >= 2).all()


def test_half_of_a_surrogate_pair_is_an_error_that_names_the_text(decoder):
    with pytest.raises(DataError, match=r"text 2: not a text that UTF-8 can hold: .*ud800"):
        decoder.texts(["good", "bad \ud800"])
    with pytest.raises(DataError, match="example x1: not a text"):
        decoder.read(examples(["good", None]))


def test_a_tokenizer_without_a_token_for_padding_will_do(tmp_path):
    small_models.save_tokenizer(tmp_path, small_models.byte_level())
    reader = tokenizing.load(tmp_path, None, 32, False)
    assert reader.tokenizer.pad_token is None
    made = reader.read(examples(["good", "bad papers"]))
    assert made.batch(np.array([0, 1]))["input_ids"].shape == (2, made.lengths[1])


# MiniLM's tokenizer says so: it would cut every text at 128 tokens and pad all others.
def test_what_a_tokenizer_says_of_padding_and_truncation_does_not_count(tmp_path):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(small_models.byte_level())
    tokenizer.enable_padding(length=16)
    tokenizer.enable_truncation(4)
    small_models.save_tokenizer(tmp_path, tokenizer.to_str())
    reader = tokenizing.load(tmp_path, None, 32, False)
    made = reader.read(examples(["good", "people had read about good papers"]))
    assert text(reader, row(made, 1)) == "people had read about good papers"
    assert made.lengths[0] < 4


def test_a_batch_is_padded_to_its_own_longest_row(decoder):
    made = decoder.read(examples(["good", "the film was good", "people had read about papers"]))
    batch = made.batch(np.array([1, 0]))
    assert batch["input_ids"].shape == (2, made.lengths[1])
    assert batch["input_ids"][0].tolist() == row(made, 1)
    n = made.lengths[0]
    assert batch["input_ids"][1].tolist() == row(made, 0) + [0] * (made.lengths[1] - n)
    assert batch["attention_mask"][1].tolist() == [1] * n + [0] * (made.lengths[1] - n)


# "length bucketing": within a batch, so that neither its examples nor the order of batches depend on lengths.
@given(st.lists(st.integers(1, 9), min_size=1, max_size=7), st.integers(0, 20))
def test_a_batch_is_split_into_the_parts_that_cost_least(lengths, overhead):
    def cost(parts):
        return sum(len(part) * max(part) + overhead for part in parts)

    parts = split_by_length(np.array(lengths), overhead)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(lengths)))
    chosen = [[lengths[row] for row in part] for part in parts]
    ordered = sorted(lengths)
    cuts = itertools.product([False, True], repeat=len(lengths) - 1)
    ends = ([0, *(i + 1 for i, cut in enumerate(each) if cut), len(lengths)] for each in cuts)
    assert cost(chosen) == min(cost([ordered[a:b] for a, b in itertools.pairwise(each)]) for each in ends)


def test_parts_by_hand():
    parts = split_by_length(np.array([3, 50, 2, 48]), 64)
    assert [part.tolist() for part in parts] == [[2, 0], [3, 1]]
    assert [part.tolist() for part in split_by_length(np.array([3, 50, 2, 48]), 1000)] == [[2, 0, 3, 1]]


def test_candidates_are_rows_of_their_own(decoder):
    made = decoder.read(examples(["the film was", "papers"], candidates=[[" bad", " good"], [" fine", " poor", " a"]]))
    batch = made.batch(np.array([1, 0]))
    assert batch["places"].tolist() == [[0, 1, 2], [3, 4, -1]]
    rows = [
        text(decoder, ids[mask > 0].tolist())
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    ]
    assert rows == ["papers fine", "papers poor", "papers a", "the film was bad", "the film was good"]
    assert made.lengths.tolist() == [max(len(row(made, i)) for i in r) for r in ((0, 1), (2, 3, 4))]
    assert len(made) == 2


# "chess examples can be read as text"
def test_a_chess_position_is_read_as_its_fen_and_a_move(decoder, tmp_path):
    small_models.save_byte_level(tmp_path)
    reader = tokenizing.load(tmp_path, None, 128, False)
    fen = "6k1/5ppp/8/8/8/8/5PPP/3R2K1 w - - 0 1"
    table = pa.table({"id": ["c"], "fen": [fen], "candidates": [["d1d8", "g1f1"]]})
    positions = Examples(table).with_texts(Chess().as_text(Examples(table)))
    made = reader.read(positions)
    assert [text(reader, row(made, i)) for i in range(2)] == [f"{fen} d1d8", f"{fen} g1f1"]
    assert list(HuggingFace("text", path=tmp_path).problems(positions)) == []


def test_encoded_rows_come_back_from_disk_as_they_were(decoder, tmp_path):
    small_models.save(tmp_path / "model", "llama")
    family = HuggingFace("m", path=tmp_path / "model")
    long = ["people had read about papers " * 9] * 1200
    for made in (
        decoder.read(examples(long, answers=["good"] * 1200)),
        decoder.read(examples(["a", "b"], candidates=[["c"], ["d", "e"]])),
    ):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        family.save_encoded(made, folder)
        back = family.load_encoded(folder)
        assert isinstance(back.ids, np.memmap) == (len(made) > 2)
        for name in ("ids", "offsets", "firsts", "truncated", "answers_cut", "lengths"):
            np.testing.assert_array_equal(getattr(back, name), getattr(made, name))
        chosen = np.array([1, 0])
        assert made.batch(chosen).keys() == back.batch(chosen).keys()
        assert all((made.batch(chosen)[k] == back.batch(chosen)[k]).all() for k in made.batch(chosen))


def test_language_rows_end_with_the_end_of_text_and_know_their_answer(decoder, encoder):
    rows = decoder.texts(["the film was", "good " * 50], [" good", ""])
    ids = rows.ids[: rows.offsets[1]].tolist()
    assert ids[-1] == 0
    start, stop = rows.answers[0]
    assert text(decoder, ids[start:stop]) == " good"
    assert text(decoder, ids[:start]) == "the film was"
    assert rows.lengths.tolist() == [len(ids), 32]
    assert rows.answers[1].tolist() == [31, 31]
    batch, real = rows.batch(np.array([0, 1]))
    assert batch.shape == real.shape == (2, 32)
    assert real.sum(dim=1).tolist() == rows.lengths.tolist()
    [whole] = [encoder.texts(["good"]).ids.tolist()]
    assert text(encoder, whole) == "[CLS] good [SEP]"


# "`reads()` ... so rungs of one ladder share it"
def test_rungs_of_one_ladder_read_alike_and_others_do_not(tmp_path):
    small = HuggingFace("small", path=small_models.save(tmp_path / "small", "llama", 1))
    large = HuggingFace("large", path=small_models.save(tmp_path / "large", "gpt2", 3), tuning="lora")
    assert small.reads() == large.reads()
    assert small.reads() != HuggingFace("short", path=tmp_path / "small", max_length=20).reads()
    assert small.reads() != HuggingFace("bert", path=small_models.save(tmp_path / "bert", "bert")).reads()


def test_max_length_is_what_the_model_and_its_tokenizer_take_and_512_at_most(tmp_path):
    small_models.save_byte_level(tmp_path)
    assert tokenizing.load(tmp_path, 64, None, False).max_length == 64
    assert tokenizing.load(tmp_path, 4096, None, False).max_length == 512
    assert tokenizing.load(tmp_path, 4096, 1000, False).max_length == 1000


def test_a_malformed_or_missing_tokenizer_is_an_error_with_its_folder(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path}: the tokenizer cannot be read"):
        tokenizing.load(tmp_path, None, None, False)
    small_models.save_byte_level(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(DataError, match=f"{tmp_path}: the tokenizer cannot be read"):
        tokenizing.load(tmp_path, None, None, False)


def test_no_room_for_text_is_an_error(encoder):
    reader = tokenizing.Reader(encoder.tokenizer, 2)
    with pytest.raises(DataError, match="max_length 2: the tokenizer's own special tokens leave no room"):
        reader.read(examples(["good"]))
