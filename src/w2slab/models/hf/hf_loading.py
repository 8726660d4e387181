"""Models of transformers read from disk, checked, given adapters, and written again."""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from w2slab.errors import DataError
from w2slab.models.hf.hf_sources import Checkpoint, adapter_weights
from w2slab.randomness import derived_seed


def load(
    checkpoint: Checkpoint, *, causal: bool, layers: int | None, adapter: Path | None, with_pooler: bool = False
) -> tuple[Any, bool]:
    """Return a model of transformers with fp32 weights, with its language head if `causal` and else without any.

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
    """Return the model without its head and without memory for weights."""
    from transformers import AutoModel, AutoModelForCausalLM

    kind = AutoModelForCausalLM if checkpoint.is_causal else AutoModel
    with _quiet(), torch.device("meta"):
        model = kind.from_config(_config(checkpoint, layers), trust_remote_code=checkpoint.trust_remote_code)
    return model.base_model if checkpoint.is_causal else model


def sizes(base: Any, tuning: str, rank: int) -> tuple[int, int, int, int, int]:
    """Return parameters, trained parameters, width, width of the feed-forward layers, and blocks of an empty model."""
    config = base.config.get_text_config()
    said = config.to_dict()
    total = sum(p.numel() for p in base.parameters())
    adapters = sum(
        rank * sum(module.weight.shape)
        for module in base.modules()
        if isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"
    )
    width = int(config.hidden_size)
    inner = int(said.get("intermediate_size") or said.get("n_inner") or 4 * width)
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
    """Merge the adapters of `add_adapters`, if there are any, into the weights; the model is an ordinary one again."""
    if "peft" not in sys.modules:
        return  # nobody can have added any
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [(name, module) for name, module in model.named_modules() if isinstance(module, BaseTunerLayer)]
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
        _truncate(config.get_text_config(), layers)
    return config


def _truncate(config: Any, layers: int) -> None:
    """Keep the first blocks, and their entries of lists with one entry per block."""
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
    """Refuse weights that are missing or left over without reason; return True if output embeddings are there."""
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
    """Merge a LoRA adapter into the weights of a model.

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


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence progress bars and advice of transformers."""
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
