"""Games in, a corpus of positions with the move that was played out: what the chess ladder is pretrained on.

A position is stored as its side to move sees it (ranks mirrored and colours swapped for Black), so a network never
has to learn the same thing twice. The arrays are flat files that are mapped into memory, never read as a whole.
python-chess is needed to *make* a corpus; training on one does without.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from w2slab.errors import DataError
from w2slab.ladders.chess.engine import require_chess
from w2slab.ladders.chess.games import Game, game_shards, read_card, read_games
from w2slab.randomness import rng

if TYPE_CHECKING:
    import chess
    from numpy.typing import NDArray

FORMAT = 1
CARD_FILE = "corpus.json"
_FILES: dict[str, Any] = {
    "boards": np.int8,
    "states": np.uint8,
    "moves": np.uint16,
    "counts": np.uint8,
    "targets": np.uint8,
    "games": np.int32,
}


@dataclass(frozen=True)
class Corpus:
    """Positions and the move played in each, mapped from disk.

    Args:
        boards: `[N, 64]`, 0 for an empty square, 1-6 for the mover's pawn to king, 7-12 for the other side's.
        states: `[N, 2]`, castling rights as bits (own king's side, own queen's side, enemy's) and en passant file + 1.
        moves: `[sum(counts)]`, from | to << 6 | promotion << 12; of one position sorted by their UCI form.
        counts: `[N]`, how many of `moves` belong to each position.
        offsets: `[N + 1]`, where each position's moves begin.
        targets: `[N]`, index of the move played among the position's own.
        games: `[N]`, which game the position is from.
        card: How it was made.
    """

    boards: NDArray[np.int8]
    states: NDArray[np.uint8]
    moves: NDArray[np.uint16]
    counts: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    targets: NDArray[np.uint8]
    games: NDArray[np.int32]
    card: dict[str, Any]

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True, kw_only=True)
class CorpusSpec:
    """Everything that decides the positions of a corpus.

    Args:
        first_game: How many games are skipped before the first one.
        n_games: How many are read; `None` is all that are left.
        per_game: Positions kept of one game, at most: few of many games teach more than many of few.
        skip_plies: Plies at the start of a game that are never kept.
        seed: Decides which positions of a game are kept.
    """

    first_game: int = 0
    n_games: int | None = None
    per_game: int = 24
    skip_plies: int = 6
    seed: int = 0


def make_corpus(
    games: Path, out: Path, spec: CorpusSpec, *, excluded: frozenset[bytes] = frozenset(), command: str = ""
) -> dict[str, Any]:
    """Encode positions of a folder of games into the folder `out`; return the card that is written there, last.

    A move that was drawn as a blunder on purpose is not imitated: its position is left out. So are `excluded` positions
    (`position_key`), such as those of the puzzles of a test.
    """
    last = None if spec.n_games is None else spec.first_game + spec.n_games
    chosen = islice(_all_games(games), spec.first_game, last)
    return write_corpus(chosen, out, spec, excluded=excluded, source={"games": read_card(games), "command": command})


def write_corpus(
    games: Iterable[Game],
    out: Path,
    spec: CorpusSpec,
    *,
    excluded: frozenset[bytes] = frozenset(),
    source: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Encode positions of `games`, whatever their origin; equal games give equal bytes."""
    chess = require_chess()
    generator = rng(spec.seed, "corpus")
    card = {"format": FORMAT, "positions": 0, "n_games_read": 0, "n_excluded": 0, **asdict(spec), **(source or {})}
    out.mkdir(parents=True, exist_ok=True)
    (out / CARD_FILE).unlink(missing_ok=True)
    files: dict[str, BinaryIO] = {name: (out / f"{name}.bin").open("wb") for name in _FILES}
    try:
        for number, game in enumerate(games):
            card["n_games_read"] += 1
            kept = _sampled(len(game.moves), spec, generator) - set(game.blunders or ())
            for board, move in _positions(chess, game, kept):
                if excluded and position_key(encode_pieces(board)) in excluded:
                    card["n_excluded"] += 1
                else:
                    _append(files, board, move, number)
                    card["positions"] += 1
    finally:
        for file in files.values():
            file.close()
    (out / CARD_FILE).write_text(json.dumps(card, indent=2) + "\n")
    return card


def read_corpus(path: Path) -> Corpus:
    """Map the corpus in folder `path`.

    Raises:
        DataError: There is no finished corpus, or a file has another size than the card says.
    """
    again = "make it again with: w2slab chess corpus"
    try:
        card = json.loads((path / CARD_FILE).read_text())
        n = int(card["positions"])
        arrays: dict[str, Any] = {name: np.memmap(path / f"{name}.bin", dtype, "r") for name, dtype in _FILES.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: no finished corpus here ({error}); {again}") from None
    if card.get("format") != FORMAT:
        raise DataError(f"{path / CARD_FILE}: format {card.get('format')!r} is not {FORMAT}; {again}")
    offsets = np.concatenate([[0], np.cumsum(arrays["counts"], dtype=np.int64)])
    expected = {"boards": n * 64, "states": n * 2, "moves": int(offsets[-1]), "counts": n, "targets": n, "games": n}
    for name, size in expected.items():
        if len(arrays[name]) != size:
            raise DataError(f"{path / name}.bin: {len(arrays[name])} values where {size} are due; {again}")
    arrays["boards"] = arrays["boards"].reshape(n, 64)
    arrays["states"] = arrays["states"].reshape(n, 2)
    return Corpus(**arrays, offsets=offsets, card=card)


def join_corpora(corpora: Sequence[Corpus]) -> Corpus:
    """Several corpora as one: a single one stays mapped, several are copied into memory; games keep apart."""
    if len(corpora) == 1:
        return corpora[0]
    arrays = {name: np.concatenate([getattr(c, name) for c in corpora]) for name in _FILES if name != "games"}
    firsts = np.cumsum([0] + [int(c.games.max(initial=-1)) + 1 for c in corpora[:-1]])
    games = np.concatenate([c.games + first for c, first in zip(corpora, firsts, strict=True)]).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(arrays["counts"], dtype=np.int64)])
    return Corpus(**arrays, games=games, offsets=offsets, card={"corpora": [c.card for c in corpora]})


def position_key(board: NDArray[np.int8]) -> bytes:
    """Identity of a position for exclusion, `[64]` to bytes: the pieces as the side to move sees them."""
    return np.ascontiguousarray(board, np.int8).tobytes()


def puzzle_keys(tables: Iterable[Path]) -> frozenset[bytes]:
    """The position keys of all puzzles of some tables."""
    from w2slab.tasks.chess.table import read_puzzles

    chess = require_chess()
    fens = [fen for table in tables for fen in read_puzzles(table).column("fen").to_pylist()]
    return frozenset(position_key(encode_pieces(chess.Board(fen))) for fen in fens)


def encode_pieces(board: chess.Board) -> NDArray[np.int8]:
    """The pieces by square, `[64]`, as the side to move sees them."""
    mirror = 0 if board.turn else 56
    squares = np.zeros(64, np.int8)
    for square, piece in board.piece_map().items():
        squares[square ^ mirror] = piece.piece_type + (0 if piece.color == board.turn else 6)
    return squares


def _all_games(folder: Path) -> Iterator[Game]:
    for shard in game_shards(folder):
        yield from read_games(shard)


def _sampled(n_plies: int, spec: CorpusSpec, generator: np.random.Generator) -> set[int]:
    candidates = np.arange(spec.skip_plies, n_plies)
    return set(generator.choice(candidates, min(spec.per_game, len(candidates)), replace=False).tolist())


def _positions(chess: Any, game: Game, kept: set[int]) -> Iterator[tuple[chess.Board, chess.Move]]:
    board = chess.Board(game.start) if game.start else chess.Board()
    last = max(kept, default=-1)
    for ply, uci in enumerate(game.moves[: last + 1]):
        move = chess.Move.from_uci(uci)
        if ply in kept:
            yield board, move
        board.push(move)


def _append(files: dict[str, BinaryIO], board: chess.Board, played: chess.Move, game: int) -> None:
    """Write one position at the end of the files."""
    mirror = 0 if board.turn else 56
    own, enemy = board.turn, not board.turn
    rights = (
        board.has_kingside_castling_rights(own)
        | board.has_queenside_castling_rights(own) << 1
        | board.has_kingside_castling_rights(enemy) << 2
        | board.has_queenside_castling_rights(enemy) << 3
    )
    legal = sorted(((move.uci(), move) for move in board.legal_moves), key=lambda pair: pair[0])
    # An en passant square counts only where the capture is legal: writers of FEN differ in the other cases.
    passing = [move.to_square for _, move in legal if board.ep_square is not None and board.is_en_passant(move)]
    codes = [
        (move.from_square ^ mirror) | (move.to_square ^ mirror) << 6 | max(0, (move.promotion or 1) - 1) << 12
        for _, move in legal
    ]
    values = {
        "boards": encode_pieces(board),
        "states": [int(rights), 1 + passing[0] % 8 if passing else 0],
        "moves": codes,
        "counts": [len(legal)],
        "targets": [[move for _, move in legal].index(played)],
        "games": [game],
    }
    for name, dtype in _FILES.items():
        files[name].write(np.asarray(values[name], dtype).tobytes())
