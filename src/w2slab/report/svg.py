"""Matplotlib figures as files and as SVG that lives in a page: no styles, no ids in common, colours by variable."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#16202b"
_LETTER = 0.068  # inches: how wide a letter of a tick's label is
# Supervisors, weakest first: hue and lightness both change, so that order survives colour-blindness and print.
SUPERVISORS = ("#43389f", "#2374ab", "#12908e", "#6b9a1f", "#c98a04", "#c8501e")
# What became of test examples: both right, mended, copied, both wrong, spoiled.
FATES = ("#c3ccc9", "#1f78b4", "#e8853a", "#f2c79c", "#8f2d56")
_VARIABLES = (
    {INK: "currentColor"}
    | {color: f"var(--s{i})" for i, color in enumerate(SUPERVISORS)}
    | {color: f"var(--f{i})" for i, color in enumerate(FATES)}
)

_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "w2slab",
    "text.parse_math": False,  # names come from the study; a dollar sign in one is a dollar sign
    "figure.dpi": 160,
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "path.simplify": True,
}


@dataclass(frozen=True)
class Drawing:
    """A figure to show.

    Args:
        name: Of its files, and the prefix of every id inside it.
        title: Above it.
        alt: What it shows, for those who do not see it.
        svg: The markup for the page.
    """

    name: str
    title: str
    alt: str
    svg: str


class Mark(NamedTuple):
    """Data of the page about one part of a figure.

    Args:
        method: The place of its method among the study's, by which it is hidden.
        tip: What it says when it is pointed at: a heading and lines below it.
        is_key: It explains the figure, and stays in its place when the method is hidden.
    """

    method: int | None = None
    tip: str | None = None
    is_key: bool = False


def settings() -> Any:
    """A context in which figures get the report's look."""
    import matplotlib

    return matplotlib.rc_context(_SETTINGS)


def publish(
    figure: Figure,
    folder: Path,
    *,
    name: str,
    title: str,
    alt: str,
    marks: Sequence[Mark] = (),
    hidden_foot: float = 0.0,
) -> Drawing:
    """Write the figure as SVG, PDF and PNG, and return it for the page.

    Args:
        figure: Its artists of group id `mark-0`, `mark-1` and so on are those that `marks` tells of.
        folder: Where the files go; the same figure gives the same bytes.
        name: Of the files.
        title: Above it.
        alt: What it shows, for those who do not see it.
        marks: What the page knows of single artists.
        hidden_foot: Inches at the foot that the page leaves out, since it says the same elsewhere.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    text = io.StringIO()
    folder.mkdir(parents=True, exist_ok=True)
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(text, format="svg", metadata=nothing, facecolor="white")
    (folder / f"{name}.svg").write_text(text.getvalue(), encoding="utf-8")
    nothing = {"CreationDate": None, "Creator": None, "Producer": None}
    figure.savefig(folder / f"{name}.pdf", format="pdf", metadata=nothing, facecolor="white")
    FigureCanvasAgg(figure).print_png(
        folder / f"{name}.png", metadata={"Software": None}, pil_kwargs={"compress_level": 3}
    )
    return Drawing(name, title, alt, inline(text.getvalue(), name, alt, marks, 72 * hidden_foot))


def inline(text: str, prefix: str, alt: str, marks: Sequence[Mark] = (), hidden_foot: float = 0.0) -> str:
    """An SVG file as markup for a page with a strict security policy: no style, no metadata, ids of its own.

    Args:
        text: As matplotlib writes it.
        prefix: Of every id that is left.
        alt: What it shows, for those who do not see it.
        marks: Of the groups `mark-0`, `mark-1` and so on.
        hidden_foot: What is cut off below, in the file's own measure.
    """
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="patch_1">.*?</g>', "", body, count=1, flags=re.DOTALL)  # the white sheet
    body = re.sub(r' style="([^"]*)"', lambda match: _attributes(match[1]), body)
    body = re.sub(r'<g id="(?!mark-)[^"]+"', "<g", body)  # nothing refers to a group
    body = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", body)
    body = re.sub(r' (?:d|x|y|points)="[^"]+"', lambda match: re.sub(r"(\.\d\d)\d+", r"\1", match[0]), body)
    for color, variable in _VARIABLES.items():
        body = body.replace(color, variable)
    body = re.sub(r"\n\s*", "\n", body)
    # Last, so that nothing of the above reads what comes from data.
    body = re.sub(rf'<g id="{prefix}-mark-(\d+)"', lambda match: "<g" + _told(int(match[1]), marks), body)
    box = re.search(r'viewBox="([^"]+)"', body)
    x, y, width, height = (float(number) for number in (box[1] if box else "0 0 1 1").split())
    view = f"{x:g} {y:g} {width:g} {height - hidden_foot:g}"
    head = f'<svg class="plot" viewBox="{view}" role="img" aria-label="{_escaped(alt)}">'
    return head + body[body.index(">") + 1 :]


def _told(place: int, marks: Sequence[Mark]) -> str:
    """The attributes in which a group tells its mark."""
    mark = marks[place] if place < len(marks) else Mark()
    method = "" if mark.method is None else f' data-m="{mark.method}"'
    tip = "" if mark.tip is None else f' data-tip="{_escaped(mark.tip)}"'
    return (' class="key"' if mark.is_key else "") + method + tip


def _attributes(style: str) -> str:
    """A style as attributes, which a page may use without allowing inline styles."""
    pairs = []
    for part in style.split(";"):
        name, _, value = (text.strip() for text in part.partition(":"))
        if name == "font":
            size = re.search(r"([\d.]+)px", value)
            pairs.append(f'font-size="{size[1] if size else 9}"')
            if re.search(r"\b(bold|[6-9]00)\b", value):
                pairs.append('font-weight="600"')
        elif name and name != "font-family":
            pairs.append(f'{name}="{value}"')
    return " " + " ".join(pairs) if pairs else ""


def _escaped(text: str) -> str:
    return escape(text).replace("\n", "&#10;")


def part_labels(axes: Any, places: np.ndarray) -> None:
    """Turn the labels of sizes that stand close to each other outwards, and make room for the last.

    Args:
        axes: With a tick at each size.
        places: The sizes, rising; their logarithms where the axis has those.
    """
    close = np.diff(places) < 0.18 * np.ptp(places)
    for label, left, right in zip(axes.get_xticklabels(), [False, *close], [*close, False], strict=True):
        label.set_horizontalalignment("left" if left and not right else "right" if right and not left else "center")
    if len(close) and close[-1]:
        width = axes.get_position().width * axes.figure.get_figwidth()
        longest = max(map(len, axes.get_xticklabels()[-1].get_text().split("\n")))
        last = places[-1] + max(0.13, (_LETTER * longest - 0.1) / width) * np.ptp(places)
        axes.set_xlim(right=np.exp(last) if axes.get_xscale() == "log" else last)
