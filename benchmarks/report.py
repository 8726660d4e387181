"""Time and memory of a report, the size of its page, and how soon it opens.

    python benchmarks/report.py                                        1,092 students, and a page of 2,000
    python benchmarks/report.py --against ../old                       beside another checkout, in turn
    python benchmarks/report.py --study examples/chess.yaml --store examples/.w2slab

The first study is that of a toy: 7 rungs, 13 methods, 4 seeds, 2,000 test examples, three stopping points. The second
has 20 tasks, 10 pairs and 10 methods. Their jobs were never run, but written as jobs would have written them. Each
time is measured in a process of its own: seconds of wall clock and of the processor, and the largest memory above that
of the imported libraries; medians over several times. Opening is measured in Chromium without a window: until the first
paint, until the script is done, and until the page has loaded; it is left out where there is no Chromium or playwright.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_TIMES = """() => {
  const page = performance.getEntriesByType("navigation")[0];
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return [paint.startTime, page.domContentLoadedEventEnd, page.loadEventEnd];
}"""
# In a process of its own, with another checkout's modules if need be.
_CHILD = """
import json, resource, sys, time
from pathlib import Path

tree, case, store, out = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
resamples = int(sys.argv[5])
sys.path[:0] = [str(tree / "src"), str(tree), str(tree / "tests" / "report")]
import numpy as np
import fake_study
import jinja2, matplotlib.backends.backend_agg, matplotlib.backends.backend_pdf, matplotlib.backends.backend_svg
import matplotlib.figure, pyarrow.parquet, scipy.special
if (tree / "src" / "w2slab" / "analysis").exists():
    from w2slab.analysis import collect
else:
    from w2slab.results import collect
from w2slab.graph.job import Graph
from w2slab.report.page import write_report


def ladder():
    fake_study.PARAMETERS = {f"sees-{2**i}": 2 ** (i + 1) + 2 for i in range(1, 8)}
    accuracies = dict(zip(fake_study.PARAMETERS, (0.58, 0.64, 0.70, 0.76, 0.82, 0.87, 0.91)))
    methods = {"naive": 0.3} | {f"method-{i}": 0.3 + 0.04 * i for i in range(1, 13)}
    written, graph = fake_study.FakeStore(store), Graph()
    task = fake_study.text_task(2000, np.random.default_rng(13))
    simulation = fake_study.Simulation(written, task, accuracies, methods)
    return fake_study.FakePlan(graph, simulation.plan(list(range(4)), graph)), written


def wide():
    plan, written = fake_study.wide_study(store)
    return fake_study.on_many_tasks(plan), written


def memory():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


Path("/proc/self/clear_refs").write_text("5")
libraries = memory()
plan, written = {"ladder": ladder, "wide": wide}[case]()
Path("/proc/self/clear_refs").write_text("5")  # what was written is not counted
marks = [(time.perf_counter(), time.process_time())]
results = collect(plan, written, resamples=resamples)
marks.append((time.perf_counter(), time.process_time()))
page = write_report(results, plan, written, out, study_text="name: measured\\n")
marks.append((time.perf_counter(), time.process_time()))
print(json.dumps({
    "judging": marks[1][0] - marks[0][0], "writing": marks[2][0] - marks[1][0], "processor": marks[2][1] - marks[0][1],
    "above libraries": memory() - libraries, "peak": memory(), "rows": len(results.rows),
    "figures": len(list((out / "figures").glob("*.svg"))), "page": page.stat().st_size / 1e6,
}))
"""


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


def measured_once(tree: Path, case: str, folder: Path, resamples: int) -> dict[str, float]:
    """Write, judge and report a study in a process of its own."""
    out = folder / "out"
    command = [sys.executable, "-c", _CHILD, str(tree), case, str(folder / "store"), str(out), str(resamples)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(tree / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(trees: dict[str, Path], case: str, keep: Path, *, resamples: int, repeats: int, times: int) -> None:
    """Measure each tree in turn, several times, and print medians."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    for _ in range(repeats):
        for name, tree in trees.items():
            with tempfile.TemporaryDirectory() as folder:
                found[name].append(measured_once(tree, case, Path(folder), resamples))
                shutil.copytree(Path(folder) / "out", keep / case / name, dirs_exist_ok=True)
    for name, own in found.items():
        of = {key: statistics.median(each[key] for each in own) for key in own[0]}
        print(f"{case}, {name}: {of['rows']:,.0f} rows of results, {of['figures']:.0f} figures, {repeats} times")
        print(
            f"  judged in {of['judging']:.1f} s, written in {of['writing']:.1f} s ({of['processor']:.1f} s of the "
            f"processor for both); {of['above libraries']:.0f} MB above the libraries, peak {of['peak']:.0f} MB"
        )
        opened = opening(keep / case / name / "index.html", times)
        print(f"  page of {of['page']:.2f} MB" + ("" if opened is None else _opened(opened)))


def _opened(seconds: list[float]) -> str:
    return ": first paint after {:.2f} s, script done after {:.2f} s, loaded after {:.2f} s".format(*seconds)


def of_study(study: Path, store: Path, out: Path, times: int) -> None:
    """Report a finished study, and print the size of its page and how soon it opens."""
    import time

    import w2slab

    started = time.perf_counter()
    page = w2slab.write_report(w2slab.load_study(study), store, out)
    print(f"{study}: written in {time.perf_counter() - started:.1f} s, page of {page.stat().st_size / 1e6:.2f} MB")
    opened = opening(page, times)
    print("  not opened: no Chromium or no playwright here" if opened is None else f"  opened{_opened(opened)}")


def main() -> None:
    """Measure the studies that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, help="a finished study, in place of those that are made up")
    parser.add_argument("--store", type=Path, default=Path(".w2slab"), help="where its results are")
    parser.add_argument("--against", type=Path, help="another checkout, measured beside this one")
    parser.add_argument("--cases", nargs="+", default=["ladder", "wide"], choices=["ladder", "wide"])
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5, help="how often each is measured")
    parser.add_argument("--times", type=int, default=5, help="how often a page is opened")
    parser.add_argument("--out", type=Path, help="keep the reports here")
    given: Any = parser.parse_args()
    trees = {"here": Path(__file__).resolve().parents[1]}
    if given.against:
        trees["there"] = given.against.resolve()
    with tempfile.TemporaryDirectory() as folder:
        keep = given.out or Path(folder)
        if given.study:
            of_study(given.study, given.store, keep / "study", given.times)
            return
        for case in given.cases:
            measure(trees, case, keep, resamples=given.resamples, repeats=given.repeats, times=given.times)


if __name__ == "__main__":
    main()
