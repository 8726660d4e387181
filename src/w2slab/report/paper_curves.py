"""Curves of Burns et al. (2023), "Weak-to-Strong Generalization", read off the drawings of its figures 3, 5, 8, 15.

Accurate to about 0.3 points. Sizes are log10 of pretraining compute as a fraction of GPT-4's; values are percent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Setting = Literal["chess", "text", "preference"]
NAMES: dict[Setting, str] = {
    "chess": "chess puzzles",
    "text": "NLP, medians over 22 tasks",
    "preference": "reward modelling",
}

_CHESS = (-7.05, -6.0, -5.25, -4.19, -3.14, -2.39, -1.65, 0.0)
_TEXT = (-7.05, -5.25, -4.19, -3.14, -2.39, -1.65, 0.0)
_PREFERENCE = (-7.05, -6.47, -6.0, -5.25, -4.67, -4.19, -3.14, -2.39, -1.65, 0.0)

# Test accuracy of models trained on ground truth (figure 3 a-c).
TRUE_LABELS: dict[Setting, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "chess": (_CHESS, (17.1, 22.1, 28.8, 39.5, 55.3, 63.8, 69.2, 84.5)),
    "text": (_TEXT, (61.9, 70.7, 75.3, 84.1, 84.0, 87.7, 90.3)),
    "preference": (_PREFERENCE, (60.4, 61.1, 61.4, 62.8, 63.9, 64.8, 67.0, 68.5, 69.3, 70.5)),
}

# PGR of naive students by supervisor (figure 3 d-f): the last students of the setting, the largest one at the end.
_NAIVE_PGR: dict[Setting, dict[float, tuple[float, ...]]] = {
    "chess": {
        -7.05: (-19, -1, 8, 5, 6, 3, 3),
        -6.0: (1, 27, 12, 12, 8, 8),
        -5.25: (40, 25, 24, 21, 12),
        -4.19: (52, 45, 34, 21),
        -3.14: (60, 48, 27),
        -2.39: (71, 32),
    },
    "text": {
        -7.05: (25, 26, 23, 28, 24, 28),
        -5.25: (36, 44, 46, 48, 52),
        -4.19: (42, 49, 54, 59),
        -3.14: (52, 55, 69),
        -2.39: (41, 76),
    },
    "preference": {
        -7.05: (24, 14, 12, 8, 9, 7, 7, 7),
        -5.25: (12, 13, 11, 10, 9),
        -4.19: (11, 10, 9, 8),
        -3.14: (-5, 3, 10),
        -2.39: (-9, 16),
    },
}

# The same with the auxiliary confidence loss (figure 5 b).
_CONFIDENCE_PGR: dict[Setting, dict[float, tuple[float, ...]]] = {
    "text": {
        -7.05: (18, 20, 28, 39, 64, 78),
        -5.25: (36, 47, 49, 66, 79),
        -4.19: (27, 43, 64, 75),
        -3.14: (31, 50, 72),
        -2.39: (7, 67),
    },
}

# Agreement of naive students with the weakest supervisor (figures 8 and 15 c).
_AGREEMENT: dict[Setting, dict[str, tuple[tuple[float, ...], tuple[float, ...]]]] = {
    "chess": {"all": (_CHESS, (55, 45, 44, 44, 43, 43, 41, 42))},
    "text": {
        "all": ((-7.05, -1.65), (93.8, 81.4)),
        "right": ((-7.05, -1.65), (93.7, 85.7)),
        "wrong": ((-7.05, -1.65), (91.5, 64.6)),
    },
}
_SIZES: dict[Setting, tuple[float, ...]] = {"chess": _CHESS, "text": _TEXT, "preference": _PREFERENCE}


@dataclass(frozen=True)
class Reference:
    """A curve of the paper on our axis.

    Args:
        sizes: Student parameters.
        values: Fractions.
    """

    sizes: list[float]
    values: list[float]


def _placed(exponents: tuple[float, ...], values: tuple[float, ...], anchor: float, own_size: float) -> Reference:
    """The curve with the model of compute `10^anchor` at `own_size` parameters; compute grows as their square."""
    sizes = [own_size * 10 ** ((exponent - anchor) / 2) for exponent in exponents]
    return Reference(sizes, [value / 100 for value in values])


def true_labels(setting: Setting, smallest: float) -> Reference:
    """Accuracy of training on ground truth, the paper's smallest model placed at our smallest."""
    exponents, values = TRUE_LABELS[setting]
    return _placed(exponents, values, exponents[0], smallest)


def pgr(setting: Setting, method: str, rank: int, n_supervisors: int, supervisor_size: float) -> Reference | None:
    """PGR of the paper's students of the supervisor of matching rank, or `None` where the paper has no such curve.

    Args:
        setting: The paper's setting.
        method: Our method.
        rank: Of our supervisor among ours, 0 is the weakest.
        n_supervisors: How many supervisors we have.
        supervisor_size: Parameters of our supervisor; students are placed by their compute relative to it.
    """
    tables = {"naive": _NAIVE_PGR, "auxiliary-confidence": _CONFIDENCE_PGR}
    curves = tables.get(method, {}).get(setting)
    if curves is None:
        return None
    place = round(rank * (len(curves) - 1) / max(1, n_supervisors - 1))
    supervisor, values = list(curves.items())[place]
    return _placed(_SIZES[setting][-len(values) :], tuple(values), supervisor, supervisor_size)


def agreement(setting: Setting, of: str, smallest: float) -> Reference | None:
    """Agreement of naive students with the paper's weakest supervisor, which is placed at our smallest model."""
    curve = _AGREEMENT.get(setting, {}).get(of)
    return None if curve is None else _placed(*curve, curve[0][0], smallest)
