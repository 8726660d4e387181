"""Matplotlib figures as files and as SVG that lives in a page: no styles, no ids in common, colours by variable."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#16202b"
# Supervisors, weakest first: hue and lightness both change, so that order survives colour-blindness and print.
SUPERVISORS = ("#43389f", "#2374ab", "#12908e", "#6b9a1f", "#c98a04", "#c8501e")
_VARIABLES = {INK: "currentColor"} | {color: f"var(--s{i})" for i, color in enumerate(SUPERVISORS)}

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


def settings() -> Any:
    """A context in which figures get the report's look."""
    import matplotlib

    return matplotlib.rc_context(_SETTINGS)


def publish(figure: Figure, folder: Path, *, name: str, title: str, alt: str) -> Drawing:
    """Write the figure as SVG and PNG, and return it for the page."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    text = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(text, format="svg", metadata=nothing, facecolor="white")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.svg").write_text(text.getvalue(), encoding="utf-8")
    FigureCanvasAgg(figure).print_png(
        folder / f"{name}.png", metadata={"Software": None}, pil_kwargs={"compress_level": 3}
    )
    return Drawing(name, title, alt, inline(text.getvalue(), name, alt))


def inline(text: str, prefix: str, alt: str) -> str:
    """An SVG file as markup for a page with a strict security policy: no style, no metadata, ids of its own."""
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="patch_1">.*?</g>', "", body, count=1, flags=re.DOTALL)  # the white sheet
    body = re.sub(r' style="([^"]*)"', lambda match: _attributes(match[1]), body)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", body)
    for color, variable in _VARIABLES.items():
        body = body.replace(color, variable)
    body = re.sub(r"\n\s*", "\n", body)
    box = re.search(r'viewBox="([^"]+)"', body)
    head = f'<svg class="plot" viewBox="{box[1] if box else "0 0 1 1"}" role="img" aria-label="{_escaped(alt)}">'
    return head + body[body.index(">") + 1 :]


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
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


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
        last = places[-1] + 0.13 * np.ptp(places)
        axes.set_xlim(right=np.exp(last) if axes.get_xscale() == "log" else last)
