"""What a model family is: how a kind of model reads examples and is built, the same for text, chess and features."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

from pydantic import Field

from w2slab.fields import Name, Number
from w2slab.graph.component import NOT_IN_KEY, Component

if TYPE_CHECKING:
    import numpy as np
    import torch

    from w2slab.data.examples import Examples


@dataclass(frozen=True)
class Model(Component):
    """A model of the ladder: a pretrained network, how it reads examples and is built. Imports without torch.

    The network that `build` gives is called with a batch of `collate` as keyword arguments and returns logits
    `[B, K]`, `K` the most candidates that an example of the batch has. Where an example has fewer, its logits are a
    large negative finite number, so that a softmax gives 0 there and gradients stay numbers. Batch composition
    changes a row by rounding only.

    Args:
        name: Name of the rung.
        lr: Learning rate of this rung; `None` is the recipe's.
    """

    name: Name = field(metadata=NOT_IN_KEY)
    lr: Annotated[Number, Field(gt=0)] | None = field(default=None, kw_only=True, metadata=NOT_IN_KEY)

    TABLE: ClassVar[str] = "models"
    has_features: ClassVar[bool] = False
    """Its networks have `features` and a head that reads them."""
    readouts: ClassVar[tuple[str, ...]] = ("head",)
    """The features that can be read of an example, `head` first."""
    example_readouts: ClassVar[tuple[str, ...]] = ()
    """Readouts that give an example one row even where its candidates have rows of their own."""

    @property
    def generates(self) -> bool:
        """Whether it is a causal language model: one that can continue a text. Asked when a study is planned."""
        return False

    def problems(self, examples: Examples) -> Iterable[str]:
        """Return why this model cannot learn this task, as sentences; usually nothing. Asked before any job runs."""
        return ()

    def build(self, examples: Examples, seed: int) -> torch.nn.Module:
        """The network before finetuning; what is not pretrained is drawn from a named generator of `seed`.

        Raises:
            DataError: The examples do not suit the family, or a file of weights is missing or malformed.
        """
        raise NotImplementedError

    def encode(self, examples: Examples) -> Any:
        """What the family needs of all examples of a split, made once."""
        raise NotImplementedError

    def collate(self, encoded: Any, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """One batch of the examples at `indices`, padded only to the most that one of them needs."""
        raise NotImplementedError

    def lengths(self, encoded: Any) -> np.ndarray:
        """Cost of each example, `[N]`; predictions are made in batches of like length."""
        raise NotImplementedError


class CachedReading(Protocol):
    """A family whose `encode` is worth keeping on disk: once for a split and all models that read alike."""

    def reads(self) -> str:
        """What decides the encoded rows, beside the examples: equal for two models that read alike."""
        ...

    def save_encoded(self, encoded: Any, folder: Path) -> None:
        """Write encoded rows into an empty folder."""
        ...

    def load_encoded(self, folder: Path) -> Any:
        """Read what `save_encoded` wrote, mapped from disk."""
        ...


class LanguageFamily(Protocol):
    """A family whose networks are, before finetuning, language models. What the protocols of methods ask beyond it.

    As for tasks, `resolved() -> Self` may settle names that could come to mean something else; see `tasks.task`.
    """

    @property
    def generates(self) -> bool:
        """Whether it is a causal language model: one that can continue a text. Asked when a study is planned."""
        ...

    def starting_from(self, folder: Path) -> Any:
        """The same family, its weights taken from a folder that `save_base` wrote."""
        ...

    def build_language(self, seed: int) -> Any:
        """The causal language model itself, `(input_ids, attention_mask) -> object with logits [B, T, V]`."""
        ...

    def save_base(self, network: Any, folder: Path) -> None:
        """Write a language model from `build_language`, and how it reads, as a folder that `starting_from` takes."""
        ...

    def tokens(self, texts: list[str], answers: list[str] | None = None) -> Any:
        """Rows of token ids for language modelling or scoring: `models.hf_reading.Texts`."""
        ...


class FeatureNetwork(Protocol):
    """A network with a head over features: what probes and heads need beside its logits.

    A family of such networks says so when a study is planned, by an attribute `has_features` that is true. `readouts`
    names what can be read, `head` first; `example_readouts` those of them that give an example one row even where its
    candidates have rows of their own. A family whose networks must be made for a readout has `reading_at(readout)`,
    which gives the family that makes them.
    """

    def features(self, *, readout: str = "head", layer: int | None = None, **batch: torch.Tensor) -> torch.Tensor:
        """Frozen features, `[R, D]`: a row per example, or one per candidate, example by example in order.

        Args:
            readout: One of the family's `readouts`; `head` is what the network's own head reads.
            layer: Block after which it is read, counted from 1; `None` is the last.
            batch: What `forward` takes.

        Raises:
            DataError: There is no such layer.
        """
        ...
