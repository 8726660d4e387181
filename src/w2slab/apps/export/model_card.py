"""The model card of an exported student: its training, its labels, its evaluation and its usage."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version

from w2slab.apps.export.export_source import Student
from w2slab.report.words import inert


@dataclass(frozen=True)
class ExportedFolder:
    """A Hugging Face folder that was written, and how its predictions compare with the stored ones.

    Args:
        is_classifier: True if transformers' own classification class loads it, without a head of ours.
        n_checked: Texts whose stored predictions were compared.
        largest: The largest difference of a probability.
    """

    is_classifier: bool
    n_checked: int
    largest: float

    @property
    def words(self) -> str:
        """The same in a sentence."""
        kind = "AutoModelForSequenceClassification" if self.is_classifier else "AutoModel and a head (see README.md)"
        return f"{kind}; reproduces the stored probabilities of {self.n_checked} examples to within {self.largest:.1e}"


@dataclass(frozen=True)
class ModelFacts:
    """Facts of a model that its card states.

    Args:
        classes: Names of the classes; `None` for a reward model.
        readout: The state that the head reads: `last`, `mean`, `first` or `pooler`.
        without_pooler: True if the base is loaded without the pooler that its class would make.
        max_length: Longest input in tokens.
        base_model: The hub id of the base model, if it has one.
        n_parameters: Number of parameters.
    """

    classes: tuple[str, ...] | None
    readout: str
    without_pooler: bool
    max_length: int
    base_model: str | None
    n_parameters: int


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


def render(student: Student, model: ModelFacts, written: ExportedFolder, command: str) -> str:
    """The card: YAML for the hub, and Markdown for people.

    Args:
        student: The exported student.
        model: Facts of its model.
        written: The form of the folder, and the check of its predictions.
        command: The command that wrote it.
    """
    code = _CLASSIFIER if written.is_classifier else _with_head(model)
    lines = [
        f"---\n{_front_matter(student, model)}\n---\n",
        f"# {_line(student.name)}\n",
        "This model was **trained on model-generated or otherwise weak labels**, not on ground truth: it may have "
        "learned the errors of its supervisor, and its confidence reflects those labels.\n",
        "## Description\n",
        *(f"- {term}: {_code(value)}" for term, value in student.facts.items()),
        f"- Parameters: {model.n_parameters:,}",
        f"- Maximum input length: {model.max_length} tokens; longer inputs are truncated on the left",
        f"- Output: {_output(model.classes)}",
        "\n## Evaluation\n",
        *(f"- {_line(term)}: {_line(value)}" for term, value in student.figures.items()),
        f"\n{_line(student.evaluated_on)}",
        "\n## Usage\n",
        f"```python\n{code}```\n",
        _probabilities(model.classes),
        f"\nVerified on export: this code reproduces the stored probabilities of {written.n_checked} examples to "
        f"within {written.largest:.1e}. Inputs without any token, and answers longer than the maximum length, are "
        "handled differently than in training.\n",
        "## Reproduction\n",
        f"- Trained by: {_code(student.how)}",
        f"- Exported by: {_code(command)}, w2slab {version('w2slab')}",
        "- License: that of the base model and of the training data.",
    ]
    return "\n".join(lines) + "\n"


def _with_head(model: ModelFacts) -> str:
    options = ", add_pooling_layer=False" if model.without_pooler else ""
    return _WITH_HEAD.format(state=_STATES[model.readout], options=options)


def _front_matter(student: Student, model: ModelFacts) -> str:
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
        base_model=model.base_model,
        tags=["weak-to-strong", "weak-supervision", "w2slab", *(["reward-model"] if model.classes is None else [])],
        model_name=_line(student.name) if results else None,
        eval_results=results or None,
    )
    return str(data.to_yaml()).strip()


def _output(classes: tuple[str, ...] | None) -> str:
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
