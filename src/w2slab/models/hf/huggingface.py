"""Text models of Hugging Face's transformers: decoders and encoders, by hub id, folder or adapter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from w2slab.errors import DataError, StudyError, UnavailableError
from w2slab.models.hf import hf_sources
from w2slab.models.hf.hf_sources import Checkpoint
from w2slab.models.model import Model

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from w2slab.data.examples import Examples
    from w2slab.models.hf.tokenizing import Reader, Readings, Texts


@dataclass(frozen=True)
class HuggingFace(Model):
    """Any text model of transformers, by hub id, folder or adapter; or a rung of the shipped language ladder.

    Args:
        name: The rung's name; a shipped one (`text-100k` ...) where none of `model`, `path`, `package` is given.
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

    readouts: ClassVar[tuple[str, ...]] = ("head", "last", "mean", "first", "pooler")

    def __post_init__(self) -> None:
        super().__post_init__()
        places = [name for name in ("model", "path", "package") if getattr(self, name) is not None]
        if len(places) > 1:
            raise ValueError(f"{' and '.join(places)} each say where the weights are; leave all but one out")
        if self.revision is not None and self.model is None:
            raise ValueError("revision is that of a hub's model; give its id as `model`, or leave revision out")
        if self.path is not None and (self.path / "adapter_config.json").exists():
            raise ValueError(
                f"path: {self.path} is a LoRA adapter; give it as `adapter`, and the model that it was made for as "
                "`model` or `path`"
            )

    def resolved(self) -> HuggingFace:
        """Itself with the hub's revision as a commit, once it is clear that the model can be had and used.

        Of a sentence-transformers model of the hub the read-out is settled, too.

        Raises:
            UnavailableError: The model is neither here nor to be had, or an optional package is missing.
            DataError: A file of the model is missing or malformed.
            StudyError: What is asked of the model does not suit it.
        """
        settled = self
        if self.model is None:
            checkpoint = self.checkpoint
        else:
            settled = replace(self, revision=hf_sources.commit(self.model, self.revision))
            checkpoint = hf_sources.require(self.model, str(settled.revision), self.trust_remote_code)
            # Another cache may hold the same commit without this file, and then it would be read out otherwise.
            if self.readout == "auto" and (checkpoint.folder / "1_Pooling").is_dir() and not checkpoint.is_causal:
                asked: Any = checkpoint.pooling or "auto"
                settled = replace(settled, readout=asked)
        for problem in self._misfits(checkpoint):
            raise StudyError(f"{self.name}: {problem}")
        if self.model is None:
            checkpoint.tensors()
            checkpoint.require_tokenizer()
        self._require_peft()
        if self.adapter is not None:
            hf_sources.adapter_weights(self.adapter)
        return settled

    def files(self) -> tuple[Path, ...]:
        """Folders on disk that decide the weights: the model's, unless it is the hub's, and the adapter's.

        Raises:
            StudyError: Nothing says where the weights are, and no shipped rung has this name.
            UnavailableError: The package is not installed.
        """
        return (
            *(() if self.model is not None else (self._folder(),)),
            *(() if self.adapter is None else (self.adapter,)),
        )

    def problems(self, examples: Examples) -> Iterable[str]:
        """There is no text, or there are neither classes nor candidates."""
        if examples.texts is None:
            yield "text models read the column `text`; this task has none"
        elif examples.classes is None and examples.candidates is None:
            yield "the task has neither common classes nor the column `candidates`"

    def build(self, examples: Examples, seed: int) -> torch.nn.Module:
        """The network before finetuning, a `models.hf_network.TextNetwork`.

        Raises:
            DataError: The examples have no text, or the weights are missing, malformed or too few.
            StudyError: What is asked of the model does not suit it.
        """
        from w2slab.models.hf import hf_network

        self._check(examples)
        # One row of any token will do for a score; that of "1" it is.
        digits = ["1"] if examples.classes is None else list(map(str, range(len(examples.classes))))
        vocabulary = self.reader.tokenizer.get_vocab()
        tokens = [vocabulary.get(digit) for digit in digits]
        return hf_network.build(self, self.checkpoint, tokens, self.reader.max_length, seed)

    def encode(self, examples: Examples) -> Readings:
        """Token ids of all examples: a row for each, or for each of its candidates.

        Raises:
            DataError: The examples have no text, or one that cannot be tokenised; names the example.
        """
        self._check(examples)
        return self._known(self.reader.read(examples))

    def collate(self, encoded: Readings, indices: NDArray[Any]) -> dict[str, torch.Tensor]:
        """One batch, padded on the right to its own longest row."""
        return encoded.batch(indices)

    def lengths(self, encoded: Readings) -> NDArray[Any]:
        """Tokens of each example, `[N]`; of its longest candidate."""
        return encoded.lengths

    def notes(self, encoded: Readings) -> dict[str, int]:
        """How many examples did not fit into `max_length`: `n_truncated`, and `n_answers_cut`."""
        return encoded.notes()

    def reads(self) -> str:
        """Digest of tokenizer and length: rungs of one ladder read alike."""
        return self.reader.digest

    def save_encoded(self, encoded: Readings, folder: Path) -> None:
        """Write encoded rows into an empty folder."""
        encoded.save(folder)

    def load_encoded(self, folder: Path) -> Readings:
        """Read what `save_encoded` wrote, mapped from disk.

        Raises:
            DataError: A model with the same tokenizer wrote it, and this one does not know all of its tokens.
        """
        from w2slab.models.hf.tokenizing import Readings

        return self._known(Readings.load(folder))

    @property
    def generates(self) -> bool:
        """Whether it is a decoder, which can continue a text."""
        return self._described.is_causal

    @property
    def has_features(self) -> bool:
        """Its networks have features, which a probe may read."""
        return True

    def reading_at(self, readout: str) -> HuggingFace:
        """The same, its networks made so that they can be read out there."""
        asked: Any = readout
        return self if readout == "head" else replace(self, readout=asked)

    def starting_from(self, folder: Path) -> HuggingFace:
        """The same, its weights taken from a folder that `save_base` wrote."""
        return replace(self, model=None, revision=None, package=None, adapter=None, path=folder)

    def build_language(self, seed: int) -> Any:
        """The causal language model, of which `tuning: lora` trains adapters and everything else all weights.

        Raises:
            DataError: It is no decoder, its output embeddings are missing, or its weights are malformed.
        """
        from w2slab.models.hf import hf_network

        self._check(None)
        if not self.generates:
            raise DataError(f"{self.name}: an encoder does not continue texts; this needs a decoder")
        model, has_unembedding = hf_network.load(self.checkpoint, causal=True, layers=self.layers, adapter=self.adapter)
        if not has_unembedding:
            raise DataError(f"{self.checkpoint.folder}: its output embeddings are missing, so it cannot continue texts")
        if self.tuning == "lora":
            hf_network.add_adapters(model, self.lora_rank, self.lora_alpha, seed)
        return model

    def save_base(self, network: Any, folder: Path) -> None:
        """Write a language model from `build_language`, and its tokenizer, as an ordinary Hugging Face folder.

        Adapters are merged into the network.
        """
        from w2slab.models.hf import hf_network

        hf_network.save(network, folder)
        self.reader.tokenizer.save_pretrained(folder)

    def tokens(self, texts: list[str], answers: list[str] | None = None) -> Texts:
        """Rows of token ids for language modelling or scoring, each with the end-of-text token if there is one.

        Raises:
            DataError: A text cannot be tokenised; names its position.
        """
        return self.reader.texts(texts, answers)

    def n_parameters(self) -> int:
        """Parameters without the head; no weight is read.

        Raises:
            DataError: The model's config is missing or refused.
        """
        from w2slab.models.hf import hf_network

        return sum(p.numel() for p in hf_network.empty(self._described, self.layers).parameters())

    def memory(self, batch_size: int) -> dict[str, int]:
        """Bytes that finetuning takes at most, an estimate: rows as long as `max_length`, in one forward pass.

        With P parameters, of which A are trained: weights 4 P; gradients 4 A; AdamW's two means 8 A. For the backward
        pass a block of width D whose feed-forward layer has width F keeps about 12 D + 4 F numbers per token; with
        checkpointing D, and the rest for one block at a time. Attention matrices are not kept (fused attention).

        Args:
            batch_size: Rows of one pass: examples, or candidates of all its examples.

        Returns:
            `weights`, `gradients`, `optimizer`, `activations`, and `activations_checkpointed`.
        """
        from w2slab.models.hf import hf_network
        from w2slab.models.hf.tokenizing import DEFAULT_LENGTH

        base = hf_network.empty(self._described, self.layers)
        total, trained, width, inner, blocks = hf_network.sizes(base, self.tuning, self.lora_rank)
        longest = self.max_length or min(DEFAULT_LENGTH, self._described.positions or DEFAULT_LENGTH)
        tokens = batch_size * longest
        block = 4 * tokens * (12 * width + 4 * inner)
        is_kept = self.tuning != "head"
        return {
            "weights": 4 * total,
            "gradients": 4 * trained,
            "optimizer": 8 * trained,
            "activations": block * (blocks if is_kept else 1),
            "activations_checkpointed": block + (4 * tokens * width * blocks if is_kept else 0),
        }

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The whole model on disk, downloaded if it must be.

        Raises:
            UnavailableError: It is neither here nor to be had.
        """
        if self.model is None:
            return Checkpoint(self._folder(), self.trust_remote_code)
        commit = hf_sources.commit(self.model, self.revision)
        return hf_sources.snapshot(self.model, commit, self.trust_remote_code)

    @cached_property
    def reader(self) -> Reader:
        """The tokenizer, and how much of a text is read."""
        from w2slab.models.hf import tokenizing as hf_reading

        folder, positions = self.checkpoint.folder, self.checkpoint.positions
        return hf_reading.load(folder, positions, self.max_length, self.trust_remote_code)

    @cached_property
    def _described(self) -> Checkpoint:
        """The model's description: without its weights if it is the hub's and not here."""
        if self.model is None:
            return self.checkpoint
        commit = hf_sources.commit(self.model, self.revision)
        return hf_sources.require(self.model, commit, self.trust_remote_code)

    def _folder(self) -> Path:
        if self.path is not None:
            return self.path
        return hf_sources.shipped_folder(self.name) if self.package is None else hf_sources.package_folder(self.package)

    def _known(self, rows: Readings) -> Readings:
        """The rows, whose tokens the model must know."""
        known, highest = self.checkpoint.vocabulary, int(rows.ids.max(initial=0))
        if known is not None and highest >= known:
            token = self.reader.tokenizer.decode([highest])
            raise DataError(
                f"{self.name}: the tokenizer gives the token {highest} ({token!r}), and the model knows {known}; "
                "do the two belong together?"
            )
        return rows

    def _check(self, examples: Examples | None) -> None:
        for problem in () if examples is None else self.problems(examples):
            raise DataError(f"{self.name}: {problem}")
        for problem in self._misfits(self.checkpoint):
            raise StudyError(f"{self.name}: {problem}")
        self._require_peft()

    def _require_peft(self) -> None:
        for field, asked in (("tuning: lora", self.tuning == "lora"), ("adapter", self.adapter is not None)):
            if asked and find_spec("peft") is None:
                raise UnavailableError(f'{self.name}: {field}: peft is not installed; pip install "w2slab[lora]"')

    def _misfits(self, checkpoint: Checkpoint) -> Iterable[str]:
        """What is asked and the model cannot do, as sentences."""
        if checkpoint.is_encoder_decoder:
            yield "it is an encoder-decoder; w2slab reads with decoders (GPT-2, Llama ...) and encoders (BERT ...)"
            return
        if self.layers is not None and checkpoint.blocks is not None and self.layers > checkpoint.blocks:
            yield f"layers: {self.layers}: the model has {checkpoint.blocks}"
        if self.max_length and checkpoint.positions and self.max_length > checkpoint.positions:
            yield f"max_length: {self.max_length}: the model takes {checkpoint.positions} tokens at most"
        if self.head == "unembedding" and not checkpoint.is_causal:
            yield "head: unembedding: an encoder has no output embeddings; leave head out"
        if self.readout == "pooler" and checkpoint.is_causal:
            yield "readout: pooler: a decoder has none; leave readout out, or choose last, mean or first"
