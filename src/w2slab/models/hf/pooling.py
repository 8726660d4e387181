"""Where a text is read: one state of those that a model gives its tokens."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

Readout = Literal["last", "mean", "first", "pooler"]


def read_out(states: Any, mask: Tensor, readout: Readout) -> Tensor:
    """One state per row, `[R, D]`, from what a model of transformers gives and the mask `[R, T]` of real tokens."""
    if readout == "pooler":
        pooled: Tensor = states.pooler_output
        return pooled
    return read_state(states.last_hidden_state, mask, readout)


def read_state(hidden: Tensor, mask: Tensor, readout: Readout) -> Tensor:
    """One state per row, `[R, D]`, of those of its tokens `[R, T, D]`."""
    if readout == "mean":
        weights = mask.to(hidden.dtype)[:, :, None]
        return (hidden * weights).sum(dim=1) / weights.sum(dim=1)
    columns = torch.arange(mask.shape[1], device=mask.device)
    if readout == "last":
        chosen = (mask * columns).argmax(dim=1)
    else:
        chosen = (mask * (columns.flip(0) + 1)).argmax(dim=1)
    return hidden[torch.arange(len(hidden), device=hidden.device), chosen]
