"""Export of a student as an ordinary Hugging Face folder with a model card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from w2slab.apps.export.export_source import Student, of_elicited, of_study
from w2slab.apps.export.hf_folder import write
from w2slab.errors import StudyError

if TYPE_CHECKING:
    from w2slab.apps.export.model_card import ExportedFolder
    from w2slab.graph.store import Store
    from w2slab.study.study import Study


def export(
    source: Study | Path | str,
    out: Path | str,
    *,
    task: str | None = None,
    weak: str | None = None,
    strong: str | None = None,
    method: str | None = None,
    seed: int | None = None,
    settings: Sequence[str] = (),
    store: Store | Path | str | None = None,
    replace: bool = False,
    command: str = "w2slab.export(...)",
) -> ExportedFolder:
    """Write a finetuned student as a Hugging Face folder; it appears whole or not at all.

    Args:
        source: A study, a study file, or the folder that `elicit` wrote.
        out: The folder to write.
        task: Task of the student; like the next four, needed only where the study has several.
        weak: Supervisor of the student.
        strong: Model of the student.
        method: Method of the student.
        seed: Seed of the student.
        settings: Overrides of values of a study file.
        store: Store of the study; `None` is `.w2slab`, beside the file where there is one.
        replace: Replace a folder that exists.
        command: The command that the card states.

    Raises:
        StudyError: No or several students match, the folder exists, or the model is not one of transformers.
        UnavailableError: Weights were not kept, or files of the model have changed.
        JobError: The folder does not reproduce the stored predictions.
    """
    chosen = {"task": task, "weak": weak, "strong": strong, "method": method, "seed": seed}
    own = {name: value for name, value in chosen.items() if value is not None}
    return write(_student(source, settings, store, own), Path(out), command=command, replace=replace)


def _student(
    source: Study | Path | str, settings: Sequence[str], store: Store | Path | str | None, chosen: dict[str, str | int]
) -> Student:
    if not isinstance(source, Path | str) or not Path(source).is_dir():
        return of_study(source, settings, store, chosen)
    if chosen or settings or store is not None:
        raise StudyError(f"{source}: a folder that `elicit` wrote has one student and its own store; name nothing else")
    return of_elicited(Path(source))
