"""`w2slab examples`: what is to be labelled in a study whose weak labels come from a file."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from w2slab.errors import StudyError

if TYPE_CHECKING:
    from w2slab.study.study import Study, TaskEntry

ENDINGS = (".jsonl", ".csv", ".parquet")
# What a person reads of an example; of a task that has none of these, all but what its examples are grouped by.
_READ = ("text", "answer", "setup", "fen", "candidates", "features")
_NEVER_READ = ("group", "difficulty")

Row = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(examples)


def examples(
    study: Annotated[Path, typer.Argument(help="A study file.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The file to write: .jsonl, .csv or .parquet.")],
    task: Annotated[str | None, typer.Option(help="Of the study; may be left out where there is one.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Override a value, e.g. --set seeds=[0,1].")
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace a file that is there.")] = False,
) -> None:
    """Write what is to be labelled so that a file of labels can be the supervisor of a study: no true label.

    One row for each example that is in student_train, validation, reserve or test under any of the study's seeds. A
    file with a row for each `id` and its `label`, `probs` or `votes` is then the study's
    `supervision: {source: file, path: ...}`.
    """
    from w2slab.study.reading import load_study
    from w2slab.study.study import label

    if out.suffix not in ENDINGS:
        raise StudyError(f"--out {out}: a name that ends in {', '.join(ENDINGS)} is needed")
    if out.exists() and not force:
        raise StudyError(f"{out} is there already; choose another name, or add --force")
    if not out.parent.is_dir():
        raise StudyError(f"{out}: the folder {out.parent} does not exist; make it first")
    loaded = load_study(study, settings or [])
    named = {label(entry): entry for entry in loaded.tasks}
    if task not in named and (task is not None or len(named) > 1):
        raise StudyError(f"--task {task or '…'}: name one of the study's tasks: {', '.join(named)}")
    rows = to_label(loaded, named[task] if task else loaded.tasks[0])
    _write(out, rows)
    seeds = "seed" if len(loaded.seeds) == 1 else f"{len(loaded.seeds)} seeds"
    typer.echo(f"{out}: {len(rows):,} examples, all that the study's {seeds} may ask a supervisor about")


def to_label(study: Study, task: TaskEntry) -> list[Row]:
    """Examples that a supervisor is asked about under any seed: id, splits, what is read, classes; in no telling order.

    Raises:
        DataError: The task's data are missing, malformed or too few.
    """
    from w2slab.experiment.pinning import task_spec
    from w2slab.graph.fingerprint import transport
    from w2slab.jobs.prepare import load_task, split
    from w2slab.specs import UNSEEN_BY_SUPERVISOR, PluginSpec, restore

    labelled, kept = load_task(restore(PluginSpec, transport(task_spec(task))))
    asked: dict[int, set[str]] = {}
    for seed in study.seeds:
        parts = split(labelled, kept, study.splits.model_dump(), seed, task.name)
        for name in UNSEEN_BY_SUPERVISOR:
            for position in parts.get(name, ()):
                asked.setdefault(int(position), set()).add(name)
    own = labelled.examples
    positions = sorted(asked, key=lambda position: hashlib.sha256(own.ids[position].encode()).digest())
    columns = _columns(own.table.column_names)
    values = own.table.take(positions).select(["id", *columns]).to_pylist()
    rows = []
    for position, row in zip(positions, values, strict=True):
        splits = [name for name in UNSEEN_BY_SUPERVISOR if name in asked[position]]
        rows.append({"id": row["id"], "splits": splits} | {name: row[name] for name in columns})
        if own.classes is not None:
            rows[-1]["classes"] = list(own.classes)
    return rows


def _columns(names: list[str]) -> list[str]:
    """The columns of a task's examples that a person reads."""
    read = [name for name in _READ if name in names]
    return read or [name for name in names if name not in ("id", *_NEVER_READ)]


def _write(path: Path, rows: list[Row]) -> None:
    """Write the rows as the file's ending says, whole or not at all; in CSV, lists are JSON."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        temporary.write_bytes(_encoded(path.suffix, rows))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _encoded(ending: str, rows: list[Row]) -> bytes:
    if ending == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), sink)
        return sink.getvalue()
    if ending == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {k: json.dumps(v, ensure_ascii=False) if isinstance(v, list) else v for k, v in row.items()} for row in rows
    )
    return text.getvalue().encode()
