"""Boards drawn without a chess library."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from w2slab.errors import DataError
from w2slab.report.boards import Arrow, board_svg, move_words, piece_definitions

START = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"
BLACK = "rnbqkbnr/pppp1ppp/8/4p3/6P1/5P2/PPPPP2P/RNBQKBNR b KQkq - 0 2"


def pieces(svg: str) -> list[tuple[str, str, float, float]]:
    tree = ElementTree.fromstring(svg)
    return [(u.get("class"), u.get("href"), float(u.get("x")), float(u.get("y"))) for u in tree.iter("use")]


def test_every_piece_stands_on_its_square():
    placed = pieces(board_svg(START))
    assert len(placed) == 32
    assert ("white", "#piece-k", 4.5, 7.5) in placed
    assert ("black", "#piece-q", 3.5, 0.5) in placed


def test_the_side_to_move_is_below():
    assert ("black", "#piece-k", 3.5, 7.5) in pieces(board_svg(BLACK))


def test_setup_is_marked_and_arrows_point_from_square_to_square():
    svg = board_svg(BLACK, setup="g2g4", arrows=[Arrow("a7a6", "wrong"), Arrow("d8h4", "right")])
    assert svg.count('class="setup"') == 2
    assert '<g class="arrow wrong">' in svg
    assert '<g class="arrow right">' in svg


# "two that leave one square the same way would cover each other"
def test_arrows_on_one_line_stand_beside_each_other():
    svg = board_svg(START, arrows=[Arrow("e2e3", "wrong"), Arrow("e2e4", "right")])
    starts = re.findall(r'class="shaft" d="M([\d.]+)', svg)
    assert starts[0] != starts[1]


def test_pieces_are_drawn_once_and_are_well_formed():
    tree = ElementTree.fromstring(f"<svg>{piece_definitions()}</svg>")
    assert [g.get("id") for g in tree] == [f"piece-{letter}" for letter in "kqrbnp"]
    assert len(piece_definitions()) < 12_000


@pytest.mark.parametrize(
    ("uci", "words"),
    [("g1f3", "Ng1–f3"), ("e2e4", "e2–e4"), ("not a move", "not a move")],
)
def test_moves_in_words(uci, words):
    assert move_words(START, uci) == words


def test_captures_promotions_and_castling_in_words():
    position = "1n2k3/P7/8/8/8/8/8/R3K2R w KQ - 0 1"
    assert [move_words(position, m) for m in ("a7b8q", "e1g1", "e1c1", "a7a8n")] == [
        "a7×b8=Q",
        "O-O",
        "O-O-O",
        "a7–a8=N",
    ]


def test_a_bad_position_is_refused():
    with pytest.raises(DataError):
        board_svg("not a position")
