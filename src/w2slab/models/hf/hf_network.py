"""The networks of text models: a pretrained body, where it is read out, and a linear head without bias."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from w2slab.errors import DataError
from w2slab.models.hf.hf_sources import Checkpoint, adapter_weights
from w2slab.models.hf.pooling import Readout, read_out, read_state
from w2slab.models.hf.tokenizing import split_by_length
from w2slab.randomness import derived_seed

if TYPE_CHECKING:
    from w2slab.models.hf.huggingface import HuggingFace

# What a pass forward and back costs beside its tokens, in tokens: on a CPU measured with GPT-2s of 1 to 6 million
# parameters (42 to 68); elsewhere, where a pass waits for its kernels, a guess.
OVERHEAD = {"cpu": 64, "others": 1024}
HIDDEN = -1e9  # the logit of a candidate that an example does not have; finite, so that gradients stay numbers


class TextNetwork(nn.Module):
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
        """Logits, float32 `[B, K]`.

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
        """States of texts, `[R, D]`: a row per example, or one per candidate, example by example in order.

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

    def checkpoint_activations(self) -> None:
        """Keep only what goes into each block, and compute the rest again for the backward pass.

        transformers' own switch acts on networks in training mode only, and there is dropout in those.
        """
        checkpoint_blocks(self.base)


def checkpoint_blocks(model: nn.Module) -> None:
    """Let every block of a model of transformers keep its input alone while gradients are wanted."""
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
    family: HuggingFace, checkpoint: Checkpoint, digits: Iterable[int | None], longest: int, seed: int
) -> TextNetwork:
    """The network before finetuning.

    Args:
        family: What is asked for.
        checkpoint: Where the weights are.
        digits: For each row of the head, the token whose output embedding it begins with; `None` where there is none.
        longest: Tokens of the longest row that may come.
        seed: Decides first weights of adapters.

    Raises:
        DataError: The weights are missing, malformed, or do not fit the config.
    """
    readout: Any = family.readout
    if readout == "auto" and checkpoint.is_causal:
        readout = "last"
    elif readout == "auto":
        readout = checkpoint.pooling or ("pooler" if checkpoint.has_pooler else "first")
    model, has_unembedding = load(
        checkpoint,
        causal=checkpoint.is_causal,
        layers=family.layers,
        adapter=family.adapter,
        with_pooler=readout == "pooler",
    )
    base = model.base_model if checkpoint.is_causal else model
    _check_positions(base, longest, checkpoint.folder)
    output = model.get_output_embeddings() if has_unembedding else None
    head = _first_rows(base, output, family.head, list(digits), checkpoint.folder)
    for name, parameter in base.named_parameters():
        parameter.requires_grad_(family.tuning != "head" and (readout == "pooler" or not name.startswith("pooler.")))
    if family.tuning == "lora":
        add_adapters(base, family.lora_rank, family.lora_alpha, seed)
    return TextNetwork(base, readout, head, family.tuning != "head").eval()


def load(
    checkpoint: Checkpoint, *, causal: bool, layers: int | None, adapter: Path | None, with_pooler: bool = False
) -> tuple[Any, bool]:
    """A model of transformers with fp32 weights, with its language head if `causal` and else without any.

    Returns:
        The model in evaluation mode, and whether its output embeddings were in the checkpoint.

    Raises:
        DataError: The weights are missing, malformed, or do not fit the config.
    """
    from transformers import AutoModel, AutoModelForCausalLM

    config = _config(checkpoint, layers)
    checkpoint.weights()
    kind = AutoModelForCausalLM if causal else AutoModel
    options = {} if causal or not _may_go_without_pooler(config) else {"add_pooling_layer": with_pooler}
    with _quiet(), torch.random.fork_rng(devices=[]):
        try:
            model, report = kind.from_pretrained(
                checkpoint.folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=checkpoint.trust_remote_code,
                output_loading_info=True,
                **options,
            )
        except Exception as error:  # whatever a malformed file makes the library raise
            raise DataError(f"{checkpoint.folder}: cannot be loaded: {_first_line(error)}") from error
        has_unembedding = _check_report(model, report, layers, with_pooler, checkpoint.folder)
        if adapter is not None:
            model = _merged_adapter(model, adapter, layers)
    return model.eval(), has_unembedding


def empty(checkpoint: Checkpoint, layers: int | None) -> Any:
    """The model without its head and without memory for weights."""
    from transformers import AutoModel, AutoModelForCausalLM

    kind = AutoModelForCausalLM if checkpoint.is_causal else AutoModel
    with _quiet(), torch.device("meta"):
        model = kind.from_config(_config(checkpoint, layers), trust_remote_code=checkpoint.trust_remote_code)
    return model.base_model if checkpoint.is_causal else model


def sizes(base: Any, tuning: str, rank: int) -> tuple[int, int, int, int, int]:
    """Parameters, those trained, width, width of the feed-forward layers, and blocks of an empty model."""
    config = base.config.get_text_config()
    total = sum(p.numel() for p in base.parameters())
    adapters = sum(
        rank * sum(module.weight.shape)
        for module in base.modules()
        if isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"
    )
    width = int(config.hidden_size)
    inner = int(getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None) or 4 * width)
    trained = {"full": total, "lora": adapters, "head": 0}[tuning]
    return total, trained, width, inner, int(config.num_hidden_layers)


def add_adapters(model: nn.Module, rank: int, alpha: float, seed: int) -> None:
    """Put low-rank adapters on all linear layers, and train nothing else."""
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, bias="none", target_modules="all-linear")
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says which kind of layer it found
        torch.manual_seed(derived_seed(seed, "adapters"))
        inject_adapter_in_model(config, model)


def merge_adapters(model: nn.Module) -> None:
    """Put what `add_adapters` added, if it was called, into the weights; the model is an ordinary one again."""
    layers = [(name, module) for name, module in model.named_modules() if hasattr(module, "get_base_layer")]
    for name, module in layers:
        module.merge()
        model.set_submodule(name, module.get_base_layer())


def save(model: Any, folder: Path) -> None:
    """Write a model of transformers as an ordinary folder."""
    merge_adapters(model)
    model.config.use_cache = True
    with _quiet():
        model.save_pretrained(folder)


def _config(checkpoint: Checkpoint, layers: int | None) -> Any:
    from transformers import AutoConfig

    with _quiet():
        try:
            config = AutoConfig.from_pretrained(
                checkpoint.folder, local_files_only=True, trust_remote_code=checkpoint.trust_remote_code
            )
        except Exception as error:  # whatever a malformed file makes the library raise
            raise DataError(f"{checkpoint.folder}: its config is refused: {_first_line(error)}") from error
    config.use_cache = False
    if layers is not None:
        _cut(config.get_text_config(), layers)
    return config


def _cut(config: Any, layers: int) -> None:
    """Keep the first blocks, and what is said of each of them."""
    blocks = config.num_hidden_layers
    for name, value in list(vars(config).items()):
        if isinstance(value, list) and len(value) == blocks and ("layer" in name or "type" in name):
            setattr(config, name, value[:layers])
    config.num_hidden_layers = layers


def _may_go_without_pooler(config: Any) -> bool:
    from transformers import AutoModel

    kind = AutoModel._model_mapping.get(type(config), None)
    return kind is not None and "add_pooling_layer" in inspect.signature(kind.__init__).parameters


def _check_report(model: Any, report: Any, layers: int | None, with_pooler: bool, folder: Path) -> bool:
    """Nothing but what was dropped on purpose may be missing or left over; says whether output embeddings are there."""
    base, prefix = model.base_model, f"{model.base_model_prefix}."
    parts = {name for name, _ in base.named_children()}
    left = sorted(
        name
        for name in report["unexpected_keys"]
        if name.removeprefix(prefix).partition(".")[0] in parts and not _is_dropped(name, layers)
    )
    if left:
        raise DataError(
            f"{folder}: weights for which the model has no place: {', '.join(left[:3])}; is its config right?"
        )
    output = model.get_output_embeddings() if model is not base else None
    unembedding = {name for name, module in model.named_modules() if module is output and output is not None}
    missing = {name.removeprefix(prefix) for name in report["missing_keys"]}
    missing_output = {name for name in missing if name.rpartition(".")[0] in unembedding}
    others = sorted(missing - missing_output)
    if not with_pooler:
        others = [name for name in others if not name.startswith("pooler.")]
    if others:
        raise DataError(
            f"{folder}: weights are missing: {', '.join(others[:3])}"
            + ("; it has no pooler, so choose another readout" if all("pooler" in name for name in others) else "")
        )
    return output is not None and not missing_output


def _is_dropped(name: str, layers: int | None) -> bool:
    block = re.search(r"\.(\d+)\.", f".{name}")
    return layers is not None and block is not None and int(block[1]) >= layers


def _merged_adapter(model: Any, adapter: Path, layers: int | None) -> Any:
    """The model with a LoRA adapter added to its weights.

    Raises:
        DataError: The adapter is missing, malformed, or made for another model.
    """
    from peft import PeftModel
    from peft.utils import get_peft_model_state_dict
    from safetensors import safe_open

    file = adapter_weights(adapter)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is missing or left over is checked below
            adapted = PeftModel.from_pretrained(model, str(adapter))
        with safe_open(file, framework="pt") as stored:
            there = set(stored.keys())
    except Exception as error:  # whatever a malformed file makes the library raise
        raise DataError(f"{adapter}: the adapter does not fit: {_first_line(error)}") from error
    wanted = set(get_peft_model_state_dict(adapted))
    wrong = sorted(wanted - there) + sorted(name for name in there - wanted if not _is_dropped(name, layers))
    if wrong or not wanted:
        raise DataError(f"{adapter}: the adapter was made for another model: {', '.join(wrong[:3])}")
    return adapted.merge_and_unload()


def _first_rows(base: Any, output: Any, head: str, digits: list[int | None], folder: Path) -> Tensor:
    """First weights of the head: rows of the output embeddings, if there are such, or zero."""
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
    """The position of the first token: RoBERTa and its kin count from behind the one that stands for padding."""
    for name, module in base.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return int(module.padding_idx) + 1
    return 0


def _check_positions(base: nn.Module, longest: int, folder: Path) -> None:
    for name, module in base.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            most = module.num_embeddings - _first_position(base)
            if longest > most:
                raise DataError(
                    f"{folder}: max_length {longest} is more than the model takes; set it to {most} at most"
                )


@contextmanager
def _quiet() -> Iterator[None]:
    """Neither bars nor advice from transformers."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300] or type(error).__name__
