"""`w2slab chess`: make the data of the chess task. Thin: parses, calls, prints."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from w2slab.errors import DataError

if TYPE_CHECKING:
    from w2slab.tasks.chess.table import Written

app = typer.Typer(help="Make chess games, puzzles and models.", no_args_is_help=True, rich_markup_mode=None)

Workers = Annotated[int, typer.Option(min=1, help="Worker processes; their number changes no result.")]


def _command() -> str:
    return shlex.join(["w2slab", *sys.argv[1:]])


@app.command()
def games(
    out: Annotated[Path, typer.Option(help="Folder of the games; run again to go on where it stopped.")],
    games: Annotated[int | None, typer.Option(min=1, help="How many games. [1000, or all of --pgn]")] = None,
    seed: Annotated[int, typer.Option(help="Seed of self-play.")] = 0,
    workers: Workers = 1,
    blunder_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of moves that are drawn blunders.")] = 0.06,
    min_nodes: Annotated[int, typer.Option(min=1, help="Nodes a move of the weakest player.")] = 20,
    max_nodes: Annotated[int, typer.Option(min=1, help="Nodes a move of the strongest player.")] = 600,
    pgn: Annotated[Path | None, typer.Option(help="Read games from this .pgn or .pgn.gz instead.")] = None,
) -> None:
    """Play games that resemble people's, engine against engine, or read them from PGN."""
    from w2slab.ladders.chess.games import GamesSpec, play_games
    from w2slab.ladders.chess.pgn import import_pgn

    if pgn is not None:
        imported = import_pgn(pgn, out, n_games=games, n_workers=workers, command=_command())
        for problem in imported.problems[:5]:
            typer.echo(f"left out: {problem}", err=True)
        typer.echo(f"{out}: {imported.n_games} games; {len(imported.problems)} could not be read")
        return
    spec = GamesSpec(seed=seed, blunder_frac=blunder_rate, min_nodes=min_nodes, max_nodes=max_nodes)
    n_games = games or 1000
    n_played = play_games(spec, n_games, out, n_workers=workers, command=_command())
    typer.echo(f"{out}: {n_games} games; {n_played} played now")


@app.command()
def puzzles(
    out: Annotated[Path, typer.Option(help="The table to write, a .parquet file.")],
    games: Annotated[Path | None, typer.Option(help="Folder of games to find puzzles in.")] = None,
    lichess: Annotated[Path | None, typer.Option(help="Lichess's puzzles, .csv, .csv.gz or .csv.zst, instead.")] = None,
    skip_bad: Annotated[bool, typer.Option(help="Leave out and count rows of --lichess that cannot be used.")] = False,
    workers: Workers = 1,
    verify_nodes: Annotated[int, typer.Option(min=1, help="Nodes of the search that a puzzle must survive.")] = 15000,
    per_game: Annotated[int, typer.Option(min=1, help="Puzzles of one game, at most.")] = 5,
    work: Annotated[Path | None, typer.Option(help="Folder of shards, to go on after a stop. [OUT.work]")] = None,
) -> None:
    """Find puzzles in games, or read Lichess's, into one table; a card beside it says how it was made."""
    from w2slab.ladders.chess.lichess import import_lichess
    from w2slab.ladders.chess.puzzles import PuzzlesSpec, make_puzzles

    if (games is None) == (lichess is None):
        raise DataError("w2slab chess puzzles: give one of --games and --lichess")
    if games is not None:
        spec = PuzzlesSpec(verify_nodes=verify_nodes, max_per_game=per_game)
        shards = work or out.with_name(out.name + ".work")
        _say(out, make_puzzles(games, out, spec, shards, n_workers=workers, command=_command()))
    elif lichess is not None:
        written, problems = import_lichess(lichess, out, skip_bad=skip_bad, command=_command())
        for problem in problems[:5]:
            typer.echo(f"left out: {problem}", err=True)
        _say(out, written, f"; {len(problems)} rows could not be used")


@app.command()
def corpus(
    games: Annotated[Path, typer.Option(help="Folder of games that `w2slab chess games` made.")],
    out: Annotated[Path, typer.Option(help="Folder of the corpus.")],
    first: Annotated[int, typer.Option(min=0, help="Games skipped before the first one.")] = 0,
    n_games: Annotated[int | None, typer.Option(min=1, help="How many games. [all that are left]")] = None,
    per_game: Annotated[int, typer.Option(min=1, help="Positions of one game, at most.")] = 24,
    seed: Annotated[int, typer.Option(help="Decides which positions of a game are kept.")] = 0,
    without: Annotated[
        list[Path] | None, typer.Option(help="Table of puzzles whose positions must stay out; may be repeated.")
    ] = None,
) -> None:
    """Encode positions of games, each with the move that was played: what a rung is pretrained on."""
    from w2slab.ladders.chess.corpus import CorpusSpec, make_corpus, puzzle_keys

    spec = CorpusSpec(first_game=first, n_games=n_games, per_game=per_game, seed=seed)
    card = make_corpus(games, out, spec, excluded=puzzle_keys(without or []), command=_command())
    typer.echo(f"{out}: {card['positions']} positions of {card['n_games_read']} games; {card['n_excluded']} kept out")


@app.command()
def pretrain(
    corpus: Annotated[list[Path], typer.Option(help="Folder of `w2slab chess corpus`; may be repeated.")],
    out: Annotated[Path, typer.Option(help="Folder of weights and card; run again to go on where it stopped.")],
    rung: Annotated[str, typer.Option(help="Name of the rung; that of a shipped one brings its shape.")],
    width: Annotated[int | None, typer.Option(min=2, help="Size of a piece's state.")] = None,
    layers: Annotated[int | None, typer.Option(min=0, help="Blocks over the pieces.")] = None,
    heads: Annotated[int | None, typer.Option(min=0, help="Softmax heads of a block.")] = None,
    move_layers: Annotated[int | None, typer.Option(min=0, help="Blocks over the moves.")] = None,
    positions: Annotated[int | None, typer.Option(min=1, help="Positions seen, repetitions counted.")] = None,
    lr: Annotated[float | None, typer.Option(min=0, help="Peak learning rate.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Positions of one step.")] = 256,
    seed: Annotated[int, typer.Option(help="Decides first weights and order.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    time_limit: Annotated[float | None, typer.Option(min=0, help="Stop after so many seconds, with exit 75.")] = None,
    checkpoint_every: Annotated[float, typer.Option(min=0, help="Seconds from one checkpoint to the next.")] = 120.0,
) -> None:
    """Train a rung of the chess ladder to imitate the moves of games."""
    from w2slab.graph.job import Stopped
    from w2slab.ladders.chess.pretraining import PretrainOptions, pretrain, rung_spec

    shape = {"width": width, "layers": layers, "heads": heads, "move_layers": move_layers}
    spec = rung_spec(rung, corpus, shape, positions=positions, lr=lr, batch_size=batch_size, seed=seed)
    options = PretrainOptions(
        device=device,
        threads=threads,
        time_limit_s=time_limit,
        checkpoint_every_s=checkpoint_every,
        command=_command(),
    )
    try:
        card = pretrain(spec, out, options)
    except Stopped as stopped:
        typer.echo(str(stopped), err=True)
        raise typer.Exit(75) from None
    typer.echo(
        f"{out / rung}.safetensors: {card['n_parameters']} parameters; on held-out games its loss is "
        f"{card['validation_loss']} and it finds {card['move_match']:.1%} of the moves"
    )


def _say(out: Path, written: Written, more: str = "") -> None:
    typer.echo(
        f"{out}: {written.n_train} puzzles to train on and {written.n_test} to test on; "
        f"{written.n_duplicates} positions came up again{more}"
    )
