from __future__ import annotations

import pytest

import w2slab
from w2slab.errors import StudyError
from w2slab.graph.codec import decode, encode
from w2slab.jobs.options import RunOptions


def test_an_unknown_option_is_refused_with_the_nearest_name():
    with pytest.raises(StudyError, match=r'RunOptions\.devise: there is no such option\. Did you mean "device"\?'):
        RunOptions(devise="cuda")
    with pytest.raises(StudyError, match=r"RunOptions\.micro_bach: .*micro_batch"):
        RunOptions.of({"micro_bach": 3})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("device", "gpu", "'gpu' is not allowed; allowed: auto, cpu, cuda, mps"),
        ("micro_batch", 0, "0 is not allowed; allowed: a whole number of at least 1, or None"),
        ("micro_batch", True, "True is not allowed"),
        ("prediction_batch", 2.5, "2.5 is not allowed; allowed: a whole number of at least 1"),
        ("gpus_per_job", -1, "-1 is not allowed"),
        ("keep_checkpoint", "yes", "'yes' is not allowed; allowed: True, False"),
        ("checkpoint_every_s", float("nan"), "nan is not allowed; allowed: a number of seconds from 0"),
        ("sharded", True, "it needs gpus_per_job of 2 or more"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(name, value, words):
    with pytest.raises(StudyError) as caught:
        RunOptions(**{name: value})
    assert str(caught.value).startswith(f"RunOptions.{name}: ")
    assert words in str(caught.value)


def test_every_mistake_is_told_at_once():
    with pytest.raises(StudyError) as caught:
        RunOptions(device="gpu", micro_batch=0)
    assert len(caught.value.problems) == 2


def test_options_travel_as_they_are():
    options = RunOptions(device="cpu", micro_batch=3, gpus_per_job=2, sharded=True, checkpoint_every_s=1)
    assert decode(encode(options)) == options


def test_a_run_refuses_unknown_options_before_anything_is_read(toy_study, tmp_path):
    study = w2slab.load_study(toy_study)
    with pytest.raises(StudyError, match="devise"):
        w2slab.run(study, tmp_path / "store", options={"devise": "cuda"})
    assert not (tmp_path / "store").exists()
