"""A method put together in the study: its jobs, its mistakes, and weights that go through."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from tests.jobs.conftest import bench
from tests.methods.planning import planned, problems, student, study
from tests.small_data import write_data
from w2slab import registry
from w2slab.data.artifacts import read_weights, write_predictions
from w2slab.data.examples import Examples
from w2slab.data.labels import Labels
from w2slab.jobs import relabel as job
from w2slab.jobs.relabel import RelabelSpec
from w2slab.objectives import ReverseKL
from w2slab.relabelings.confidence_filter import ConfidenceFilter
from w2slab.relabelings.neighbours import NeighbourRelabel
from w2slab.study.document import parse_document
from w2slab.study.reading import check_study
from w2slab.study.writing import schema, to_yaml

__all__ = ["bench"]

TWO = "[{name: confidence-filter, keep: 0.8}, neighbour-relabel]"


def composed(fields):
    return f"methods=[naive, {{name: composed, {fields}}}]"


def test_relabelings_follow_one_another_and_the_objective_comes_last():
    found = student(planned(composed(f"relabelings: {TWO}, objective: {{name: reverse-kl, epsilon: 0.05}}")))
    assert found.spec.objective == ReverseKL(epsilon=0.05)
    second = found.inputs["labels"]
    first = second.inputs["labels"]
    assert isinstance(second.spec.relabeling, NeighbourRelabel)
    assert second.inputs["features"].kind == "embed"
    assert first.spec.relabeling == ConfidenceFilter(keep=0.8)
    assert "features" not in first.inputs


def test_nothing_put_together_is_naive():
    of = planned(composed("relabelings: []"))
    assert student(of) is student(of, method="naive")


def test_one_part_is_the_method_of_its_name():
    of = planned("methods=[confidence-filter, {name: composed, relabelings: [confidence-filter]}]")
    assert student(of) == student(of, method="confidence-filter")
    of = planned("methods=[window, {name: composed, objective: window}]")
    assert student(of) == student(of, method="window")


def test_every_mistake_is_named_with_its_place():
    said = problems(
        composed(
            "relabelings: [confidence-filtr, {keep: 3}, {name: confidence-filter, keep: 3, kep: 1}, 7], "
            "objective: {name: reverse-kl, epsilon: 2}"
        )
    )
    assert 'relabelings.0.name: unknown relabeling "confidence-filtr". Did you mean "confidence-filter"?' in said
    assert "relabelings.1.name: is required and missing" in said
    assert "relabelings.2.keep: input should be less than or equal to 1, not 3" in said
    assert 'relabelings.2.kep: unknown field "kep". Did you mean "keep"?' in said
    assert "relabelings.3: should be a name, or a mapping with its `name`, not 7" in said
    assert "objective.epsilon: input should be less than 1, not 2" in said


def test_a_field_of_a_row_without_fields_is_refused():
    assert 'objective.x: unknown field "x". It has no fields.' in problems(
        composed("objective: {name: cross-entropy, x: 1}")
    )


def test_parts_that_need_more_than_a_supervisor_are_referred_to_their_own_methods():
    for name in ("trust-function", "reliability-filter", "co-supervised", "early-learning-relabel"):
        assert f"{name} needs labels beside the supervisor's" in problems(composed(f"relabelings: [{name}]"))


def test_an_objective_of_features_needs_features_that_are_trained():
    parts = composed("objective: representation-anchor")
    assert "trains no features" in problems(parts, "tuning=head")
    assert not problems(parts)


def test_the_study_is_written_out_and_read_again(tmp_path):
    before = study(composed(f"relabelings: {TWO}, objective: reverse-kl"))
    after = check_study(parse_document(to_yaml(before, tmp_path)), tmp_path)
    assert after.methods == before.methods


def test_the_schema_knows_bare_names_and_mappings():
    rows = schema()["$defs"]["StudyMethod"]["anyOf"]
    (row,) = [row for row in rows if row.get("properties", {}).get("name") == {"const": "composed"}]
    assert row["properties"]["objective"]["$ref"] == "#/$defs/Objective"
    assert {"type": "string"} in schema()["$defs"]["Objective"]["anyOf"]
    json.dumps(row)


# What one relabeling leaves out stays out, and weights multiply.
def test_weights_of_one_relabeling_reach_through_the_next(bench):
    ids, labels = [f"e{i}" for i in range(4)], bench.root / "labels"
    table = pa.table({"id": ids, "group": ids})
    data = write_data(bench.root / "data", {"student_train": (Examples(table, ("no", "yes")), [[0]] * 4)})
    sure = np.array([0.9, 0.6, 0.8, 0.7], dtype=np.float32)
    given = Labels(np.arange(4), np.stack([1 - sure, sure], axis=1), np.full(4, 2))
    write_predictions(labels, "student_train", given)

    def relabel(name, fields, labels, out):
        spec = RelabelSpec(relabeling=registry.build("relabelings", name, fields), seed=0)
        return bench.run(job.relabel, spec, {"data": data, "labels": labels}, out)

    first = relabel("confidence-filter", {"keep": 0.5}, labels, "first")
    np.testing.assert_array_equal(read_weights(first, "student_train").values, [1, 0, 1, 0])
    hard = relabel("hard-labels", {}, first, "hard")
    np.testing.assert_array_equal(read_weights(hard, "student_train").values, [1, 0, 1, 0])
    assert bench.facts["n_left_out"] == 2
    again = relabel("confidence-filter", {"keep": 0.25}, first, "again")
    np.testing.assert_array_equal(read_weights(again, "student_train").values, [1, 0, 0, 0])
