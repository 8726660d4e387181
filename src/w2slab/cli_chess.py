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

app = typer.Typer(help="Make chess games and puzzles.", no_args_is_help=True, rich_markup_mode=None)

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
    from w2slab.tasks.chess.games import GamesSpec, play_games
    from w2slab.tasks.chess.pgn import import_pgn

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
    from w2slab.tasks.chess.lichess import import_lichess
    from w2slab.tasks.chess.puzzles import PuzzlesSpec, make_puzzles

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


def _say(out: Path, written: Written, more: str = "") -> None:
    typer.echo(
        f"{out}: {written.n_train} puzzles to train on and {written.n_test} to test on; "
        f"{written.n_duplicates} positions came up again{more}"
    )
