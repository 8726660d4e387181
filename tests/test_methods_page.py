"""docs/methods.md: every row of the table, its studies, and nothing else; run as a program, this mends the page."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from w2slab import registry
from w2slab.methods import TABLE
from w2slab.study.document import parse_document
from w2slab.study.reading import check_study

PAGE = Path(__file__).parents[1] / "docs" / "methods.md"
BEGIN, END = "<!-- methods: begin -->\n", "<!-- methods: end -->"
HEADS = {
    "objectives": "Another loss, the weak labels as they are",
    "relabelings": "Weak labels chosen or repaired, naive finetuning on what comes out",
    "recipe-changes": "Another recipe, the weak labels as they are",
    "methods": "A structure of their own",
}


def listed() -> str:
    """The rows as the page should show them."""
    rows = list(registry.table("methods"))
    origin = {name: next((k for k in HEADS if k != "methods" and name in registry.table(k)), "") for name in rows}
    parts = []
    for kind, head in HEADS.items():
        own = [n for n in rows if (n in TABLE) == (kind == "methods") and (n in TABLE or origin[n] == kind)]
        lines = [f"| `{name}` | {registry.describe('methods', name).replace('|', chr(92) + '|')} |" for name in own]
        parts.append("\n".join([f"## {head}", "", "| method | what it does |", "|---|---|", *lines, ""]))
    return f"{len(rows)} methods.\n\n" + "\n".join(parts)


def test_the_page_lists_every_method_and_no_other():
    text = PAGE.read_text()
    assert text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip() == listed().strip()


def test_there_are_thirty_or_more():
    assert len(registry.table("methods")) >= 30


@pytest.mark.parametrize("block", re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL))
def test_its_studies_are_studies(block):
    check_study(parse_document(textwrap.dedent(block)), PAGE.parent)


if __name__ == "__main__":
    page = PAGE.read_text()
    PAGE.write_text(page[: page.index(BEGIN) + len(BEGIN)] + listed() + page[page.index(END) :])
