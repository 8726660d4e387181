"""Chess boards as SVG: pieces from the outlines of a font, drawn once per page and used by every board."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from math import gcd, hypot
from typing import Any, NamedTuple

from w2slab.errors import DataError
from w2slab.tasks.chess.position import FILES, Position, parse_move, parse_position

# The solid figures of DejaVu Sans, which comes with matplotlib; white and black differ by colours, not by outline.
_GLYPHS = {"k": "♚", "q": "♛", "r": "♜", "b": "♝", "n": "♞", "p": "♟"}
_NAMES = {"k": "K", "q": "Q", "r": "R", "b": "B", "n": "N", "p": ""}
_EM = 0.82  # of a square
_ASIDE = 0.14

_Contour = list[tuple[str, list[tuple[float, float]]]]


class Arrow(NamedTuple):
    """A move to draw: UCI, and its classes.

    `right` or `wrong` gives it its colour; that of a `supervisor` is broken, that of `neither` thin.
    """

    move: str
    kind: str


def piece_definitions() -> str:
    """The six pieces, once per page: each board refers to them."""
    return "".join(f'<g id="piece-{letter}">{_piece(letter)}</g>' for letter in _GLYPHS)


@cache
def _piece(letter: str) -> str:
    """Silhouette, and the lines inside it, around the middle of a unit square."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    outline = TextPath((0, 0), _GLYPHS[letter], size=1, prop=FontProperties(family="DejaVu Sans"))
    box = outline.get_extents()
    scale = _EM / 0.92
    contours = _contours(outline)
    outside = _area(contours[0])
    # From the outside in: what lies inside a hole is body again (the king has both).
    return "".join(
        f'<path class="{"body" if _area(contour) * outside > 0 else "detail"}" d="{_drawn(contour, box, scale)}"/>'
        for contour in contours
    )


def _drawn(contour: _Contour, box: Any, scale: float) -> str:
    parts = []
    for code, points in contour:
        placed = ((x - (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2 - y) for x, y in points)
        parts.append(code + " ".join(f"{x * scale:.3f} {y * scale:.3f}" for x, y in placed))
    return "".join([*parts, "Z"])


def _contours(outline: Any) -> list[_Contour]:
    """The closed lines of a glyph, the longest way round first."""
    contours: list[_Contour] = []
    for points, code in outline.iter_segments(simplify=False):
        letter = {1: "M", 2: "L", 3: "Q", 4: "C"}.get(int(code))
        if letter == "M":
            contours.append([])
        if letter:
            contours[-1].append((letter, [(float(x), float(y)) for x, y in points.reshape(-1, 2)]))
    return sorted(contours, key=lambda contour: -abs(_area(contour)))


def _area(contour: _Contour) -> float:
    ends = [points[-1] for _, points in contour]
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(ends, ends[1:] + ends[:1], strict=True)) / 2


def board_svg(fen: str, *, setup: str | None = None, arrows: Sequence[Arrow] = (), label: str = "") -> str:
    """A position seen from the side to move, the move that led to it marked, others as arrows.

    Args:
        fen: The position.
        setup: The move just played, in UCI.
        arrows: Moves to draw, first the lower ones.
        label: What the board shows, for those who do not see it.

    Raises:
        DataError: The FEN or a move cannot be read.
    """
    position = parse_position(fen)
    flipped = not position.white_to_move
    marked = set(parse_move(setup)[:2]) if setup else set()
    parts = [f'<svg class="board" viewBox="0 0 8 8" role="img" aria-label="{escape(label)}">']
    parts.append('<rect class="light" width="8" height="8"/>')
    dark = [_corner(square, flipped) for square in range(64) if (square % 8 + square // 8) % 2 == 0]
    parts.append(f'<path class="dark" d="{"".join(f"M{x} {y}h1v1h-1z" for x, y in dark)}"/>')
    for square in sorted(marked):
        x, y = _corner(square, flipped)
        parts.append(f'<rect class="setup" x="{x}" y="{y}" width="1" height="1"/>')
    parts.append(_coordinates(flipped))
    for square, piece in enumerate(position.pieces):
        if piece != ".":
            x, y = _corner(square, flipped)
            side = "white" if piece.isupper() else "black"
            parts.append(f'<use class="{side}" href="#piece-{piece.lower()}" x="{x + 0.5}" y="{y + 0.5}"/>')
    parts += [_arrow(arrow, flipped, aside) for arrow, aside in zip(arrows, _asides(arrows), strict=True)]
    return "".join([*parts, "</svg>"])


def _corner(square: int, flipped: bool) -> tuple[int, int]:
    file, rank = square % 8, square // 8
    return (7 - file, rank) if flipped else (file, 7 - rank)


def _coordinates(flipped: bool) -> str:
    ranks = [f'<text x=".05" y="{(r if flipped else 7 - r) + 0.25}">{r + 1}</text>' for r in range(8)]
    files = [
        f'<text x="{(7 - f if flipped else f) + 0.95}" y="7.94" text-anchor="end">{FILES[f]}</text>' for f in range(8)
    ]
    return f'<g class="coordinates" font-size=".22">{"".join(ranks + files)}</g>'


def _asides(arrows: Sequence[Arrow]) -> list[float]:
    """Shift of each arrow to its side: two that leave one square the same way would cover each other."""
    ways = []
    for arrow in arrows:
        move = parse_move(arrow.move)
        files, ranks = move.target % 8 - move.origin % 8, move.target // 8 - move.origin // 8
        steps = gcd(files, ranks) or 1
        ways.append((move.origin, files // steps, ranks // steps))
    alike = [[j for j, other in enumerate(ways) if other == way] for way in ways]
    return [_ASIDE * (2 * own.index(i) - len(own) + 1) for i, own in enumerate(alike)]


def _arrow(arrow: Arrow, flipped: bool, aside: float) -> str:
    move = parse_move(arrow.move)
    (x0, y0), (x1, y1) = ((x + 0.5, y + 0.5) for x, y in (_corner(move.origin, flipped), _corner(move.target, flipped)))
    length = hypot(x1 - x0, y1 - y0) or 1.0
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    x0, y0, x1, y1 = x0 - aside * uy, y0 + aside * ux, x1 - aside * uy, y1 + aside * ux
    x0, y0, neck, tip = x0 + 0.28 * ux, y0 + 0.28 * uy, 0.42, 0.06
    nx, ny, tx, ty = x1 - neck * ux, y1 - neck * uy, x1 - tip * ux, y1 - tip * uy
    head = f"M{tx:.3f} {ty:.3f}L{nx - 0.19 * uy:.3f} {ny + 0.19 * ux:.3f}L{nx + 0.19 * uy:.3f} {ny - 0.19 * ux:.3f}Z"
    return (
        f'<g class="arrow {arrow.kind}"><path class="shaft" d="M{x0:.3f} {y0:.3f}L{nx:.3f} {ny:.3f}"/>'
        f'<path class="head" d="{head}"/></g>'
    )


def move_words(fen: str, uci: str) -> str:
    """A move as people write it in full: `Qh5×f7`, `e2–e4`, `a7–a8=Q`, `O-O`; as it stands where it cannot be read."""
    try:
        position: Position = parse_position(fen)
        move = parse_move(uci)
    except DataError:
        return uci
    piece = position.pieces[move.origin].lower()
    if piece == "k" and abs(move.origin - move.target) == 2:
        return "O-O" if move.target > move.origin else "O-O-O"
    takes = position.pieces[move.target] != "." or (piece == "p" and (move.origin - move.target) % 8 != 0)
    promotion = f"={move.promotion.upper()}" if move.promotion else ""
    return f"{_NAMES.get(piece, '')}{uci[:2]}{'×' if takes else '–'}{uci[2:4]}{promotion}"
