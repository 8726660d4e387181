"""The network of the chess ladder: pieces read each other along lines of attack, moves read the pieces they touch."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from w2slab.errors import DataError
from w2slab.models.chessformer.architecture import Architecture
from w2slab.models.network import HIDDEN, Network


class FeedForward(nn.Module):
    """A residual two-layer perceptron."""

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the states `[..., D]` behind the block."""
        return x + self.down(F.relu(self.up(self.norm(x))))


class PieceBlock(nn.Module):
    """Pieces read all pieces by softmax attention and those on their lines of attack by plain sums."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.heads = a.heads
        self.inner = a.width // 2 if a.heads else 0
        self.relation_width = max(2, a.width // 2)
        self.norm = nn.LayerNorm(a.width)
        self.project = nn.Linear(a.width, 3 * self.inner + 4 * self.relation_width)
        self.out = nn.Linear(self.inner + 4 * self.relation_width, a.width)
        self.feed = FeedForward(a.width, a.expansion)

    def forward(self, x: Tensor, bias: Tensor | None, relations: Tensor) -> Tensor:
        """Return the states `[B, T, D]` behind the block; `bias` is `[B, 1, 1, T]`, `relations` are `[B, 4, T, T]`."""
        B, T, _ = x.shape
        projected = self.project(self.norm(x))
        queries_keys_values, values = projected.split([3 * self.inner, 4 * self.relation_width], dim=-1)
        summed = relations @ values.view(B, T, 4, self.relation_width).transpose(1, 2)
        read = summed.transpose(1, 2).reshape(B, T, 4 * self.relation_width)
        if self.inner:
            read = torch.cat([self._attend(queries_keys_values, bias), read], dim=-1)
        return self.feed(x + self.out(read))

    def _attend(self, queries_keys_values: Tensor, bias: Tensor | None) -> Tensor:
        """Softmax attention written out: at two dozen tokens it is faster on a CPU than the fused kernel."""
        B, T, _ = queries_keys_values.shape
        size = self.inner // self.heads
        q, k, v = queries_keys_values.view(B, T, 3, self.heads, size).permute(2, 0, 3, 1, 4)
        scores = (q * size**-0.5) @ k.transpose(-1, -2)
        if bias is not None:
            scores = scores + bias
        return (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(B, T, self.inner)


class ChessformerNetwork(Network):
    """One logit per legal move."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.architecture = a
        d = a.width
        self.piece = nn.Embedding(13, d)
        self.square = nn.Embedding(64, d)
        self.castling = nn.Embedding(16, d)
        self.passant = nn.Embedding(9, d)
        self.blocks = nn.ModuleList(PieceBlock(a) for _ in range(a.layers))
        self.norm = nn.LayerNorm(d)
        self.read = nn.Linear(d, 4 * d)
        self.destination = nn.Embedding(64, d)
        self.becomes = nn.Embedding(7, d)
        self.move_blocks = nn.ModuleList(FeedForward(d, a.expansion) for _ in range(a.move_layers))
        self.move_norm = nn.LayerNorm(d)
        self.logit = nn.Linear(d, 1)

    def forward(self, **batch: Tensor) -> Tensor:
        """Return the logits `[B, M]` of the moves; those of padding are `HIDDEN`.

        Args:
            batch: Arguments of `_states`.
        """
        _, y = self._states(**batch)
        return self.logit(y).squeeze(-1).masked_fill(batch["becomes"] == 0, HIDDEN)

    def head_layer(self) -> nn.Linear:
        """Return the layer that reads the states of moves."""
        return self.logit

    def features(self, *, readout: str = "head", layer: int | None = None, **batch: Tensor) -> Tensor:
        """States of moves or of positions, `[R, D]`, example by example in order.

        Args:
            readout: `head`, what `logit` reads, a row per move; `state`, the token that stands for the whole position
                among its pieces, a row per position; `with-state`, both side by side, a row per move.
            layer: Block of pieces after which `state` is read, counted from 1; the last is followed by its norm.
            batch: What `forward` takes.

        Raises:
            DataError: There is no such block, or the readout is not made by one.
        """
        blocks = len(self.blocks)
        if layer is not None and readout != "state":
            raise DataError(f'layer: "{readout}" is read behind the last block; leave layer out, or read out "state"')
        if layer is not None and not 1 <= layer <= blocks:
            raise DataError(f"layer: {layer} is not there; the network has {blocks} blocks of pieces")
        if readout == "state":
            return self._pieces(batch["pieces"], batch["squares"], batch["states"], batch["relations"], layer)[:, 0]
        x, y = self._states(**batch)
        real = batch["becomes"] != 0
        if readout == "head":
            return y[real]
        return torch.cat([y, x[:, :1].expand(-1, y.shape[1], -1)], dim=-1)[real]

    def _pieces(
        self, pieces: Tensor, squares: Tensor, states: Tensor, relations: Tensor, layer: int | None = None
    ) -> Tensor:
        """States `[B, T, D]` of the position and its pieces behind a block, or behind the last and its norm."""
        state = self.castling(states[:, 0]) + self.passant(states[:, 1])
        x = torch.cat([state[:, None], self.piece(pieces) + self.square(squares)], dim=1)
        bias = None
        if not bool(pieces.all()):  # padding is not attended to
            bias = F.pad(pieces == 0, (1, 0)).to(x.dtype)[:, None, None, :] * HIDDEN
        last = len(self.blocks) if layer is None else layer
        for block in self.blocks[:last]:
            x = block(x, bias, relations)
        return self.norm(x) if last == len(self.blocks) else x

    def _states(
        self,
        pieces: Tensor,
        squares: Tensor,
        states: Tensor,
        relations: Tensor,
        movers: Tensor,
        captured: Tensor,
        destinations: Tensor,
        becomes: Tensor,
        touches: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return states of the position and its pieces `[B, T, D]`, and of the moves `[B, M, D]`, behind their norms.

        Args:
            pieces: `[B, P]`, 1-12; 0 is padding. A state of the whole position is put before them: T = P + 1.
            squares: `[B, P]`, the squares of the pieces.
            states: `[B, 2]`, castling rights and en passant file + 1.
            relations: `[B, 4, T, T]`, 1.0 where a piece attacks another, is attacked by it, and both through one piece.
            movers: `[B, M]`, index of the moving piece among `pieces`.
            captured: `[B, M]`, index of the captured one of the T; 0 is none.
            destinations: `[B, M]`, the square of arrival.
            becomes: `[B, M]`, the kind of piece there, 1-6; 0 is padding.
            touches: `[B, M, 2T]`, 1.0 where the moved piece would attack one of the T, then where that one reaches it.
        """
        B, P = pieces.shape
        T = P + 1
        d = self.architecture.width
        x = self._pieces(pieces, squares, states, relations)
        flat = torch.arange(B, device=x.device)[:, None] * T
        # What is said to its own moves, to those that take it, and to moves that touch it.
        own, taken, *touched = self.read(x).split(d, dim=-1)
        y = F.embedding(movers + 1 + flat, own.reshape(-1, d)) + F.embedding(captured + flat, taken.reshape(-1, d))
        y = y + self.destination(destinations) + self.becomes(becomes)
        y = y + touches @ torch.cat(touched, dim=1)  # [B, M, 2T] moves that would attack it, moves that it reaches
        for block in self.move_blocks:
            y = block(y)
        return x, self.move_norm(y)


def build(architecture: Architecture, seed: int) -> ChessformerNetwork:
    """A network with first weights drawn from a generator of its own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ChessformerNetwork(architecture)


def write_weights(network: ChessformerNetwork, path: Path, dtype: torch.dtype = torch.float16) -> None:
    """Write the weights with the architecture beside them in one file, in one rename."""
    tensors = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in network.state_dict().items()}
    unfinished = path.with_name(path.name + ".unfinished")
    save_file(tensors, unfinished, {"architecture": json.dumps(asdict(network.architecture))})
    unfinished.chmod(0o644)  # safetensors lets nobody but the owner read
    unfinished.replace(path)


def read_weights(path: Path) -> ChessformerNetwork:
    """The network of a file that `write_weights` made, in float32.

    Raises:
        DataError: The file is missing, damaged or of another kind.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            facts = json.loads((stored.metadata() or {}).get("architecture", "null"))
            tensors = {name: stored.get_tensor(name).float() for name in stored.keys()}
        if facts is None:
            raise ValueError("no architecture inside")
        network = build(Architecture(**facts), 0)
        network.load_state_dict(tensors)
    except (SafetensorError, OSError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: no weights of a chessformer ({reason}); make some: w2slab chess pretrain") from None
    return network
