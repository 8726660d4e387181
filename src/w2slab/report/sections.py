"""Sections of the page, in order: those that have a template of their own, and one for each table that names one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from w2slab.analysis import Results, all_tables
from w2slab.analysis.estimator import Row
from w2slab.analysis.tabular import Column
from w2slab.report.svg import Drawing


class Part(NamedTuple):
    """A section of the page.

    Args:
        order: Its place.
        anchor: Its name in addresses.
        nav: The words of its link.
        template: Its template.
        of: What the template is given for it alone.
    """

    order: int
    anchor: str
    nav: str
    template: str
    of: TableOnPage | None = None


class TableOnPage(NamedTuple):
    """A table with a section of its own.

    Args:
        heading: Above the section.
        lead: Its first paragraph.
        note: Below the table.
        stem: The name of the table's files.
        columns: Those that are shown.
        rows: All rows, controls left out.
        drawing: Its figure, if it has one.
    """

    heading: str
    lead: str
    note: str
    stem: str
    columns: list[Column]
    rows: list[Row]
    drawing: Drawing | None


_Context = Mapping[str, Any]
# Place, anchor, link, template, and whether the study has the data for it.
_OWN: tuple[tuple[int, str, str, str, Callable[[_Context], Any]], ...] = (
    (10, "sizes", "By size", "sizes.html", lambda c: c["drawn"]),
    (20, "methods", "Methods", "methods.html", lambda c: c["drawn"] and c["drawn"].forest),
    (30, "table", "Full results", "table.html", lambda c: c["rows"]),
    (40, "agreement", "Agreement", "agreement.html", lambda c: c["drawn"]),
    (50, "stopping", "Stopping", "stopping.html", lambda c: c["drawn"] and (c["drawn"].stopping or c["drawn"].courses)),
    (60, "calibration", "Calibration", "calibration.html", lambda c: c["calibration"]),
    (70, "anatomy", "Errors", "anatomy.html", lambda c: c["anatomy"]),
    (80, "diagnostics", "Diagnostics", "diagnostics.html", lambda c: c["diagnostics"]),
    (90, "slices", "By slice", "slices.html", lambda c: c["slices"]),
    (110, "gallery", "Examples", "gallery.html", lambda c: c["galleries"]),
    (120, "controls", "Controls", "controls.html", lambda c: c["controls"]),
    (120, "controls", "Ceilings", "controls.html", lambda c: c["ceilings"] and not c["controls"]),
    (130, "cost", "Compute", "cost.html", lambda c: c["costs"]),
    (140, "made", "Reproducibility", "made.html", lambda c: True),
)


def parts(context: _Context, results: Results, dots: Mapping[str, Drawing]) -> list[Part]:
    """The sections that the study has the data for, in order.

    Args:
        context: What templates are given.
        results: The results.
        dots: Figures of tables, by the table's name.
    """
    found = [Part(order, anchor, nav, name) for order, anchor, nav, name, has_data in _OWN if has_data(context)]
    for name, table in all_tables().items():
        rows = [row for row in results[name] if row.get("control") is None]
        if table.section is not None and rows:
            at = table.section
            columns = [column for column in table.columns if column.header]
            of = TableOnPage(at.heading, at.lead, at.note, table.stem, columns, rows, dots.get(name))
            found.append(Part(at.order, at.anchor, at.nav, "any_table.html", of))
    return sorted(found, key=lambda part: part.order)
