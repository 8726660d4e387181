"""`w2slab examples`: the examples to label for a study whose weak labels come from a file."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from w2slab.errors import StudyError
from w2slab.graph.atomic import write_atomically

if TYPE_CHECKING:
    from w2slab.study.study import Study
    from w2slab.tasks.task import Task

ENDINGS = (".jsonl", ".csv", ".parquet")

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
    """Write the examples to label, so that a file of labels can be the supervisor of a study; no ground truth.

    One row for each example that is in student_train, validation, reserve or test under any of the study's seeds. A
    file with a row for each `id` and its `label`, `probs` or `votes` is then the study's
    `supervision: {source: file, path: ...}`.
    """
    from w2slab.study.reading import load_study

    if out.suffix not in ENDINGS:
        raise StudyError(f"--out {out}: a name that ends in {', '.join(ENDINGS)} is needed")
    if out.exists() and not force:
        raise StudyError(f"{out} exists already; choose another name, or add --force")
    if not out.parent.is_dir():
        raise StudyError(f"{out}: the folder {out.parent} does not exist; make it first")
    loaded = load_study(study, settings or [])
    named = {each.display_name: each for each in loaded.tasks}
    if task not in named and (task is not None or len(named) > 1):
        raise StudyError(f"--task {task or '…'}: name one of the study's tasks: {', '.join(named)}")
    rows = to_label(loaded, named[task] if task else loaded.tasks[0])
    write_atomically(out, _encoded(out.suffix, rows))
    seeds = "seed" if len(loaded.seeds) == 1 else f"{len(loaded.seeds)} seeds"
    typer.echo(f"{out}: {len(rows):,} examples, all that a supervisor labels under the study's {seeds}")


def to_label(study: Study, task: Task) -> list[Row]:
    """Examples that a supervisor labels under any seed: id, splits, content, classes; in an uninformative order.

    Raises:
        DataError: The task's data are missing, malformed or too few.
    """
    from w2slab.data.layout import UNSEEN_BY_SUPERVISOR
    from w2slab.data.splitting import split
    from w2slab.jobs.prepare import load_task

    table = load_task(task.resolved())
    asked: dict[int, set[str]] = {}
    for seed in study.seeds:
        parts = split(table, study.splits.sizes(), seed)
        for name in UNSEEN_BY_SUPERVISOR:
            for position in parts.get(name, ()):
                asked.setdefault(int(position), set()).add(name)
    own = table.examples
    positions = sorted(asked, key=lambda position: hashlib.sha256(own.ids[position].encode()).digest())
    columns = own.columns_to_label
    values = own.table.take(positions).select(["id", *columns]).to_pylist()
    rows = []
    for position, row in zip(positions, values, strict=True):
        splits = [name for name in UNSEEN_BY_SUPERVISOR if name in asked[position]]
        rows.append({"id": row["id"], "splits": splits} | {name: row[name] for name in columns})
        if own.classes is not None:
            rows[-1]["classes"] = list(own.classes)
    return rows


def _encoded(ending: str, rows: list[Row]) -> bytes:
    """The rows as the file's ending says; in CSV, lists are JSON."""
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
