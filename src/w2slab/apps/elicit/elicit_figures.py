"""The figures of the report: confidence of the student, and its calibration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w2slab.apps.elicit.findings import Findings
from w2slab.report.svg import INK, SUPERVISORS, Drawing, publish, settings
from w2slab.stats.calibration import Calibration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (4.6, 3.1)
_AGREES, _DIFFERS = SUPERVISORS[1], SUPERVISORS[5]


def draw(findings: Findings, folder: Path) -> dict[str, Drawing]:
    """Write the figures; return them by name: `confidence`, `weak`, and `truth` where there is enough."""
    with settings():
        about = "Calibration against the weak labels"
        drawn = {
            "confidence": _confidence(findings, folder),
            "weak": _calibration(findings.weak_calibration, folder, "calibration-weak", about, "Label agrees, %"),
        }
        found = findings.true_calibration
        if found is not None:
            drawn["truth"] = _calibration(
                found, folder, "calibration-truth", "Calibration against the ground truth", "Accuracy, %"
            )
    return drawn


def _figure() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure as New

    figure = New(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.patch.set_visible(False)  # the page behind it may be dark
    return figure, axes


def _confidence(findings: Findings, folder: Path) -> Drawing:
    figure, axes = _figure()
    kept = ~findings.tied
    edges = np.linspace(1 / findings.student.shape[1], 1, 21)
    parts = [findings.confidence[kept & findings.agrees], findings.confidence[kept & ~findings.agrees]]
    axes.hist(
        parts, bins=edges.tolist(), stacked=True, color=[_AGREES, _DIFFERS], label=["label agrees", "label differs"]
    )
    axes.set_xlabel("Student’s confidence, %")
    axes.set_ylabel("Texts")
    _percent_ticks(axes, edges[0])
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return publish(
        figure,
        folder,
        name="confidence",
        title="Confidence of the student on texts it was not trained on",
        alt="Histogram of the student's confidence, by whether the label agrees",
    )


def _calibration(found: Calibration, folder: Path, name: str, about: str, axis: str) -> Drawing:
    figure, axes = _figure()
    low = min(0.5, *found.confidence, *found.right) if len(found.counts) else 0.0
    axes.plot([low, 1], [low, 1], color=INK, linewidth=0.8, linestyle=":")
    axes.plot(found.confidence, found.right, color=_AGREES, marker="o")
    axes.set_xlabel("Student’s confidence, %")
    axes.set_ylabel(axis)
    _percent_ticks(axes, low)
    _percent_ticks(axes, low, of="y")
    return publish(figure, folder, name=name, title=about, alt=f"{about}, by confidence of the student")


def _percent_ticks(axes: Any, low: float, of: str = "x") -> None:
    ticks = [tick for tick in np.linspace(0, 1, 11) if tick >= low - 0.05]
    (axes.set_xticks if of == "x" else axes.set_yticks)(ticks, [f"{100 * tick:.0f}" for tick in ticks])
