"""`w2slab ladder`: pretrain rungs of a ladder. Thin: parses, calls, prints."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(help="Pretrain the rungs of a ladder.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def ladder() -> None:
    """Pretrain the rungs of a ladder."""


@app.command()
def text(
    corpus: Annotated[list[Path], typer.Option(help="Text file, plain or .gz, UTF-8; may be repeated.")],
    out: Annotated[Path, typer.Option(help="Folder of the ladder; run again to go on where it stopped.")],
    rung: Annotated[
        list[str] | None,
        typer.Option(help="Name of a rung; that of a shipped one brings its shape; may be repeated. [all shipped]"),
    ] = None,
    width: Annotated[int | None, typer.Option(min=2, help="Size of a token's state.")] = None,
    layers: Annotated[int | None, typer.Option(min=1, help="Blocks.")] = None,
    heads: Annotated[int | None, typer.Option(min=1, help="Attention heads; they divide the width evenly.")] = None,
    inner: Annotated[int | None, typer.Option(min=1, help="Width of the feed-forward layers.")] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Tokens seen, repetitions counted.")] = None,
    lr: Annotated[float | None, typer.Option(min=0, help="Peak learning rate.")] = None,
    vocabulary: Annotated[int, typer.Option(min=300, max=65536, help="Tokens of the byte-level BPE.")] = 4096,
    context: Annotated[int, typer.Option(min=8, help="Tokens of a window.")] = 256,
    batch_size: Annotated[int, typer.Option(min=1, help="Windows of one step.")] = 16,
    seed: Annotated[int, typer.Option(help="Decides first weights and order.")] = 0,
    dtype: Annotated[
        Literal["float16", "bfloat16", "float32"], typer.Option(help="Number type of the weights that are written.")
    ] = "float16",
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where it computes.")] = "auto",
    micro_batch: Annotated[int | None, typer.Option(min=1, help="Split each step to save memory.")] = None,
    time_limit: Annotated[float | None, typer.Option(min=0, help="Stop after so many seconds, with exit 75.")] = None,
    checkpoint_every: Annotated[float, typer.Option(min=0, help="Seconds from one checkpoint to the next.")] = 120.0,
) -> None:
    """Train small causal language models, each an ordinary Hugging Face folder, with a tokenizer of their own."""
    from w2slab.experiment.preflight import require_device
    from w2slab.graph.job import Stopped
    from w2slab.ladders import text_pretraining as text_ladder

    shape = {"width": width, "layers": layers, "heads": heads, "inner": inner, "tokens": tokens, "lr": lr}
    settings = {"vocabulary": vocabulary, "context": context, "batch_size": batch_size, "seed": seed}
    specs = [text_ladder.rung_spec(name, corpus, shape, **settings) for name in rung or text_ladder.RUNGS]
    require_device(device)
    options = text_ladder.TextLadderOptions(
        device=device,
        threads=threads,
        micro_batch=micro_batch,
        checkpoint_every_s=checkpoint_every,
        time_limit_s=time_limit,
        dtype=dtype,
        command=shlex.join(["w2slab", *sys.argv[1:]]),
    )
    for spec in specs:
        try:
            card = text_ladder.train_rung(spec, out, options)
        except Stopped as stopped:
            typer.echo(str(stopped), err=True)
            raise typer.Exit(75) from None
        typer.echo(
            f"{out / spec.name}: {card['n_parameters']} parameters, {card['tokens_seen']} tokens seen; its loss on "
            f"held-out text is {card['held_out_loss']} nats a token"
        )
