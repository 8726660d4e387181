"""Text models of Hugging Face's transformers: decoders and encoders, by Hub id, folder or adapter."""

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
    from w2slab.models.hf.hf_network import TextNetwork
    from w2slab.models.hf.tokenizing import Reader, Readings, Texts


@dataclass(frozen=True)
class HuggingFace(Model):
    """Any text model of transformers, by Hub id, folder or adapter; or one of the shipped language ladder.

    Args:
        name: The model's name in the study; a shipped one (`text-100k` ...) where none of `model`, `path`, `package` is
            given.
        model: Hub id, `org/name`, or a folder on disk, as in `from_pretrained`; a folder that exists takes precedence.
        revision: Branch, tag or commit of a Hub model; resolved to a commit when the study is planned.
        path: A folder on disk, a synonym of `model` that is never taken for a Hub id.
        package: A folder inside an installed Python package instead, as `module/folder`.
        adapter: Folder of a LoRA adapter that is merged into the model first.
        layers: Keep the first n blocks, so that one checkpoint gives a ladder; `None` is all.
        tuning: Weights to train: every weight, low-rank adapters on all linear layers, or the new head alone.
        lora_rank: Rank of the adapters.
        lora_alpha: Their scale, in multiples of 1 / rank.
        readout: Input of the head: the last real token, the mean of real tokens, the first token, or the pooler;
            `auto` is the last token of a decoder, and of an encoder the pooling that it was trained with.
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

    has_features: ClassVar[bool] = True
    readouts: ClassVar[tuple[str, ...]] = ("head", "last", "mean", "first", "pooler")

    def __post_init__(self) -> None:
        super().__post_init__()
        places = {"model": self.model, "path": self.path, "package": self.package}
        given = [name for name, place in places.items() if place is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} each say where the weights are; leave all but one out")
        if self.model is not None and Path(self.model).is_dir():  # from here on it is that folder
            object.__setattr__(self, "path", Path(self.model))
            object.__setattr__(self, "model", None)
        if self.revision is not None and self.model is None:
            raise ValueError("revision is that of a Hub model; give its id as `model`, or leave revision out")
        if self.path is not None and (self.path / "adapter_config.json").exists():
            raise ValueError(
                f"path: {self.path} is a LoRA adapter; give it as `adapter`, and the model that it was made for as "
                "`model` or `path`"
            )

    def resolved(self) -> HuggingFace:
        """Return the model with its Hub revision resolved to a commit, after checking that it can be had and used.

        Of a sentence-transformers model of the Hub the readout is resolved, too.

        Raises:
            UnavailableError: The model is neither here nor to be had, or an optional package is missing.
            DataError: A file of the model is missing or malformed.
            StudyError: What is asked of the model does not suit it.
        """
        resolved = self
        if self.model is None:
            checkpoint = self.checkpoint
        else:
            resolved = replace(self, revision=hf_sources.commit(self.model, self.revision))
            checkpoint = hf_sources.require(self.model, str(resolved.revision), self.trust_remote_code)
            # Another cache may hold the same commit without this file, which would change the readout.
            if self.readout == "auto" and (checkpoint.folder / "1_Pooling").is_dir() and not checkpoint.is_causal:
                resolved = replace(resolved, readout=checkpoint.pooling or "auto")
        for problem in self._misfits(checkpoint):
            raise StudyError(f"{self.name}: {problem}")
        if self.model is None:
            checkpoint.tensors()
            checkpoint.require_tokenizer()
        self._require_peft()
        if self.adapter is not None:
            hf_sources.adapter_weights(self.adapter)
        return resolved

    def files(self) -> tuple[Path, ...]:
        """Return the folders on disk that decide the weights: the model's, unless it is of the Hub, and the adapter's.

        Raises:
            StudyError: Nothing says where the weights are, and no shipped model has this name.
            UnavailableError: The package is not installed.
        """
        return (
            *(() if self.model is not None else (self._folder(),)),
            *(() if self.adapter is None else (self.adapter,)),
        )

    def problems(self, examples: Examples) -> Iterable[str]:
        """Refuse tasks without text, or with neither classes nor candidates."""
        if examples.texts is None:
            yield "text models read the column `text`; this task has none"
        elif examples.classes is None and examples.candidates is None:
            yield "the task has neither common classes nor the column `candidates`"

    def build(self, examples: Examples, seed: int) -> TextNetwork:
        """Return the network before finetuning.

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
        return hf_network.build(
            self.checkpoint,
            tokens,
            self.reader.max_length,
            seed,
            readout=self.readout,
            head=self.head,
            tuning=self.tuning,
            layers=self.layers,
            adapter=self.adapter,
            lora_rank=self.lora_rank,
            lora_alpha=self.lora_alpha,
        )

    def encode(self, examples: Examples) -> Readings:
        """Return token ids of all examples: a row for each, or for each of its candidates.

        Raises:
            DataError: The examples have no text, or one that cannot be tokenised; names the example.
        """
        self._check(examples)
        return self._known(self.reader.read(examples))

    def collate(self, encoded: Readings, indices: NDArray[Any]) -> dict[str, torch.Tensor]:
        """Return one batch, padded on the right to its own longest row."""
        return encoded.batch(indices)

    def lengths(self, encoded: Readings) -> NDArray[Any]:
        """Return the tokens of each example, `[N]`; of its longest candidate."""
        return encoded.lengths

    def notes(self, encoded: Readings) -> dict[str, int]:
        """Return how many examples did not fit into `max_length`: `n_truncated`, and `n_answers_cut`."""
        return encoded.notes()

    def reads(self) -> str:
        """Return the digest of tokenizer and length, the same for most models of one ladder."""
        return self.reader.digest

    def save_encoded(self, encoded: Readings, folder: Path) -> None:
        """Write encoded rows into an empty folder."""
        encoded.save(folder)

    def load_encoded(self, folder: Path) -> Readings:
        """Read the rows that `save_encoded` wrote, memory-mapped.

        Raises:
            DataError: A model with the same tokenizer wrote it, and this one does not know all of its tokens.
        """
        from w2slab.models.hf.tokenizing import Readings

        return self._known(Readings.load(folder))

    @property
    def generates(self) -> bool:
        """True for a decoder, which can continue a text."""
        return self._described.is_causal

    def reading_at(self, readout: str) -> HuggingFace:
        """Return the same model with another readout."""
        asked: Any = readout
        return self if readout == "head" else replace(self, readout=asked)

    def starting_from(self, folder: Path) -> HuggingFace:
        """Return the same model with its weights taken from a folder that `save_base` wrote."""
        return replace(self, model=None, revision=None, package=None, adapter=None, path=folder)

    def build_language(self, seed: int) -> Any:
        """Return the causal language model, of which `tuning: lora` trains adapters and everything else all weights.

        Raises:
            DataError: It is no decoder, its output embeddings are missing, or its weights are malformed.
        """
        from w2slab.models.hf import hf_loading

        self._check(None)
        if not self.generates:
            raise DataError(f"{self.name}: an encoder does not continue texts; this needs a decoder")
        model, has_unembedding = hf_loading.load(self.checkpoint, causal=True, layers=self.layers, adapter=self.adapter)
        if not has_unembedding:
            raise DataError(f"{self.checkpoint.folder}: its output embeddings are missing, so it cannot continue texts")
        if self.tuning == "lora":
            hf_loading.add_adapters(model, self.lora_rank, self.lora_alpha, seed)
        return model

    def save_base(self, network: Any, folder: Path) -> None:
        """Write a language model from `build_language`, and its tokenizer, as an ordinary Hugging Face folder.

        Adapters are merged into the network.
        """
        from w2slab.models.hf import hf_loading

        hf_loading.save(network, folder)
        self.reader.tokenizer.save_pretrained(folder)

    def tokens(self, texts: list[str], answers: list[str] | None = None) -> Texts:
        """Return rows of token ids for language modelling or scoring, each with the end-of-text token if there is one.

        Raises:
            DataError: A text cannot be tokenised; names its position.
        """
        return self.reader.texts(texts, answers)

    def n_parameters(self) -> int:
        """Return the number of parameters without the head; no weight is read.

        Raises:
            DataError: The model's config is missing or refused.
        """
        from w2slab.models.hf import hf_loading

        return sum(p.numel() for p in hf_loading.empty(self._described, self.layers).parameters())

    def memory(self, batch_size: int) -> dict[str, int]:
        """Estimate the bytes that finetuning takes at most: rows as long as `max_length`, in one forward pass.

        With P parameters, of which A are trained: weights 4 P; gradients 4 A; AdamW's two means 8 A. For the backward
        pass a block of width D whose feed-forward layer has width F keeps about 12 D + 4 F numbers per token; with
        checkpointing D, and the rest for one block at a time. Attention matrices are not kept (fused attention).

        Args:
            batch_size: Rows of one pass: examples, or candidates of all its examples.

        Returns:
            `weights`, `gradients`, `optimizer`, `activations`, and `activations_checkpointed`.
        """
        from w2slab.models.hf import hf_loading
        from w2slab.models.hf.tokenizing import DEFAULT_LENGTH

        base = hf_loading.empty(self._described, self.layers)
        total, trained, width, inner, blocks = hf_loading.sizes(base, self.tuning, self.lora_rank)
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
        """The whole model on disk, downloaded if necessary.

        Raises:
            UnavailableError: It is neither here nor can it be downloaded.
        """
        if self.model is None:
            return Checkpoint(self._folder(), self.trust_remote_code)
        commit = hf_sources.commit(self.model, self.revision)
        return hf_sources.snapshot(self.model, commit, self.trust_remote_code)

    @cached_property
    def reader(self) -> Reader:
        """The tokenizer, with the largest number of tokens of a text."""
        from w2slab.models.hf import tokenizing

        folder, positions = self.checkpoint.folder, self.checkpoint.positions
        return tokenizing.load(folder, positions, self.max_length, self.trust_remote_code)

    @cached_property
    def _described(self) -> Checkpoint:
        """The model's description: without its weights if it is of the Hub and not here."""
        if self.model is None:
            return self.checkpoint
        commit = hf_sources.commit(self.model, self.revision)
        return hf_sources.require(self.model, commit, self.trust_remote_code)

    def _folder(self) -> Path:
        if self.path is not None:
            return self.path
        return hf_sources.shipped_folder(self.name) if self.package is None else hf_sources.package_folder(self.package)

    def _known(self, rows: Readings) -> Readings:
        """Check that the model knows all tokens of the rows."""
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
        """Yield requests that the model cannot meet, as sentences."""
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
