"""The comparison of `benchmarks/golden.py`: one changed number is found, and nothing is found where nothing changed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "goldens"))

from comparing import Renaming, compare_folders
from dump import Dump

PROBS = np.array([[0.25, 0.75], [0.5, 0.5]], dtype=np.float32)
PRINTED = "method  verdict\n------  -------\nnaive   no difference shown\n"


def dumped(folder: Path, *, probs=PROBS, pgr=0.4, verdict="no difference shown", control="none", steps=10) -> Path:
    """A dump of one student and one table."""
    dump = Dump()
    dump.array(f"toy|a|b|naive|{control}|0|student|test|ids", np.array(["x", "y"]))
    dump.array(f"toy|a|b|naive|{control}|0|student|test|probs", probs)
    dump.tables["summary"] = {"pgr": [pgr, None], "verdict": [verdict, None]}
    dump.counts["student"] = {"steps": steps}
    dump.write(folder)
    (folder / "printed.txt").write_text(PRINTED.replace("no difference shown", verdict))
    return folder


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return dumped(tmp_path / "old")


def test_equal_dumps_are_equal_and_all_their_values_are_counted(old, tmp_path):
    found = compare_folders(old, dumped(tmp_path / "new", pgr=0.4 * (1 + 1e-14)))
    assert found.differences == []
    assert found.is_equal
    assert found.n_values == {
        "numbers to the last bit": 4, "texts": 3, "numbers": 2, "other values": 2, "lines of text": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"probs": np.nextafter(PROBS, np.float32(2)).astype(np.float32)}, "student|test|probs: 4 of 4 values differ"),
        ({"probs": PROBS[:1]}, "float32 [2, 2] became float32 [1, 2]"),
        ({"probs": PROBS.astype(np.float64)}, "float32 [2, 2] became float64 [2, 2]"),
        ({"pgr": 0.4 * (1 + 1e-11)}, "tables.json: summary: pgr[0]: 0.4 became"),
        ({"pgr": None}, "tables.json: summary: pgr[0]: 0.4 became None"),
        ({"steps": 11}, "counts.json: student: steps: 10 became 11"),
        ({"verdict": "better"}, "new naive  better"),
        ({"control": "shuffled"}, "only the old side has it"),
    ],
)
def test_one_change_is_a_difference_with_its_place(old, tmp_path, change, place):
    found = compare_folders(old, dumped(tmp_path / "new", **change))
    assert not found.is_equal
    assert place in "\n".join(found.differences)


def test_the_last_bit_of_one_probability_is_found(old, tmp_path):
    changed = PROBS.copy()
    changed[1, 0] = np.nextafter(changed[1, 0], np.float32(0))
    (difference,) = compare_folders(old, dumped(tmp_path / "new", probs=changed)).differences
    assert "1 of 4 values differ, first at [1, 0]" in difference


def test_words_that_are_listed_may_change(old, tmp_path):
    new = dumped(tmp_path / "new", verdict="not significant", control="nothing")
    renaming = Renaming(names={"none": "nothing"}, words=(("no difference shown", "not significant"),))
    assert compare_folders(old, new, renaming).is_equal
    assert not compare_folders(old, new).is_equal


def test_what_only_one_side_has(old, tmp_path):
    new = dumped(tmp_path / "new")
    tables = json.loads((new / "tables.json").read_text())
    (new / "tables.json").write_text(json.dumps(tables | {"another": {}}))
    found = compare_folders(old, new)
    assert found.is_equal
    assert found.notes == ["tables.json: another: only in the new"]
    (new / "printed.txt").unlink()
    assert compare_folders(old, new).differences == ["printed.txt: only the old side has it"]


def test_nothing_compared_is_not_equal(tmp_path):
    for side in ("old", "new"):
        (tmp_path / side).mkdir()
    assert not compare_folders(tmp_path / "old", tmp_path / "new").is_equal
