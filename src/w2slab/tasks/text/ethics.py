"""The named sets of ETHICS (Hendrycks et al. 2020) that the paper uses.

The hub's `validation` is the ordinary test part of the publication, its `test` the harder one that was filtered against
models; the ordinary one is the test part here, as in the original files, and the harder one is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from w2slab.tasks.text.choices import by_digest
from w2slab.tasks.text.named import Dropped, Item, LocalPart, NamedTask, Row, Source, read_rows

ETHICS = partial(Source, "hendrycks/ethics", train=("train",), test=("validation",))
PLEASANT_FIRST = ("baseline", "less_pleasant")


class EthicsJustice(NamedTask):
    """ETHICS, justice: is this reason to treat someone otherwise, or this claim of a desert, a fair one?

    Test: the ordinary test part (`validation` on the hub). Group: what comes before "because".
    """

    source = ETHICS(config="justice")
    classes = ("unreasonable", "reasonable")

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        scenario = row.text("scenario").strip()
        yield Item(
            text=scenario,
            answer="\nIs this reasonable?",
            right=row.label("label", 2),
            group=scenario.partition(" because ")[0],
        )


class EthicsDeontology(NamedTask):
    """ETHICS, deontology: does this excuse exempt from a request, does this duty follow from a role?

    Test: the ordinary test part (`validation` on the hub). Group: the request or role.
    """

    source = ETHICS(config="deontology")
    local = (
        LocalPart("ethics_deontology_train.csv.gz", "train"),
        LocalPart("ethics_deontology_test.csv.gz", "test"),
    )
    classes = ("unreasonable", "reasonable")

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        scenario, excuse = row.text("scenario").strip(), row.text("excuse").strip()
        yield Item(
            text=scenario, answer=f"\n{excuse}\nIs this reasonable?", right=row.label("label", 2), group=scenario
        )


class EthicsVirtue(NamedTask):
    """ETHICS, virtue: does a character in the scenario show this trait?

    Test: the ordinary test part (`validation` on the hub). Group: the scenario. Four of five traits do not fit (in the
    original training file more), so balancing leaves the smaller part.
    """

    source = ETHICS(config="virtue")
    local = (
        LocalPart("ethics_virtue_train.csv.gz", "train"),
        LocalPart("ethics_virtue_test.csv.gz", "test"),
    )
    classes = ("not shown", "shown")

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row: `scenario [SEP] trait`, as it was published."""
        scenario, separator, trait = row.text("scenario").partition(" [SEP] ")
        if not separator:
            raise row.error("scenario: no trait; `scenario [SEP] trait` is needed")
        yield Item(
            text=scenario.strip(),
            answer=f" [SEP] {trait.strip()}",
            right=row.label("label", 2),
            group=scenario.strip(),
        )


class EthicsUtilitarianism(NamedTask):
    """ETHICS, utilitarianism: which of two scenarios is the more pleasant for the one who tells it?

    Published as pairs, the more pleasant one first; here the digest of the two decides which is read first. Test: the
    ordinary test part (`validation` on the hub). Group: the first sentence of the more pleasant one.
    """

    source = ETHICS(config="utilitarianism")
    local = (
        LocalPart("ethics_util_train.csv.gz", "train", partial(read_rows, columns=PLEASANT_FIRST)),
        LocalPart("ethics_util_test.csv.gz", "test", partial(read_rows, columns=PLEASANT_FIRST)),
    )
    classes = ("first", "second")

    def items(self, row: Row) -> Iterator[Item | Dropped]:
        """One row."""
        better, worse = (row.text(name).strip() for name in PLEASANT_FIRST)
        if better == worse:
            yield Dropped("two scenarios that are the same")
            return
        first, second = by_digest((better, worse), *sorted((better, worse)))
        yield Item(
            text=f"First: {first}\nSecond: {second}",
            answer="\nWhich is more pleasant, the first or the second?",
            right=int(better == second),
            group=better.partition(".")[0].strip().lower(),
        )
