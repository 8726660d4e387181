"""The model card of an exported student: what made it, on whose labels, how good it is, and how to use it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from w2slab.apps.export.students import Student
from w2slab.report.words import inert

if TYPE_CHECKING:
    from w2slab.apps.export.folder import Written

_CLASSIFIER = """import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

folder = "."  # where this file is
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder).eval()


def logits(texts):
    batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        return model(**batch).logits
"""
_WITH_HEAD = """import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

folder = "."  # where this file is
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModel.from_pretrained(folder{options}).eval()
head = load_file(f"{{folder}}/head.safetensors")["weight"]  # a row per class


def logits(texts):
    batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        output = model(**batch)
    mask = batch["attention_mask"].unsqueeze(-1)
    {state}
    return state @ head.T
"""
_STATES = {
    "mean": "state = (output.last_hidden_state * mask).sum(1) / mask.sum(1)",
    "first": "state = output.last_hidden_state[:, 0]",
    "pooler": "state = output.pooler_output",
    "last": "state = output.last_hidden_state[torch.arange(len(texts)), mask.sum(1).squeeze(-1) - 1]",
}


def render(student: Student, model: Mapping[str, Any], written: Written, command: str) -> str:
    """The card: YAML for the hub, and Markdown for people.

    Args:
        student: What was exported.
        model: `classes`, `readout`, `without_pooler`, `max_length`, `base_model` (a hub id or `None`), `n_parameters`.
        written: In which form, and how well it was checked.
        command: The command that wrote it.
    """
    classes = model["classes"]
    code = _CLASSIFIER if written.is_classifier else _with_head(model)
    lines = [
        f"---\n{_front_matter(student, model)}\n---\n",
        f"# {_line(student.name)}\n",
        "This model was **trained on model-generated or otherwise weak labels**, not on ground truth: it may have "
        "learned the errors of its supervisor. Its probabilities are as sure as those labels made it.\n",
        "## What it is\n",
        *(f"- {term}: {_code(value)}" for term, value in student.facts.items()),
        f"- Parameters: {model['n_parameters']:,}",
        f"- Reads: at most {model['max_length']} tokens, of longer texts the end",
        f"- Says: {_says(classes)}",
        "\n## Figures\n",
        *(f"- {_line(term)}: {_line(value)}" for term, value in student.figures.items()),
        f"\n{_line(student.judged)}",
        "\n## How to use it\n",
        f"```python\n{code}```\n",
        _probabilities(classes),
        f"\nChecked when it was written: this gives the stored probabilities of {written.n_checked} examples to within "
        f"{written.largest:.1e}. A text without any token, or an answer that alone is too long, is read otherwise than "
        "in training.\n",
        "## How it was made\n",
        f"- Trained by: {_code(student.how)}",
        f"- Exported by: {_code(command)}, w2slab {version('w2slab')}",
        "- Licence: that of the base model and of the data it learned from.",
    ]
    return "\n".join(lines) + "\n"


def _with_head(model: Mapping[str, Any]) -> str:
    options = ", add_pooling_layer=False" if model["without_pooler"] else ""
    return _WITH_HEAD.format(state=_STATES[model["readout"]], options=options)


def _front_matter(student: Student, model: Mapping[str, Any]) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    results = []
    if student.accuracy is not None:
        value, where = student.accuracy
        results.append(
            EvalResult(
                task_type="text-classification",
                dataset_type="w2slab",
                dataset_name=_line(where),
                metric_type="accuracy",
                metric_value=round(float(value), 4),
            )
        )
    data = ModelCardData(
        library_name="transformers",
        pipeline_tag="text-classification",
        base_model=model["base_model"],
        tags=["weak-to-strong", "weak-supervision", "w2slab", *(["reward-model"] if model["classes"] is None else [])],
        model_name=_line(student.name) if results else None,
        eval_results=results or None,
    )
    return str(data.to_yaml()).strip()


def _says(classes: tuple[str, ...] | None) -> str:
    if classes is None:
        return "one score for a text that ends with a candidate; the higher, the better"
    return "one logit for each class: " + ", ".join(_code(name) for name in classes)


def _probabilities(classes: tuple[str, ...] | None) -> str:
    if classes is None:
        return (
            "`logits([text + first, text + second])[:, 0].softmax(0)` is the probability of each candidate. Join text "
            "and candidate as in training: with one space where neither has one."
        )
    return "`logits(texts).softmax(-1)` are probabilities; `model.config.id2label` names the classes."


def _line(text: str) -> str:
    """Text from data as one line in which Markdown finds no markup."""
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", " ".join(inert(text).split()))


def _code(text: str) -> str:
    """Text from data as code."""
    return "`" + " ".join(inert(text, 2000).replace("`", "'").split()) + "`"
