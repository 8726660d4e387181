from __future__ import annotations

import random

import pytest

from w2slab.errors import DataError
from w2slab.tasks.chess.position import Move, mirror_fen, parse_move, parse_position, parse_square, position_id

START = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"


def test_start_position_is_read_from_a1_to_h8():
    position = parse_position(START)
    assert position.pieces[:8] == "RNBQKBNR"
    assert position.pieces[8:16] == "P" * 8
    assert position.pieces[16:48] == "." * 32
    assert position.pieces[56:] == "rnbqkbnr"
    assert position.white_to_move
    assert position.castling == "KQkq"
    assert position.en_passant is None


def test_counters_are_not_needed():
    assert parse_position(" ".join(START.split()[:4])) == parse_position(START)


def test_moves_are_taken_apart():
    assert parse_move("e2e4") == Move(12, 28, "")
    assert parse_move("a7a8q") == Move(48, 56, "q")


@pytest.mark.parametrize(
    ("fen", "says"),
    [
        ("", "0 fields"),
        ("8/8/8/8/8/8/8 w - - 0 1", "7 ranks"),
        (START.replace("8/8/8/8", "8/9/8/8"), 'rank 5 "9" has 1 squares'),
        (START.replace("pppppppp", "ppppppp"), "rank 7"),
        (START.replace("PPPPPPPP", "PPPPXPPP"), '"X" is no piece'),
        (START.replace("K", "Q"), "white has 0 kings"),
        (START.replace(" w ", " x "), 'side to move "x"'),
        (START.replace("KQkq", "qK"), 'castling "qK"'),
        (START.replace(" - ", " e5 "), 'en passant square "e5"'),
    ],
)
def test_malformed_fen_is_an_error_that_names_the_field(fen, says):
    with pytest.raises(DataError, match="FEN") as caught:
        parse_position(fen)
    assert says in str(caught.value)


@pytest.mark.parametrize("uci", ["", "e2", "e2e9", "i2e4", "e7e8k", "0000", "e2e4 "])
def test_malformed_move_is_an_error(uci):
    with pytest.raises(DataError, match="not UCI"):
        parse_move(uci)


def test_malformed_square_is_an_error():
    with pytest.raises(DataError, match="e9"):
        parse_square("e9")


def random_boards(n_games: int):
    chess = pytest.importorskip("chess", reason='python-chess is missing: pip install "w2slab[chess]"')
    rng = random.Random(7)
    for _ in range(n_games):
        board = chess.Board()
        while not board.is_game_over() and len(board.move_stack) < 120:
            yield chess, board
            board.push(rng.choice(list(board.legal_moves)))


def test_agrees_with_python_chess_on_random_games():
    for chess, board in random_boards(12):
        position = parse_position(board.fen(en_passant="fen"))
        for square in range(64):
            piece = board.piece_at(square)
            assert position.pieces[square] == (piece.symbol() if piece else ".")
        assert position.white_to_move == board.turn
        assert position.castling == board.castling_xfen().replace("-", "")
        assert position.en_passant == board.ep_square
        for move in board.legal_moves:
            promotion = chess.piece_symbol(move.promotion) if move.promotion else ""
            assert parse_move(move.uci()) == Move(move.from_square, move.to_square, promotion)


def test_mirror_agrees_with_python_chess_on_random_games():
    for _, board in random_boards(4):
        assert mirror_fen(board.fen()) == " ".join(board.mirror().fen().split()[:4])
        assert mirror_fen(mirror_fen(board.fen())) == " ".join(board.fen().split()[:4])


def test_id_names_the_position_and_not_the_counters():
    assert position_id(START) == position_id(START.replace("0 1", "4 9"))
    assert position_id(START) != position_id(START.replace(" w ", " b "))
