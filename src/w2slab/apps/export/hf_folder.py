"""A student as a folder that transformers loads, checked by loading it again.

If transformers' own class for sequence classification computes the same as our network, the folder holds that class,
and nothing of this project is needed to use it. Otherwise (BERT's class reads its pooler, our head the mean of all
tokens) the folder holds the base model and, beside it, `head.safetensors`; the card has the few lines that join them.
Predictions decide between the two.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab import registry
from w2slab.apps.export import model_card
from w2slab.apps.export.export_source import Student
from w2slab.apps.export.model_card import ExportedFolder, ModelFacts
from w2slab.data import layout
from w2slab.data.artifacts import read_predictions
from w2slab.data.examples import Examples
from w2slab.data.task_data import TaskData
from w2slab.errors import JobError, StudyError
from w2slab.jobs.setup import prepare_worker
from w2slab.models.hf.huggingface import HuggingFace

if TYPE_CHECKING:
    import torch

CHECKED = 64
TOLERANCE = {"fp32": 1e-4, "bf16": 2e-2}  # of probabilities that were stored, perhaps on another device
LEARNED = "student_train"


def write(student: Student, out: Path, *, command: str, replace: bool = False) -> ExportedFolder:
    """Write the folder; it appears whole or not at all.

    Args:
        student: The student to export.
        out: The folder.
        command: The command that is running, for the card.
        replace: Replace a folder that exists.

    Raises:
        StudyError: The folder is there already, or the model is none of transformers.
        UnavailableError: Weights were not kept, or files that the model was made of have changed.
        JobError: What was written does not give the stored predictions.
    """
    if out.exists() and not (replace and out.is_dir()):
        raise StudyError(f"{out} exists already; choose another folder" + (", or add --force" if out.is_dir() else ""))
    if not isinstance(student.network.model, HuggingFace):
        family = registry.name_of(student.network.model)
        raise StudyError(f"{family}: only text models (family hf) can be exported as Hugging Face folders")
    if student.network.n_heads > 1:
        raise StudyError(f"this student mixes {student.network.n_heads} heads; a Hugging Face folder holds one")
    prepare_worker()
    loaded = _Loaded(student, student.network.model)
    unfinished = out.with_name(f".{out.name}.{uuid.uuid4().hex}")
    unfinished.mkdir(parents=True)
    try:
        written = loaded.write(unfinished)
        (unfinished / "README.md").write_text(
            model_card.render(student, loaded.facts(), written, command), encoding="utf-8"
        )
        if out.exists():
            shutil.rmtree(out)
        os.rename(unfinished, out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return written


class _Loaded:
    """A student's network with its weights, its tokenizer, and examples with the predictions that it left."""

    def __init__(self, student: Student, model: HuggingFace) -> None:
        from safetensors.torch import load_model

        weights, inputs, store = student.weights, student.inputs, student.store
        student.require_unchanged()
        self.tolerance = TOLERANCE[student.network.recipe.precision]
        self.family = model
        if "start" in inputs:
            self.family = model.starting_from(layout.base(store.folder(inputs["start"])))
        data = TaskData(store.folder(inputs["task"]), store.folder(inputs["data"]))
        examples, stored = data.examples(LEARNED), read_predictions(store.folder(student.key), LEARNED)
        chosen = np.unique(np.linspace(0, len(examples) - 1, min(CHECKED, len(examples))).astype(int))
        kept = [int(i) for i in chosen if self._is_plain(examples.take(np.array([i])))]
        self.examples, self.stored = examples.take(np.array(kept, dtype=int)), stored.probs[kept]
        self.network: Any = self.family.build(examples.take(np.arange(min(2, len(examples)))), student.network.seed)
        load_model(self.network, str(weights))
        self.network.eval()

    def _is_plain(self, example: Examples) -> bool:
        """Return True if a tokenizer alone reads an example as the family does: not empty, its answer not truncated."""
        rows = self.family.encode(example)
        return not rows.answers_cut.any() and all(text.strip() for text in texts_of(example))

    def write(self, folder: Path) -> ExportedFolder:
        """Model and tokenizer, as the class of transformers if that gives the stored predictions."""
        from w2slab.models.hf.hf_loading import merge_adapters

        merge_adapters(self.network.base)
        self._save_tokenizer(folder)
        model = self._classifier() if len(self.examples) else None  # else there is nothing to compare it by
        if model is not None:
            model.save_pretrained(folder)
            largest = self._largest(classified(folder, texts_of(self.examples)))
            if largest <= self.tolerance:
                return ExportedFolder(True, len(self.examples), largest)
            for file in [*folder.glob("*.safetensors*"), folder / "config.json"]:
                file.unlink(missing_ok=True)
        self._save_with_head(folder)
        largest = self._largest(read_with_head(folder, texts_of(self.examples)))
        if not largest <= self.tolerance:
            raise JobError(
                f"probabilities of the exported model differ from the stored ones by {largest:.2g}; this is a bug"
            )
        return ExportedFolder(False, len(self.examples), largest)

    def facts(self) -> ModelFacts:
        """Facts of the model for its card."""
        return ModelFacts(
            classes=self.examples.classes,
            readout=self.network.readout,
            without_pooler=self._without_pooler,
            max_length=self.family.reader.max_length,
            base_model=self.family.model,
            n_parameters=sum(p.numel() for p in self.network.parameters()),
        )

    @property
    def _labels(self) -> dict[str, Any]:
        names = self.examples.classes or ("score",)
        return {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}

    def _save_tokenizer(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        reader = self.family.reader
        # Said here, and not set afterwards: only what a tokenizer was made with is saved with it.
        tokenizer = AutoTokenizer.from_pretrained(
            self.family.checkpoint.folder,
            local_files_only=True,
            trust_remote_code=self.family.trust_remote_code,
            model_max_length=reader.max_length,
            truncation_side="left",
            padding_side="right",
            model_input_names=["input_ids", "attention_mask"],
        )
        for name in ("local_files_only", "is_local"):
            tokenizer.init_kwargs.pop(name, None)
        self.pad = self._padding(tokenizer, reader.after)
        if self.pad is not None:
            tokenizer.pad_token = tokenizer.convert_ids_to_tokens(self.pad)
        tokenizer.save_pretrained(folder)

    def _padding(self, tokenizer: Any, after: Sequence[int]) -> int | None:
        """The token that fills up rows: one with which no row ends, since decoders look for the last other token."""
        own = [tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id, *tokenizer.all_special_ids]
        return next((int(token) for token in own if token is not None and token not in after[-1:]), None)

    def _classifier(self) -> Any | None:
        """The class of transformers for this kind of model, our head in it; `None` where it has no place for that."""
        from torch.nn import Linear
        from transformers import AutoModelForSequenceClassification

        network = self.network
        config = type(network.base.config).from_dict(network.base.config.to_dict())
        config.num_labels = network.head.out_features
        config.id2label, config.label2id = self._labels["id2label"], self._labels["label2id"]
        config.pad_token_id, config.use_cache = self.pad, True
        if self.pad is None:
            return None
        try:
            model = AutoModelForSequenceClassification.from_config(config)
        except ValueError:  # transformers has none for this architecture
            return None
        own = {name for name, _ in model.named_parameters() if not name.startswith(f"{model.base_model_prefix}.")}
        heads = [(name, m) for name, m in model.named_modules() if f"{name}.weight" in own and isinstance(m, Linear)]
        if len(heads) != 1 or own - {f"{heads[0][0]}.weight", f"{heads[0][0]}.bias"}:
            return None
        missing, unexpected = model.base_model.load_state_dict(network.base.state_dict(), strict=False)
        if unexpected or any(not name.startswith("pooler.") for name in missing):
            return None
        head = heads[0][1]
        if head.weight.shape != network.head.weight.shape:
            return None
        head.weight.data.copy_(network.head.weight.data)
        if head.bias is not None:
            head.bias.data.zero_()
        return model.eval()

    def _save_with_head(self, folder: Path) -> None:
        from safetensors.torch import save_file

        config = self.network.base.config
        config.use_cache = True
        config.id2label, config.label2id = self._labels["id2label"], self._labels["label2id"]
        self.network.base.save_pretrained(folder)
        save_file({"weight": self.network.head.weight.detach().contiguous()}, folder / "head.safetensors")
        facts = {"readout": self.network.readout, "without_pooler": self._without_pooler}
        (folder / "head.json").write_text(json.dumps(facts) + "\n")

    @property
    def _without_pooler(self) -> bool:
        """True if the base would make itself a new pooler unless it is loaded without one."""
        # A class of transformers has `pooler` where its architecture has one, and None there if it was left out.
        return getattr(self.network.base, "pooler", False) is None

    def _largest(self, scores: np.ndarray) -> float:
        """The largest difference of a probability from what was stored, NaN if there is none."""
        return float(np.abs(probabilities(scores, self.examples) - self.stored).max()) if len(self.stored) else 0.0


def texts_of(examples: Examples) -> list[str]:
    """Return the text of each example; of those with candidates a text for each of these, example by example."""
    texts = examples.texts or []
    return [text + answer for text, answers in zip(texts, examples.answers, strict=True) for answer in answers]


def probabilities(scores: np.ndarray, examples: Examples) -> np.ndarray:
    """Probabilities [N, K] from logits of classes [N, K], or from scores of candidates [R, 1]."""
    if examples.classes is not None:
        return _softmax(scores)
    widths = examples.n_candidates
    rows = np.full((len(examples), int(widths.max(initial=0))), -np.inf)
    rows[np.arange(rows.shape[1]) < widths[:, None]] = scores[:, 0]
    return _softmax(rows)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares


def classified(folder: Path, texts: Sequence[str]) -> np.ndarray:
    """Logits [R, C] of texts by transformers' class for sequence classification."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
    return _in_batches(texts, lambda batch: model(**tokenizer(batch, **_READ)).logits)


def read_with_head(folder: Path, texts: Sequence[str]) -> np.ndarray:
    """Logits [R, C] of texts by the base model and the head beside it, as the card says."""
    from safetensors.torch import load_file
    from transformers import AutoModel, AutoTokenizer

    from w2slab.models.hf.pooling import read_out

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    facts = json.loads((folder / "head.json").read_text())
    options = {"add_pooling_layer": False} if facts["without_pooler"] else {}
    model = AutoModel.from_pretrained(folder, local_files_only=True, **options).eval()
    weight = load_file(folder / "head.safetensors")["weight"]

    def logits(batch: list[str]) -> torch.Tensor:
        tokens = tokenizer(batch, **_READ)
        return read_out(model(**tokens), tokens["attention_mask"], facts["readout"]) @ weight.T

    return _in_batches(texts, logits)


_READ: Mapping[str, Any] = {"padding": True, "truncation": True, "return_tensors": "pt"}


def _in_batches(texts: Sequence[str], logits: Any, size: int = 16) -> np.ndarray:
    import torch

    with torch.no_grad():
        parts = [logits(list(texts[start : start + size])).numpy() for start in range(0, len(texts), size)]
    return np.concatenate(parts) if parts else np.zeros((0, 1))
