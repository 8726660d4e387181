"""The base of model families: reading examples and building networks, the same for text, chess and features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from w2slab.errors import JobError
from w2slab.fields import Name, Number
from w2slab.graph.component import NOT_IN_KEY, Component

if TYPE_CHECKING:
    from w2slab.data.examples import Examples
    from w2slab.models.hf.tokenizing import Texts
    from w2slab.models.network import Network


@dataclass(frozen=True)
class Model(Component):
    """A model of the ladder: a frozen dataclass whose fields are what a study may write. Imports without torch.

    `build`, `encode` and `collate` are required; everything else has a default that fits a model trained from scratch
    on the column it reads. The network of `build` is called with a batch of `collate` as keyword arguments and returns
    logits `[B, K]`, `K` the largest number of candidates in the batch. Logits beyond an example's own candidates are a
    large negative finite number (`models.network.HIDDEN`), so that their softmax is 0 and gradients stay finite. Batch
    composition changes a row by rounding only.

    Three groups of members are optional:

    - Networks with features: set `has_features`; they may then be probed, have their heads trained alone
      (`tuning: head`), and have their features read by relabelings. `readouts`, `example_readouts`, `reading_at`.
    - Encoded examples worth caching on disk: `reads`, `save_encoded`, `load_encoded`.
    - Causal language models: set `generates`; `starting_from`, `build_language`, `save_base`, `tokens`.

    Args:
        name: The model's name in the study and its results.
        lr: Learning rate of this model; `None` is the recipe's.
    """

    name: Name = field(metadata=NOT_IN_KEY)
    lr: Annotated[Number, Field(gt=0)] | None = field(default=None, kw_only=True, metadata=NOT_IN_KEY)

    TABLE: ClassVar[str] = "models"
    has_features: ClassVar[bool] = False
    """True if networks of this family have `features` and a head that reads them."""
    readouts: ClassVar[tuple[str, ...]] = ("head",)
    """Names under which `features` can be read; `head` is the input of the network's own head."""
    example_readouts: ClassVar[tuple[str, ...]] = ()
    """Readouts with one row per example even where every candidate has features of its own."""

    @property
    def generates(self) -> bool:
        """True for a causal language model, which can continue a text. Read when a study is planned."""
        return False

    def problems(self, examples: Examples) -> Iterable[str]:
        """Yield the reasons why this model cannot learn this task, as sentences. Called before any job runs."""
        return ()

    def build(self, examples: Examples, seed: int) -> Network:
        """Return the network before finetuning; new weights are drawn from a generator derived from `seed`.

        Raises:
            DataError: The examples do not suit the family, or a file of weights is missing or malformed.
        """
        raise NotImplementedError

    def encode(self, examples: Examples) -> Any:
        """Return all examples of a split in the family's own form, made once per job."""
        raise NotImplementedError

    def collate(self, encoded: Any, indices: np.ndarray) -> dict[str, Any]:
        """Return one batch of tensors of the examples at `indices`, padded only as far as its largest example needs."""
        raise NotImplementedError

    def lengths(self, encoded: Any) -> np.ndarray:
        """Return the cost of each example, `[N]`; predictions are made in batches of similar length."""
        return np.ones(len(encoded), dtype=np.int64)

    def notes(self, encoded: Any) -> Mapping[str, int]:
        """Return counts worth reporting of a split, such as texts that were truncated."""
        return {}

    def reading_at(self, readout: str) -> Self:
        """Return the model whose networks give the features of a readout."""
        return self

    def n_parameters(self) -> int | None:
        """Return the parameters of a network without building it; `None` if that depends on the data."""
        return None

    def memory(self, batch_size: int) -> dict[str, int] | None:
        """Return an estimate of the bytes that finetuning takes, by purpose; `None` if the family has none.

        Args:
            batch_size: Rows of one pass.

        Returns:
            `weights`, `gradients`, `optimizer`, `activations`, and `activations_checkpointed`.
        """
        return None

    def reads(self) -> str | None:
        """Return what decides the encoded rows beside the examples, equal for models that encode alike.

        `None`: encoding is cheap, and nothing is cached.
        """
        return None

    def save_encoded(self, encoded: Any, folder: Path) -> None:
        """Write encoded rows into an empty folder."""
        raise self._unable("its encoded examples cannot be cached")

    def load_encoded(self, folder: Path) -> Any:
        """Read the rows that `save_encoded` wrote, memory-mapped where they are large."""
        raise self._unable("its encoded examples cannot be cached")

    def starting_from(self, folder: Path) -> Self:
        """Return the same model with its weights taken from a folder that `save_base` wrote."""
        raise self._unable("it cannot start from a language model")

    def build_language(self, seed: int) -> Any:
        """Return the causal language model itself, `(input_ids, attention_mask) -> object with logits [B, T, V]`."""
        raise self._unable("no causal language model; it cannot continue a text")

    def save_base(self, network: Any, folder: Path) -> None:
        """Write a language model of `build_language` and its tokenizer as a folder that `starting_from` takes."""
        raise self._unable("no causal language model; it cannot continue a text")

    def tokens(self, texts: list[str], answers: list[str] | None = None) -> Texts:
        """Return rows of token ids for language modelling or scoring."""
        raise self._unable("no causal language model; it cannot continue a text")

    def _unable(self, what: str) -> JobError:
        return JobError(f"{self.name}: {what}")
