"""Tiny text models of random weights, written as ordinary Hugging Face folders where a test wants them."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from w2slab.data.examples import Examples
from w2slab.randomness import rng

END, PAD = "<|end|>", "<|pad|>"
MARKS = (("bad", "awful", "poor"), ("good", "fine", "great"))
OTHERS = "the film was seen by many people who had read about it in papers".split()
CORPUS = [" ".join([*OTHERS, *MARKS[0], *MARKS[1]]) + " 0 1 2 3 4 5 6 7 8 9. Yes, no?"] * 20


@cache
def byte_level() -> str:
    """A byte-level BPE as JSON: 0 is the end of a text, 1 is padding, and no token is added to a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=360, special_tokens=[END, PAD], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return str(tokenizer.to_str())


@cache
def words() -> str:
    """Lower-case words between `[CLS]` and `[SEP]` as JSON, with BERT's template."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", *"0123456789.,?", *OTHERS, *MARKS[0], *MARKS[1]]
    vocabulary = {name: index for index, name in enumerate(dict.fromkeys(names))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return str(tokenizer.to_str())


def save_tokenizer(folder: Path, json: str, **options: Any) -> None:
    """Write a tokenizer beside a model; `options` name its special tokens."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json), **options).save_pretrained(folder)


def save_byte_level(folder: Path) -> None:
    """The byte-level BPE, its special tokens named."""
    save_tokenizer(folder, byte_level(), bos_token=END, eos_token=END, pad_token=PAD)


def save_words(folder: Path) -> None:
    """The words of BERT, its special tokens named."""
    names = {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]"}
    save_tokenizer(folder, words(), **names)


def config(kind: str, layers: int = 2, **changes: Any) -> Any:
    """The config of a tiny model: `llama`, `gpt2`, `gpt_neox`, `qwen3`, `bert`, `modernbert`, `roberta`, ..."""
    from transformers import AutoConfig

    sizes = {
        "vocab_size": 360,
        "hidden_size": 32,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "max_position_embeddings": 64,
        "pad_token_id": None,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    if kind == "gpt2":
        sizes["n_inner"] = sizes.pop("intermediate_size")
    if kind in ("llama", "qwen3"):
        sizes |= {"num_key_value_heads": 1, "tie_word_embeddings": True}
    if kind == "qwen3":
        sizes["head_dim"] = 16
    if kind == "modernbert":
        sizes |= {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "local_attention": 8}
    if kind in ("bert", "roberta"):
        sizes["pad_token_id"] = 0 if kind == "bert" else 1
    return AutoConfig.for_model(kind, **(sizes | changes))


def save(
    folder: Path, kind: str, layers: int = 2, *, auto: str | None = None, std: float = 0.15, **changes: Any
) -> Path:
    """A tiny model and its tokenizer in a folder; decoders are written with their head, encoders without.

    Args:
        folder: Where.
        kind: As for `config`.
        layers: Blocks.
        auto: The class of transformers' `Auto...` that is written instead.
        std: Size of its weights; larger than usual, so that what it says depends on all that it reads.
        changes: Of the config.
    """
    import torch
    import transformers
    from transformers.utils import logging

    encoder = kind in ("bert", "modernbert", "roberta")
    logging.disable_progress_bar()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        made = getattr(transformers, auto or ("AutoModel" if encoder else "AutoModelForCausalLM"))
        model = made.from_config(config(kind, layers, **changes))
        for parameter in model.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=std)
    model.save_pretrained(folder)
    if encoder:
        save_words(folder)
    else:
        save_byte_level(folder)
    return folder


def reviews(n: int = 96, seed: int = 0) -> tuple[Examples, list[int]]:
    """Texts of two classes whose last word tells them apart, and the class of each."""
    import pyarrow as pa

    generator = rng(seed, "reviews")
    classes = generator.integers(0, 2, n)
    texts = []
    for c in classes:
        chosen = generator.choice(OTHERS, int(generator.integers(1, 6)))
        texts.append(" ".join([*chosen, str(generator.choice(MARKS[c]))]))
    table = pa.table({"id": [f"r{i}" for i in range(n)], "group": [f"r{i}" for i in range(n)], "text": texts})
    return Examples(table, ("bad", "good")), classes.tolist()


def pairs(n: int = 64, seed: int = 0) -> tuple[Examples, list[int]]:
    """Two answers to one prompt, of which the one that ends well is right."""
    import pyarrow as pa

    generator = rng(seed, "pairs")
    right = generator.integers(0, 2, n)
    answers = [[f" {generator.choice(OTHERS)} {generator.choice(MARKS[int(c == r)])}" for c in range(2)] for r in right]
    texts = [" ".join(generator.choice(OTHERS, 3)) for _ in right]
    names = [f"p{i}" for i in range(n)]
    return Examples(pa.table({"id": names, "group": names, "text": texts, "candidates": answers})), right.tolist()
