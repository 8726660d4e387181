"""Text models of Hugging Face's transformers: decoders and encoders, by hub id, folder or adapter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field


@dataclass(frozen=True)
class HuggingFace:
    """Any text model of transformers, by hub id, folder or adapter; or a rung of the shipped language ladder.

    Args:
        name: The rung's name; that of a shipped one (`text-100k` ...) where none of `model`, `path`, `package` is given.
        model: Hub id, `org/name`.
        revision: Branch, tag or commit of it; settled as a commit when the study is planned.
        path: A folder on disk instead.
        package: A folder inside an installed Python package instead, as `module/folder`.
        adapter: Folder of a LoRA adapter that is merged into the model first.
        layers: Keep the first n blocks, so that a ladder can be cut from one checkpoint; `None` is all.
        tuning: What is trained: every weight, low-rank adapters on all linear layers, or the new head alone.
        lora_rank: Rank of the adapters.
        lora_alpha: Their scale, in multiples of 1 / rank.
        readout: Where the head reads: the last real token, the mean of real tokens, the first token, or the pooler;
            `auto` is the last token of a decoder, and of an encoder what it was made with.
        head: First weights of the head: the unembedding rows of the tokens "0", "1", ... (Burns et al. 2023, appendix
            A.1; one row for a scalar, A.3), or zero; `auto` is the former for decoders.
        max_length: Tokens read of one text; `None` is as many as the model takes, but 512 at most.
        trust_remote_code: Whether code that comes with the model may run.
    """

    name: str
    model: str | None = None
    revision: str | None = None
    path: Path | None = None
    package: str | None = None
    adapter: Path | None = None
    layers: Annotated[int, Field(ge=1)] | None = None
    tuning: Literal["full", "lora", "head"] = "full"
    lora_rank: Annotated[int, Field(ge=1)] = 8
    lora_alpha: Annotated[float, Field(gt=0)] = 16.0
    readout: Literal["auto", "last", "mean", "first", "pooler"] = "auto"
    head: Literal["auto", "unembedding", "zero"] = "auto"
    max_length: Annotated[int, Field(ge=8)] | None = None
    trust_remote_code: bool = False
