"""Games in, a corpus of positions with the move that was played out: what the chess ladder is pretrained on.

A position is stored as its side to move sees it (ranks mirrored and colours swapped for Black), so a network never
has to learn the same thing twice. The arrays are flat files that are mapped into memory, never read as a whole.
python-chess is needed to *make* a corpus, and only here; training on one does without.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from w2slab.errors import DataError, UnavailableError

if TYPE_CHECKING:
    import chess
    from numpy.typing import NDArray

FORMAT = 1
PROMOTIONS = "nbrq"
_FILES: dict[str, Any] = {
    "boards": np.int8,  # [N, 64] 0 empty, 1-6 own pawn to king, 7-12 enemy pawn to king
    "states": np.uint8,  # [N, 2] castling rights (own K, own Q, enemy K, enemy Q as bits), en passant file + 1
    "moves": np.uint16,  # flat: from | to << 6 | promotion << 12
    "counts": np.uint8,  # [N] number of legal moves
    "targets": np.uint8,  # [N] index of the move that was played
    "games": np.int32,  # [N] number of the game
}


@dataclass(frozen=True)
class Corpus:
    """Positions and the move played in each, mapped from disk.

    Args:
        boards: `[N, 64]`, pieces by square as the side to move sees them.
        states: `[N, 2]`, castling rights and en passant file.
        moves: `[sum(counts)]`, the legal moves of all positions, sorted by their UCI form.
        counts: `[N]`, how many of `moves` belong to each position.
        offsets: `[N + 1]`, where each position's moves begin.
        targets: `[N]`, index of the move played among the position's own.
        games: `[N]`, which game the position is from.
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


class CorpusWriter:
    """Appends positions to the files of a corpus; the card is written last, by leaving the block without an error."""

    def __init__(self, out: Path, source: dict[str, Any]) -> None:
        self._out = out
        self._source = source
        self._n = 0
        self._last_game = -1
        self._files: dict[str, BinaryIO] = {}

    def __enter__(self) -> CorpusWriter:
        self._out.mkdir(parents=True, exist_ok=True)
        (self._out / "corpus.json").unlink(missing_ok=True)
        self._files = {name: (self._out / f"{name}.bin").open("wb") for name in _FILES}
        return self

    @property
    def n_positions(self) -> int:
        """How many positions have been added."""
        return self._n

    def add(self, board: chess.Board, played: chess.Move, game: int) -> None:
        """Append one position and the move that was played in it."""
        squares, state, moves, uci = encode_board(board)
        row = {
            "boards": squares,
            "states": state,
            "moves": moves,
            "counts": [len(moves)],
            "targets": [uci.index(played.uci())],
            "games": [game],
        }
        for name, values in row.items():
            self._files[name].write(np.asarray(values, _FILES[name]).tobytes())
        self._n += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for file in self._files.values():
            file.close()
        if kind is None:
            card = {"format": FORMAT, "positions": self._n, **self._source}
            (self._out / "corpus.json").write_text(json.dumps(card, indent=2) + "\n")


def encode_board(board: chess.Board) -> tuple[NDArray[np.int8], list[int], list[int], list[str]]:
    """Board, state, legal moves and their UCI forms of one position, the first three as the side to move sees them."""
    mirror = 0 if board.turn else 56
    squares = encode_pieces(board)
    own, enemy = board.turn, not board.turn
    rights = (
        board.has_kingside_castling_rights(own)
        | board.has_queenside_castling_rights(own) << 1
        | board.has_kingside_castling_rights(enemy) << 2
        | board.has_queenside_castling_rights(enemy) << 3
    )
    legal = sorted(((move.uci(), move) for move in board.legal_moves), key=lambda pair: pair[0])
    # An en passant square counts only where the capture is legal: writers of FEN differ in the other cases.
    takes = board.ep_square is not None and any(board.is_en_passant(move) for _, move in legal)
    passant = 1 + board.ep_square % 8 if takes else 0  # type: ignore[operator]
    moves = [
        (move.from_square ^ mirror) | (move.to_square ^ mirror) << 6 | max(0, (move.promotion or 1) - 1) << 12
        for _, move in legal
    ]
    return squares, [int(rights), passant], moves, [uci for uci, _ in legal]


def encode_pieces(board: chess.Board) -> NDArray[np.int8]:
    """The pieces by square, `[64]`, as the side to move sees them."""
    mirror = 0 if board.turn else 56
    squares = np.zeros(64, np.int8)
    for square, piece in board.piece_map().items():
        squares[square ^ mirror] = piece.piece_type + (0 if piece.color == board.turn else 6)
    return squares


def sample_plies(n_plies: int, per_game: int, skip: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Which plies of a game are kept: up to `per_game`, without the first `skip`, in order."""
    candidates = np.arange(skip, n_plies)
    return np.sort(rng.choice(candidates, min(per_game, len(candidates)), replace=False))


def write_corpus(
    games: Iterable[Sequence[str]],
    out: Path,
    *,
    per_game: int = 24,
    skip: int = 6,
    seed: int = 0,
    excluded: frozenset[bytes] = frozenset(),
    source: dict[str, Any] | None = None,
    progress_every: int = 20_000,
) -> dict[str, Any]:
    """Encode positions of `games` into the folder `out`; return the card that is written there.

    A game is a sequence of moves in SAN or UCI from the start position. It is read up to its first move that is
    not legal there. Equal seed and games give equal bytes.

    Args:
        per_game: Positions kept of one game, at most; few of many games are worth more than many of few.
        skip: Plies at the start of a game that are never kept.
        excluded: Position keys (`position_key`) that must not enter, such as those of the puzzles of a test.
    """
    chess = _chess()
    rng = np.random.default_rng([seed, 0xC0])
    card = {"per_game": per_game, "skip": skip, "seed": seed, "n_games": 0, "n_excluded": 0, **(source or {})}
    with CorpusWriter(out, card) as writer:
        for number, moves in enumerate(games):
            kept = set(sample_plies(len(moves), per_game, skip, rng).tolist())
            board = chess.Board()
            card["n_games"] += 1
            for ply, text in enumerate(moves):
                try:
                    move = board.push_san(text) if ply not in kept else board.parse_san(text)
                except ValueError:
                    break
                if ply in kept:
                    if excluded and position_key(encode_pieces(board)) in excluded:
                        card["n_excluded"] += 1
                    else:
                        writer.add(board, move, number)
                    board.push(move)
            if (number + 1) % progress_every == 0:
                print(f"{number + 1} games, {writer.n_positions} positions", flush=True)
    return json.loads((out / "corpus.json").read_text())


def read_movetexts(path: Path) -> Iterator[list[str]]:
    """The moves in SAN of each game of a PGN file without comments and variations (plain or gzip)."""
    import gzip

    opener = gzip.open if path.suffix == ".gz" else open
    moves: list[str] = []
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("["):
                if moves:
                    yield moves
                    moves = []
                continue
            moves += [word for word in line.split() if word[0].isalpha()]
    if moves:
        yield moves


def position_key(board: NDArray[np.int8]) -> bytes:
    """Identity of a position for exclusion: the pieces as the side to move sees them."""
    return np.ascontiguousarray(board, np.int8).tobytes()


def read_corpus(path: Path) -> Corpus:
    """Map the corpus in folder `path`.

    Raises:
        DataError: When the card is missing or a file has another size than the card says.
    """
    try:
        card = json.loads((path / "corpus.json").read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no finished corpus here ({error}); make one with: w2slab chess corpus") from error
    if card.get("format") != FORMAT:
        raise DataError(f"{path / 'corpus.json'}: format {card.get('format')!r} is not {FORMAT}; make the corpus again")
    n, arrays = card["positions"], {}
    for name, dtype in _FILES.items():
        arrays[name] = np.memmap(path / f"{name}.bin", dtype, "r")
    offsets = np.concatenate([[0], np.cumsum(arrays["counts"], dtype=np.int64)])
    expected = {"boards": n * 64, "states": n * 2, "moves": offsets[-1], "counts": n, "targets": n, "games": n}
    for name, size in expected.items():
        if len(arrays[name]) != size:
            raise DataError(f"{path / name}.bin: {len(arrays[name])} values where {size} are due; make the corpus again")
    arrays["boards"] = arrays["boards"].reshape(n, 64)
    arrays["states"] = arrays["states"].reshape(n, 2)
    return Corpus(**arrays, offsets=offsets, card=card)


def _chess() -> Any:
    try:
        import chess
    except ImportError as error:
        raise UnavailableError("making a corpus needs python-chess: pip install 'w2slab[chess]'") from error
    return chess


def join_corpora(corpora: Sequence[Corpus]) -> Corpus:
    """Several corpora as one: a single one stays mapped, several are copied into memory; games keep apart."""
    if len(corpora) == 1:
        return corpora[0]
    arrays = {name: np.concatenate([getattr(c, name) for c in corpora]) for name in _FILES if name != "games"}
    n_games = np.cumsum([0] + [int(c.games.max(initial=-1)) + 1 for c in corpora])
    games = np.concatenate([c.games + first for c, first in zip(corpora, n_games, strict=False)]).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(arrays["counts"], dtype=np.int64)])
    return Corpus(**arrays, games=games, offsets=offsets, card={"corpora": [c.card for c in corpora]})
