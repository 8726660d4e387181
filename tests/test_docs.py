"""The examples of docs/statistics.md say what the code says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.docs

PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
NO_EXAMPLE = {"Does it hold?", "Sources"}


def examples(page: Path) -> doctest.DocTest:
    """All examples of a page, in one namespace, at their own lines: what is no fenced Python is blank."""
    lines, inside = [], False
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            inside = line == "```python"
            lines.append("")
        else:
            lines.append(line if inside else "")
    return doctest.DocTestParser().get_doctest("\n".join(lines) + "\n", {}, page.name, str(page), 0)


# "explains each number with its formula and a worked example that is a doctest"
def test_the_examples_say_what_the_code_says():
    said: list[str] = []
    with np.printoptions(legacy=False):
        found = doctest.DocTestRunner(verbose=False).run(examples(PAGE), out=said.append)
    assert not found.failed, "".join(said)


@pytest.mark.parametrize(
    "section", re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:], ids=lambda s: s.split("\n")[0]
)
def test_every_section_has_an_example(section):
    assert (">>> " in section) != (section.split("\n")[0] in NO_EXAMPLE)


def test_sections_that_are_linked_are_there():
    text = PAGE.read_text()
    heads = {
        re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-")
        for head in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= heads
