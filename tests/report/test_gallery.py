"""Examples on which the student knew better: which are shown, and in which words."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from w2slab.artifacts import Predictions
from w2slab.report.gallery import _exhibits, _Judged
from w2slab.tasks.task import Examples, Truth


def test_pairs_of_one_prompt_are_all_shown_and_each_right_answer_once():
    ids, candidates = list("abc"), [["Bad.", "Good."], ["Worse.", "Good."], ["Bad.", "Better."]]
    examples = Examples(
        pa.table({"id": ids, "group": ["one"] * 3, "text": ["Which?"] * 3, "candidates": candidates}), None
    )
    sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]], dtype=np.float32)
    two = np.full(3, 2)
    judged = _Judged(examples, Truth(ids, [[1]] * 3), Predictions(ids, sure, two), Predictions(ids, sure[:, ::-1], two))
    shown = [(each.text, each.supervisor, each.student) for each in _exhibits(judged, judged.mended)]
    assert shown == [
        ("Which?", "90\N{NO-BREAK SPACE}%: Bad.", "90\N{NO-BREAK SPACE}%: Good."),
        ("Which?", "70\N{NO-BREAK SPACE}%: Bad.", "70\N{NO-BREAK SPACE}%: Better."),
    ]
