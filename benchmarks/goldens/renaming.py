"""Renamed words of the new tree; everything that is not listed here has to be equal."""

from __future__ import annotations

from comparing import Renaming

COMPARE = (
    ("B - A", "B − A"),
    ("in A, nothing in B", "in A, unset in B"),
    # A relabeling of two is written with its name as a field, as everywhere.
    ("and 53 more fields", "and 59 more fields"),
    (r"no difference shown \(detectable: ", "no difference shown (MDE: "),
    ("No difference between A and B is shown for", "No significant difference between A and B for"),
    ("; no difference is shown for the other", "; not significant for the other"),
    ("Supervisors and ceilings are the same in", "Supervisors and ceilings are the same jobs in"),
    (
        r"(student|students) (is|are) the same job in both: nothing to compare",
        r"\1 \2 the same job in both studies and not tested",
    ),
    (
        r"Verdicts are on student accuracy, corrected \(Holm\) for (\S+ comparisons?); each interval .* comparison only\.",
        r"Verdicts are on student accuracy, Holm-adjusted over \1; confidence intervals are not adjusted. MDE: minimum "
        r"detectable effect in points (80% power, for a single comparison).",
    ),
    (
        r"Seeds are paired by number \((.*)\): (.*), which both have; left out",
        r"Seeds are paired by number (\1): \2 in common; left out",
    ),
    ("Both are judged by the statistics that A asks for", "The `statistics` of A are used for both studies"),
    (r"In percent, (means over pairs, )?with 95 % intervals over", r"Values in %, \1; 95% confidence intervals over"),
    (r"Values in %, ; ", "Values in %; "),
    (", ; 95%", "; 95%"),
)
RESULTS = (
    (r"(\d+) seeds, fewer than 5", r"\1 seeds; 5 or more recommended"),
    ("test examples only: there is one seed", "test examples only (one seed)"),
    ("is told true labels of", "uses ground truth of"),
    ("is held against a supervisor", "is compared with a supervisor"),
    ("true labels made wrong", "ground truth made wrong"),
    ("as many as (it|each) has itself", r"as many as \1 has"),
    (r"(\d) % of them", r"\1% of them"),
)
# What is left after whole sentences are renamed.
VERDICTS = (("no difference shown", "not significant"),)
RANKING = (
    ("minus naive", "difference to naive"),
    ("Holm p", "p (Holm)"),
    ("told true labels", "uses ground truth"),
    (
        r"(On frozen features|Finetuned): (.*) shown to be better than naive; (.*) shown to be worse than naive; for (\d+) no "
        r"difference is shown\.",
        r"\1, significantly better than naive: \2; significantly worse than naive: \3; not significant: \4 (Holm-adjusted).",
    ),
    (
        "Leading methods are chosen by the test examples .*",
        "The leading methods were selected on the same test examples that both tables report, so their estimates are optimistic "
        "(selection bias), mostly in the first table. Each table is Holm-adjusted separately.",
    ),
    (r"Rank agreement of the two over", "Rank agreement over"),
    (
        "Methods chosen since they lead are alike on features, which leaves little to agree on",
        "It is computed over methods selected for similar performance on features, which lowers it",
    ),
    ("Not ranked here: ", "Not ranked: "),
)
ELICIT = (
    ("to look at again: ", "to check: "),
    (
        r"On (\d+) true labels the student is right on (.*) %, the labels it learned from on (.*) %: (no difference shown)?",
        r"On \1 ground-truth labels the accuracy of the student is \2%, that of the weak labels \3%: \4",
    ),
    (r"(that of the weak labels .*%): no difference shown", r"\1: not significant"),
    (
        "A student that had not learned a text’s label agrees with it on (.*) % of (.*), and contradicts it",
        r"Students not trained on a text’s label agree with it on \1% of \2 and contradict it",
    ),
    (
        r"The difference is (.*) points (\(.*\)), so there is nothing yet to settle; (.*) true labels in all would show a difference "
        r"of about (.*) points or more four times in five\.",
        r"Difference: \1 points \2; with \3 ground-truth labels the minimum detectable effect would be about \4 points (80% "
        "power).",
    ),
    (
        r"The difference is (.*) points (\(.*\))\. If the true difference is as large as that, about (.*) more true labels, (.*) in "
        r"all, would show it four times in five\.",
        r"Difference: \1 points \2. A true difference of this size would be detected with \4 ground-truth labels, \3 more (80% "
        "power).",
    ),
    (
        r"The difference is (.*) points (\(.*\))\. So large a difference needs about (.*) true labels, which is what there are\.",
        r"Difference: \1 points \2. A true difference of this size is detected with about \3 ground-truth labels (80% power); "
        "there are as many.",
    ),
)
RENAMING = Renaming(
    # The fields in which two studies differ, in the order of the document: the second version writes its documents anew.
    left_out={"changed"},
    # Whole values: columns, tables, controls, stopping points, kinds of jobs.
    names={
        "weak-is-strong": "self-training",
        "told_truth": "uses_truth",
        "no difference shown": "not significant",
        "true-labels": "oracle",
        "stopped true-labels": "stopped oracle",
    },
    # Patterns in all text, in order, and what takes their place.
    words=(
        (r"weak-is-strong", "self-training"),
        *RESULTS,
        *COMPARE,
        *RANKING,
        *ELICIT,
        *VERDICTS,
        ("no difference shown", "not significant"),
        (r"(?<![\w.)-])(?<!gap, )-(?=\d)", "−"),
        (r"(?<=\[)-(?=inf)", "−"),
    ),
)
# Words of the studies in this folder that the new tree writes otherwise.
WRITTEN: dict[str, str] = {"weak-is-strong": "self-training"}
# The command that ranks methods.
RANK = {"old": ("bench", "methods"), "new": ("rank",)}
