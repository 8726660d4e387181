"""The network of the chess ladder: pieces read each other along lines of attack, moves read the pieces they touch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Architecture:
    """Shape of a chessformer.

    Args:
        width: Size of a piece's and of a move's state.
        layers: Blocks over the pieces.
        heads: Softmax heads of a block; 0 leaves the lines of attack only.
        move_layers: Blocks over the moves.
        expansion: Width of a feed-forward layer, in multiples of `width`.
        reads: What a move sees beside its own piece: nothing, or the pieces it would attack and be reached by.
    """

    width: int
    layers: int
    heads: int
    move_layers: int = 1
    expansion: int = 2
    relation_width: int = 0
    reads: bool = True


class FeedForward(nn.Module):
    """A residual two-layer perceptron."""

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(F.relu(self.up(self.norm(x))))


class PieceBlock(nn.Module):
    """Pieces read all pieces by softmax attention and those on their lines of attack by plain sums."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.heads = a.heads
        self.inner = a.width if a.heads else 0
        self.relation_width = a.relation_width or max(4, a.width // 2)
        self.norm = nn.LayerNorm(a.width)
        self.project = nn.Linear(a.width, 3 * self.inner + 4 * self.relation_width)
        self.out = nn.Linear(self.inner + 4 * self.relation_width, a.width)
        self.feed = FeedForward(a.width, a.expansion)

    def forward(self, x: Tensor, mask: Tensor | None, relations: Tensor) -> Tensor:
        B, T, _ = x.shape
        inner, r = self.inner, self.relation_width
        projected = self.project(self.norm(x))
        qkv, values = projected.split([3 * inner, 4 * r], dim=-1)
        # relations [B, 4, T, T]
        summed = relations @ values.view(B, T, 4, r).transpose(1, 2)
        read = summed.transpose(1, 2).reshape(B, T, 4 * r)
        if inner:
            q, k, v = qkv.view(B, T, 3, self.heads, inner // self.heads).permute(2, 0, 3, 1, 4)
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
            read = torch.cat([attended.transpose(1, 2).reshape(B, T, inner), read], dim=-1)
        return self.feed(x + self.out(read))


class ChessformerNetwork(nn.Module):
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
        self.read = nn.Linear(d, (4 if a.reads else 2) * d)
        self.destination = nn.Embedding(64, d)
        self.becomes = nn.Embedding(7, d)
        self.move_blocks = nn.ModuleList(FeedForward(d, a.expansion) for _ in range(a.move_layers))
        self.move_norm = nn.LayerNorm(d)
        self.logit = nn.Linear(d, 1)

    def forward(
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
    ) -> Tensor:
        B, P = pieces.shape
        T, M = P + 1, movers.shape[1]
        state = self.castling(states[:, 0]) + self.passant(states[:, 1])
        x = torch.cat([state[:, None], self.piece(pieces) + self.square(squares)], dim=1)
        mask = None
        if not bool(pieces.all()):
            mask = F.pad(pieces > 0, (1, 0), value=True)[:, None, None, :]
        for block in self.blocks:
            x = block(x, mask, relations)
        d = self.architecture.width
        read = self.read(self.norm(x))
        flat = torch.arange(B, device=x.device)[:, None] * T
        own, taken, *touched = read.split(d, dim=-1)
        y = F.embedding(movers + 1 + flat, own.reshape(-1, d)) + F.embedding(captured + flat, taken.reshape(-1, d))
        y = y + self.destination(destinations) + self.becomes(becomes)
        if touched:
            y = y + touches @ torch.cat(touched, dim=1)  # [B, M, 2T] @ [B, 2T, D]
        for block in self.move_blocks:
            y = block(y)
        return self.logit(self.move_norm(y)).squeeze(-1).masked_fill(becomes == 0, -1e9)
