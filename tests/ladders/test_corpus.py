from __future__ import annotations

import json

import numpy as np
import pytest

from w2slab.errors import DataError
from w2slab.ladders.chess.corpus import (
    CorpusSpec,
    encode_pieces,
    join_corpora,
    make_corpus,
    position_key,
    puzzle_keys,
    read_corpus,
    write_corpus,
)
from w2slab.ladders.chess.games import Game, shard_path, write_card
from w2slab.ladders.chess.shards import write_rows
from w2slab.tasks.chess.attacks import move_relations, occupancy, piece_relations
from w2slab.tasks.chess.table import write_puzzles

chess = pytest.importorskip("chess", reason="python-chess judges the attacks and makes corpora")


def random_games(n_games: int, n_plies: int, seed: int = 0) -> list[Game]:
    generator = np.random.default_rng(seed)
    games = []
    for number in range(n_games):
        board, moves = chess.Board(), []
        while len(moves) < n_plies and not board.is_game_over():
            legal = sorted(board.legal_moves, key=lambda move: move.uci())
            moves.append(legal[generator.integers(len(legal))])
            board.push(moves[-1])
        games.append(Game(f"g{number}", tuple(move.uci() for move in moves), "*"))
    return games


def positions(seed: int) -> list[chess.Board]:
    found = []
    for game in random_games(12, 90, seed):
        board = chess.Board()
        for ply, uci in enumerate(game.moves):
            board.push_uci(uci)
            if ply % 9 == 8 and any(board.legal_moves):
                found.append(board.copy(stack=False) if board.turn else board.mirror())
    return found


def pieces_and_squares(boards):
    encoded = np.stack([encode_pieces(board) for board in boards])
    n_most = np.count_nonzero(encoded, axis=1).max()
    squares = np.argsort(encoded == 0, axis=1, kind="stable")[:, :n_most]
    return np.take_along_axis(encoded, squares, 1).astype(np.int64), squares


def test_attacks_are_those_of_python_chess():
    boards = positions(1)
    pieces, squares = pieces_and_squares(boards)
    attacks, _ = piece_relations(pieces, squares)
    for row, board in enumerate(boards):
        assert int(occupancy(pieces, squares)[row]) == board.occupied
        for i, start in enumerate(squares[row]):
            for j, end in enumerate(squares[row]):
                real = pieces[row, i] > 0 and pieces[row, j] > 0
                assert attacks[row, i, j] == (real and int(end) in board.attacks(int(start)))


def test_attacks_through_a_piece_are_those_that_open_when_it_leaves():
    boards = positions(2)[:20]
    pieces, squares = pieces_and_squares(boards)
    attacks, through = piece_relations(pieces, squares)
    for row, board in enumerate(boards):
        opened = set()
        for square in chess.SquareSet(board.occupied):
            without = board.copy(stack=False)
            without.remove_piece_at(square)
            for start in chess.SquareSet(without.occupied):
                new = without.attacks(start) & without.occupied & ~int(board.attacks(start))
                opened |= {(start, end) for end in new}
        found = {(int(squares[row, i]), int(squares[row, j])) for i, j in zip(*np.nonzero(through[row]), strict=True)}
        assert found == opened
        assert not (attacks[row] & through[row]).any()


def test_relations_of_moves_are_attacks_after_the_move():
    boards = positions(3)
    pieces, squares = pieces_and_squares(boards)
    for row, board in enumerate(boards):
        tokens = {int(square): i for i, square in enumerate(squares[row]) if pieces[row, i]}
        legal = [move for move in board.legal_moves if not board.is_castling(move) and not board.is_en_passant(move)]
        if not legal:
            continue
        movers = np.array([[tokens[move.from_square] for move in legal]])
        ends = np.array([[move.to_square for move in legal]])
        becomes = np.array([[move.promotion or board.piece_type_at(move.from_square) for move in legal]])
        reaches, reached = move_relations(pieces[row : row + 1], squares[row : row + 1], movers, ends, becomes)
        for m, move in enumerate(legal):
            after = board.copy(stack=False)
            after.push(move)
            others = {square: i for square, i in tokens.items() if square not in (move.from_square, move.to_square)}
            expected = {i for square, i in others.items() if square in after.attacks(move.to_square)}
            assert set(np.flatnonzero(reaches[0, m]).tolist()) == expected
            attackers = after.attackers(chess.WHITE, move.to_square) | after.attackers(chess.BLACK, move.to_square)
            assert set(np.flatnonzero(reached[0, m]).tolist()) == {others[s] for s in attackers}


def test_a_corpus_holds_the_moves_that_were_played(tmp_path):
    games = random_games(6, 60)
    card = write_corpus(games, tmp_path / "c", CorpusSpec(per_game=10, skip_plies=4))
    corpus = read_corpus(tmp_path / "c")
    assert len(corpus) == card["positions"] == 60
    played = set()
    for number, game in enumerate(games):
        board = chess.Board()
        for uci in game.moves:
            move, mirror = chess.Move.from_uci(uci), 0 if board.turn else 56
            code = (move.from_square ^ mirror) | (move.to_square ^ mirror) << 6
            played.add((number, position_key(encode_pieces(board)), code, board.legal_moves.count()))
            board.push(move)
    for row in range(len(corpus)):
        code = int(corpus.moves[corpus.offsets[row] + corpus.targets[row]]) & 0xFFF
        assert (corpus.games[row], position_key(corpus.boards[row]), code, corpus.counts[row]) in played


def test_the_same_games_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_corpus(random_games(3, 40), tmp_path / name, CorpusSpec(per_game=5))
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_excluded_positions_and_drawn_blunders_stay_out(tmp_path):
    games = random_games(4, 40)
    whole = CorpusSpec(per_game=100, skip_plies=0)
    write_corpus(games, tmp_path / "all", whole)
    corpus = read_corpus(tmp_path / "all")
    excluded = frozenset(position_key(corpus.boards[row]) for row in range(20, 30))
    card = write_corpus(games, tmp_path / "less", whole, excluded=excluded)
    less = read_corpus(tmp_path / "less")
    assert card["n_excluded"] >= 10
    assert not {position_key(board) for board in less.boards} & excluded
    blundering = [Game(game.id, game.moves, game.result, blunders=(3, 5)) for game in games]
    assert write_corpus(blundering, tmp_path / "careful", whole)["positions"] == len(corpus) - 8


def test_a_folder_of_games_becomes_a_corpus_without_the_puzzles(tmp_path):
    games = random_games(4, 40)
    write_card(tmp_path / "games", {"kind": "test"}, "")
    for number, shard in enumerate((games[:2], games[2:])):
        write_rows(shard_path(tmp_path / "games", number), [game.to_row() for game in shard])
    board = chess.Board()
    for uci in games[3].moves[:12]:
        board.push_uci(uci)
    legal = sorted(move.uci() for move in board.legal_moves)
    row = {"group": "g", "fen": board.fen(), "setup": games[3].moves[11]}
    row |= {"moves": legal, "right": [0], "difficulty": 1.0}
    write_puzzles(tmp_path / "puzzles.parquet", [row])
    excluded = puzzle_keys([tmp_path / "puzzles.parquet"])
    card = make_corpus(tmp_path / "games", tmp_path / "c", CorpusSpec(per_game=50, first_game=1), excluded=excluded)
    corpus = read_corpus(tmp_path / "c")
    assert card["n_games_read"] == 3
    assert card["n_excluded"] == 1
    assert len(corpus) == 3 * 34 - 1
    assert not {position_key(board) for board in corpus.boards} & excluded


def test_joined_corpora_keep_their_games_apart(tmp_path):
    for seed in (0, 1):
        write_corpus(random_games(3, 40, seed), tmp_path / str(seed), CorpusSpec(per_game=5))
    first, second = (read_corpus(tmp_path / str(seed)) for seed in (0, 1))
    both = join_corpora([first, second])
    assert set(both.games.tolist()) == {0, 1, 2, 3, 4, 5}
    row = len(first) + 3
    at, end = both.offsets[row], both.offsets[row + 1]
    assert both.moves[at:end].tolist() == second.moves[second.offsets[3] : second.offsets[4]].tolist()


@pytest.mark.parametrize("damage", ["no card", "no json", "short"])
def test_a_damaged_corpus_is_refused_with_a_remedy(tmp_path, damage):
    write_corpus(random_games(2, 30), tmp_path, CorpusSpec(per_game=4))
    if damage == "no card":
        (tmp_path / "corpus.json").unlink()
    elif damage == "no json":
        (tmp_path / "corpus.json").write_text(json.dumps([1]))
    else:
        (tmp_path / "boards.bin").write_bytes((tmp_path / "boards.bin").read_bytes()[:-64])
    with pytest.raises(DataError, match="w2slab chess corpus"):
        read_corpus(tmp_path)
