"""The networks of text models: a pretrained body, where it is read out, and a linear head without bias."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from w2slab.errors import DataError
from w2slab.models.hf.hf_loading import add_adapters, load
from w2slab.models.hf.hf_sources import Checkpoint, Readout
from w2slab.models.hf.pooling import read_out, read_state
from w2slab.models.hf.tokenizing import split_by_length
from w2slab.models.network import HIDDEN, Network

# What a pass forward and back costs beside its tokens, in tokens: on a CPU measured with GPT-2s of 1 to 6 million
# parameters (42 to 68); elsewhere, where a pass waits for its kernels, a guess.
OVERHEAD = {"cpu": 64, "others": 1024}


class TextNetwork(Network):
    """Logits of classes, or of the candidates of each example.

    Args:
        base: A model of transformers without a head of its own.
        readout: Where the head reads.
        head: `[C, D]`, first weights of the head: a row per class, or one row for a score.
        is_base_trained: Whether anything in `base` is; if not, it runs without gradient.
    """

    def __init__(self, base: Any, readout: Readout, head: Tensor, is_base_trained: bool) -> None:
        super().__init__()
        self.base = base
        self.readout = readout
        self.head = nn.utils.skip_init(nn.Linear, head.shape[1], head.shape[0], bias=False)
        self.head.weight.data.copy_(head)
        self.is_base_trained = is_base_trained
        takes = inspect.signature(base.forward).parameters
        self._without_cache = {"use_cache": False} if "use_cache" in takes else {}
        self._first_position = _first_position(base) if "position_ids" in takes else None

    def forward(self, input_ids: Tensor, attention_mask: Tensor, places: Tensor | None = None) -> Tensor:
        """Return logits, float32 `[B, K]`.

        Args:
            input_ids: `[R, T]`, any id where the mask is 0.
            attention_mask: `[R, T]`, 1 for real tokens; padding may stand on either side.
            places: `[B, K]`, the row of each candidate, -1 where there is none; `None` where rows are examples.
        """
        logits: Tensor = self.head(self.features(input_ids=input_ids, attention_mask=attention_mask)).float()
        if places is None:
            return logits
        return logits[:, 0][places.clamp(min=0)].masked_fill(places < 0, HIDDEN)

    def features(self, *, readout: str = "head", layer: int | None = None, **batch: Tensor) -> Tensor:
        """Return states of texts, `[R, D]`: a row per example, or one per candidate, example by example in order.

        Args:
            readout: Where they are read; `head` is where the head reads.
            layer: Block after which they are read, counted from 1; `None` is the last, with the norm behind it.
            batch: What `forward` takes.

        Raises:
            DataError: There is no such block, or the pooler is to read it.
        """
        where: Any = self.readout if readout == "head" else readout
        if layer is not None:
            self._check_layer(layer, where)
        ids, mask = batch["input_ids"], batch["attention_mask"]
        ends = (mask * torch.arange(1, mask.shape[1] + 1, device=mask.device)).amax(dim=1).tolist()
        parts = split_by_length(np.array(ends), OVERHEAD["cpu" if mask.device.type == "cpu" else "others"])
        # Where processes keep a part of the weights each (FSDP2), all must pass through the network equally often.
        if len(parts) == 1 or any(kind.__name__ == "FSDPModule" for kind in type(self).__mro__):
            return self._states(ids, mask, where, layer)
        rows = [torch.from_numpy(part).to(mask.device) for part in parts]
        longest = [max(ends[row] for row in part) for part in parts]
        states = [self._states(ids[r, :n], mask[r, :n], where, layer) for r, n in zip(rows, longest, strict=True)]
        return torch.cat(states)[torch.cat(rows).argsort()]

    def _check_layer(self, layer: int, readout: Readout) -> None:
        blocks = int(self.base.config.get_text_config().num_hidden_layers)
        if not 1 <= layer <= blocks:
            raise DataError(f"layer: {layer} is not there; the model has {blocks} blocks")
        if readout == "pooler":
            raise DataError("layer: a pooler reads the last block alone; leave layer out, or choose another readout")

    def _states(self, ids: Tensor, mask: Tensor, readout: Readout, layer: int | None) -> Tensor:
        positions = {}
        if self._first_position is not None:
            positions["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0) + self._first_position
        with nullcontext() if self.is_base_trained else torch.no_grad():
            wanted = {} if layer is None else {"output_hidden_states": True}
            states = self.base(input_ids=ids, attention_mask=mask, **positions, **self._without_cache, **wanted)
        if layer is None:
            return read_out(states, mask, readout)
        return read_state(states.hidden_states[layer], mask, readout)

    def checkpoint_activations(self) -> bool:
        """Keep only the input of each block, and compute the rest again for the backward pass.

        transformers' own switch acts on networks in training mode only, and those have dropout.
        """
        checkpoint_blocks(self.base)
        return True


def checkpoint_blocks(model: nn.Module) -> None:
    """Make every block of a model of transformers keep only its input while gradients are computed."""
    from torch.utils.checkpoint import checkpoint
    from transformers.modeling_layers import GradientCheckpointingLayer

    def checkpointed(forward: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            if torch.is_grad_enabled():
                return checkpoint(forward, *args, use_reentrant=False, preserve_rng_state=False, **kwargs)
            return forward(*args, **kwargs)

        return run

    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer):
            module.forward = checkpointed(module.forward)


def build(
    checkpoint: Checkpoint,
    digits: Sequence[int | None],
    longest: int,
    seed: int,
    *,
    readout: Literal["auto"] | Readout,
    head: Literal["auto", "unembedding", "zero"],
    tuning: Literal["full", "lora", "head"],
    layers: int | None,
    adapter: Path | None,
    lora_rank: int,
    lora_alpha: float,
) -> TextNetwork:
    """Return the network before finetuning.

    Args:
        checkpoint: Where the weights are.
        digits: For each row of the head, the token whose output embedding it begins with; `None` where there is none.
        longest: Tokens of the longest row that may come.
        seed: Decides first weights of adapters.
        readout: Input of the head.
        head: First weights of the head.
        tuning: Weights to train.
        layers: Blocks to keep; `None` is all.
        adapter: Folder of an adapter to merge first.
        lora_rank: Rank of the adapters of `tuning: lora`.
        lora_alpha: Their scale, in multiples of 1 / rank.

    Raises:
        DataError: The weights are missing, malformed, or do not fit the config.
    """
    chosen = _readout(checkpoint, readout)
    model, has_unembedding = load(
        checkpoint, causal=checkpoint.is_causal, layers=layers, adapter=adapter, with_pooler=chosen == "pooler"
    )
    base = model.base_model if checkpoint.is_causal else model
    _check_positions(base, longest, checkpoint.folder)
    output = model.get_output_embeddings() if has_unembedding else None
    rows = _first_rows(base, output, head, list(digits), checkpoint.folder)
    for name, parameter in base.named_parameters():
        parameter.requires_grad_(tuning != "head" and (chosen == "pooler" or not name.startswith("pooler.")))
    if tuning == "lora":
        add_adapters(base, lora_rank, lora_alpha, seed)
    network = TextNetwork(base, chosen, rows, tuning != "head")
    network.eval()
    return network


def _readout(checkpoint: Checkpoint, asked: Literal["auto"] | Readout) -> Readout:
    if asked != "auto":
        return asked
    if checkpoint.is_causal:
        return "last"
    return checkpoint.pooling or ("pooler" if checkpoint.has_pooler else "first")


def _first_rows(base: Any, output: Any, head: str, digits: list[int | None], folder: Path) -> Tensor:
    """Return first weights of the head: rows of the output embeddings, if there are any, or zero."""
    tokens = [digit for digit in digits if digit is not None]
    if head != "zero" and output is not None and len(tokens) == len(digits):
        rows: Tensor = output.weight.detach()[torch.tensor(tokens)].clone()
        return rows
    if head == "unembedding":
        why = "it has no output embeddings" if output is None else "a number of a class is no token of its own"
        raise DataError(f"{folder}: head: unembedding: {why}; choose head: zero")
    width = base.config.get_text_config().hidden_size if output is None else output.weight.shape[1]
    return torch.zeros(len(digits), width)


def _first_position(base: nn.Module) -> int:
    """Return the position of the first token: RoBERTa and its relatives count from behind the one of padding."""
    for name, module in base.named_modules():
        padding = vars(module).get("padding_idx")
        if name.endswith("position_embeddings") and padding is not None:
            return int(padding) + 1
    return 0


def _check_positions(base: nn.Module, longest: int, folder: Path) -> None:
    for name, module in base.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            most = module.num_embeddings - _first_position(base)
            if longest > most:
                raise DataError(
                    f"{folder}: max_length {longest} is more than the model takes; set it to {most} at most"
                )
