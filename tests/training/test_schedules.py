from __future__ import annotations

import pytest

from w2slab.training.schedules import WarmupStableDecay, evenly, rate_factor


@pytest.mark.parametrize("decay", ["linear", "cosine", "none"])
def test_the_rate_rises_from_0_to_its_peak_at_the_end_of_warm_up(decay):
    assert rate_factor(0.0, 0.1, decay) == 0.0
    assert rate_factor(0.05, 0.1, decay) == pytest.approx(0.5)
    assert rate_factor(0.1, 0.1, decay) == pytest.approx(1.0)


@pytest.mark.parametrize(("decay", "middle", "end"), [("linear", 0.5, 0.0), ("cosine", 0.5, 0.0), ("none", 1.0, 1.0)])
def test_after_warm_up_it_falls_as_asked(decay, middle, end):
    assert rate_factor(0.6, 0.2, decay) == pytest.approx(middle)
    assert rate_factor(1.0, 0.2, decay) == pytest.approx(end, abs=1e-12)


def test_a_cosine_is_not_a_line():
    assert rate_factor(0.25, 0.0, "cosine") == pytest.approx(0.8535534)


def test_no_warm_up_begins_at_the_peak():
    assert rate_factor(0.0, 0.0, "linear") == 1.0


def test_points_lie_evenly_and_the_last_step_is_one():
    assert evenly(4, 10) == [3, 5, 8, 10]
    assert evenly(5, 3) == [1, 2, 3]
    assert evenly(0, 10) == []


def test_the_rate_rises_stays_and_falls():
    schedule = WarmupStableDecay(steps=100, lr=2.0, warmup_steps=4, cooldown_frac=0.2)
    assert [schedule.rate(step) for step in (0, 1, 3, 50, 79)] == [0.5, 1.0, 2.0, 2.0, 2.0]
    assert schedule.rate(90) == pytest.approx(1.0)
    assert schedule.rate(99) == pytest.approx(0.1)
