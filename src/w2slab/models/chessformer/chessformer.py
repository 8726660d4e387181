"""The chess ladder: networks that read the pieces of a position and give a logit to each legal move.

Importing this module costs no torch; the network is in `chessformer_network`.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from w2slab.errors import DataError
from w2slab.models.chessformer.positions import Positions, Sight, collate, encode_positions
from w2slab.models.model import Model

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from w2slab.data.examples import Examples
    from w2slab.models.chessformer.chessformer_network import ChessformerNetwork

SHIPPED = Path(__file__).parents[2] / "assets" / "chess"


@dataclass(frozen=True)
class Chessformer(Model):
    """A pretrained chess network; its candidates are the legal moves of a position, in the table's order.

    Args:
        name: The model's name in the study: one of the shipped ladder's, or any if `path` is given.
        path: A file of `w2slab chess pretrain`, or the folder it wrote; `None` is the shipped model of that name.
    """

    path: Path | None = None

    readouts: ClassVar[tuple[str, ...]] = ("head", "state", "with-state")
    example_readouts: ClassVar[tuple[str, ...]] = ("state",)
    has_features: ClassVar[bool] = True

    def files(self) -> tuple[Path, ...]:
        """Return the file of weights."""
        if self.path is None:
            return (SHIPPED / f"{self.name}.safetensors",)
        return (self.path / f"{self.name}.safetensors" if self.path.is_dir() else self.path,)

    def n_parameters(self) -> int | None:
        """Return the parameters of the network, read from the head of its file; `None` where there is no such file."""
        try:
            with self.files()[0].open("rb") as file:
                (size,) = struct.unpack("<Q", file.read(8))
                head = json.loads(file.read(min(size, 1 << 24)))
            return sum(math.prod(entry["shape"]) for name, entry in head.items() if name != "__metadata__")
        except (OSError, ValueError, struct.error, KeyError, AttributeError, TypeError):
            return None

    def problems(self, examples: Examples) -> Iterable[str]:
        """Refuse examples that are not chess positions."""
        if examples.candidates is None or examples.chess_positions is None:
            yield "a chessformer reads chess positions (columns fen, candidates); use another model for this task"

    def build(self, examples: Examples, seed: int) -> ChessformerNetwork:
        """Return the pretrained network; nothing in it is new, so nothing is drawn from `seed`.

        Raises:
            DataError: The file of weights is missing or malformed.
        """
        from w2slab.models.chessformer.chessformer_network import read_weights

        return read_weights(self.files()[0])

    def encode(self, examples: Examples) -> Positions:
        """Return boards and legal moves of all examples.

        Raises:
            DataError: An example is no chess position, or one of its moves does not fit it; names the example.
        """
        for problem in self.problems(examples):
            raise DataError(f"{self.name}: {problem}")
        fens, moves = examples.chess_positions or [], examples.candidates or []
        return encode_positions(fens, moves, examples.ids)

    def reads(self) -> str:
        """Return the version of `encode_positions`, the same for all sizes; raise it when the encoding changes."""
        return "positions 1"

    def save_encoded(self, encoded: Positions, folder: Path) -> None:
        """Write positions and their relations into an empty folder."""
        assert encoded.sight is not None
        for name, array in {**_arrays(encoded), **_arrays(encoded.sight, "sight.")}.items():
            np.save(folder / f"{name}.npy", array)

    def load_encoded(self, folder: Path) -> Positions:
        """Read the positions that `save_encoded` wrote, memory-mapped."""
        read = {path.stem: np.asarray(np.load(path, mmap_mode="r")) for path in folder.glob("*.npy")}
        sight = Sight(**{f.name: read.pop(f"sight.{f.name}") for f in fields(Sight)})
        return Positions(**read, sight=sight)

    def collate(self, encoded: Positions, indices: NDArray[np.integer]) -> dict[str, torch.Tensor]:
        """Return one batch, padded to its own largest numbers of pieces and moves."""
        return collate(encoded, indices, encoded.sight)

    def lengths(self, encoded: Positions) -> NDArray[np.int64]:
        """Return the pieces and moves of each position, `[N]`."""
        return np.count_nonzero(encoded.boards, axis=1) + encoded.counts.astype(np.int64)


def _arrays(of: Positions | Sight, prefix: str = "") -> dict[str, NDArray[Any]]:
    """Its arrays by name."""
    found = {prefix + f.name: getattr(of, f.name) for f in fields(of)}
    return {name: array for name, array in found.items() if isinstance(array, np.ndarray)}
