"""Time and size of a report, and the time until it opens: of a finished study, and of 2,000 students.

    python benchmarks/report.py                                        2,000 students
    python benchmarks/report.py --study examples/chess.yaml --store examples/.w2slab

The large study has 20 tasks, 10 pairs and 10 methods; its jobs were never run, but written as jobs would have written
them. Opening is measured in Chromium without a window: until the first paint, until the script is done, and until the
page has loaded, each the median of several times; it is left out where there is no Chromium or no playwright.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.report import fake_study
from w2slab.analysis import collect
from w2slab.experiment import run as api
from w2slab.report.page import write_report
from w2slab.study.reading import load_study
from w2slab.study.writing import to_yaml

_TIMES = """() => {
  const page = performance.getEntriesByType("navigation")[0];
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return [paint.startTime, page.domContentLoadedEventEnd, page.loadEventEnd];
}"""


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result of some work, and its seconds."""
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def opening(page: Path, times: int) -> list[float] | None:
    """Seconds until first paint, until the script is done and until loaded; `None` where no browser is at hand."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if browser is None:
        return None
    measured = []
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(times):
            tab = launched.new_page(viewport={"width": 1280, "height": 900})
            tab.goto(page.as_uri(), wait_until="load")
            tab.wait_for_timeout(300)
            measured.append(tab.evaluate(_TIMES))
            tab.close()
        launched.close()
    return [statistics.median(column) / 1000 for column in zip(*measured, strict=True)]


def measure(name: str, plan: Any, store: Any, out: Path, *, text: str, resamples: int, times: int) -> None:
    """Judge a study, write its report, open it, and print all of that."""
    results, judging = timed(lambda: collect(plan, store, resamples=resamples))
    page, writing = timed(lambda: write_report(results, plan, store, out, study_text=text))
    figures = len(list((out / "figures").glob("*.svg")))
    print(f"{name}: {len(results.rows):,} rows of results, {len(results.reported()):,} in the main table")
    print(f"  judged in {judging:.1f} s ({resamples:,} resamples), written in {writing:.1f} s ({figures} figures)")
    print(f"  page of {page.stat().st_size / 1e6:.2f} MB")
    opened = opening(page, times)
    if opened is None:
        print("  not opened: no Chromium or no playwright here")
    else:
        print("  first paint after {:.2f} s, script done after {:.2f} s, loaded after {:.2f} s".format(*opened))


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, help="a finished study")
    parser.add_argument("--store", type=Path, default=Path(".w2slab"), help="where its results are")
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--times", type=int, default=5, help="how often a page is opened")
    parser.add_argument("--out", type=Path, help="keep the reports here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = asked.out or Path(folder) / "reports"
        same = {"resamples": asked.resamples, "times": asked.times}
        if asked.study:
            study = load_study(asked.study)
            store = api.open_store(asked.store)
            text = to_yaml(study, asked.study.parent)
            measure(study.name, api.plan(study), store, out / "study", text=text, **same)
        plan, store = fake_study.wide_study(Path(folder) / "store")
        measure("large", fake_study.on_many_tasks(plan), store, out / "large", text="name: large\n", **same)


if __name__ == "__main__":
    main()
