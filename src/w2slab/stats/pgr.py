"""Performance gap recovered: the share of the gap between supervisor and ceiling that a student closes.

Nothing is clipped, and nothing is dropped. Where there is no gap to speak of the number is *undefined*: NaN, with the
reason in words beside it. Its confidence intervals are those of a ratio (`stats.ratio`).
"""

from __future__ import annotations

from typing import overload

import numpy as np

from w2slab.shapes import Array, Float
from w2slab.stats.resampling import Estimate

UNDEFINED = Estimate(float("nan"), float("nan"), float("nan"))
_ROUNDING = 1e-12  # 0.57 - 0.56 is a little less than 0.01


@overload
def performance_gap_recovered(supervisor: float, student: float, ceiling: float) -> float: ...
@overload
def performance_gap_recovered(
    supervisor: Float[Array, "*R"], student: Float[Array, "*R"], ceiling: Float[Array, "*R"]
) -> Float[Array, "*R"]: ...
def performance_gap_recovered(
    supervisor: float | Float[Array, "*R"], student: float | Float[Array, "*R"], ceiling: float | Float[Array, "*R"]
) -> float | Float[Array, "*R"]:
    """Compute (student - supervisor) / (ceiling - supervisor), and NaN where the ceiling equals the supervisor.

    0 is no better than the supervisor, 1 as good as the ceiling. Values outside [0, 1] are kept: they are findings.

    Args:
        supervisor: Test metric of the supervisor; higher is better.
        student: The same of the student.
        ceiling: The same of the ceiling.
    """
    gap = np.asarray(ceiling, dtype=float) - supervisor
    ratio = np.divide(
        np.asarray(student, dtype=float) - supervisor, gap, out=np.full(gap.shape, np.nan), where=gap != 0
    )
    return ratio if ratio.ndim else float(ratio)


def undefined_reason(gap: Estimate, *, min_gap: float, n_units: int) -> str | None:
    """Return the reason why PGR is undefined, in words, or `None` where it is defined.

    Args:
        gap: Ceiling minus supervisor, as a fraction, with its confidence interval.
        min_gap: The smallest gap that counts, as a fraction.
        n_units: Independent test examples (groups, where examples come in groups).
    """
    if n_units < 2:
        few = "all test examples are of one group, or there is one alone" if n_units else "no test examples"
        return f"{few}: no interval can be made"
    if -0.0005 < gap.value < 0:  # it would read 0.0 points below
        return "the ceiling is as good as the supervisor"
    if gap.value < 0:
        return f"the ceiling is {-100 * gap.value:.1f} points below the supervisor"
    if gap.value < min_gap - _ROUNDING:
        return f"the gap of {100 * gap.value:.1f} points is below the smallest that counts, {100 * min_gap:g}"
    if gap.low <= 0:
        return (
            f"the interval of the gap, {round(100 * gap.low, 1) + 0.0:.1f} to {100 * gap.high:.1f} points, includes 0"
        )
    return None
