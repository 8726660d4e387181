"""Compare the results of two trees: the same small studies run in both, on this machine, in one sitting.

    python benchmarks/golden.py OLD_COMMIT                  the commit against this working tree
    python benchmarks/golden.py --old PATH --new PATH       two working trees; --alike where both are old ones
    python benchmarks/golden.py OLD_COMMIT --cases toy,heads
    python benchmarks/golden.py OLD_COMMIT --keep DIR       the old side's results are kept there, and reused
    python benchmarks/golden.py --list                      the cases

A case is a few commands of `w2slab` (`goldens/studies.py`; its studies are the YAML files beside it). What they leave
is dumped without keys or paths, and compared:

- arrays to the last bit: ids and probabilities of supervisor, student and ceiling on every split and at every stopping
  point, the labels and weights that a student learned from, learning curves, splits and their ground truth; what every
  other job of the study predicts (as digests by kind of job); the frame of `results.predictions()`;
- counts exactly: examples, steps, parameters, where a model was stopped;
- every results table, the JSON of `compare`, the files of `elicit`, the ranking: numbers to 1e-12 (relative; 1e-15
  where a number is about zero), text and everything else equal;
- what commands print, line by line, whatever the widths of columns.

A line per case says how much was compared; the first differences follow, and the exit code is 1. A case in which
nothing was compared fails. What only the new side has (another column, another table) is a note and no difference.

What follows a tree's insides stands in three small files of `goldens/`: `reading_old.py` and `reading_new.py` read a
store (the old one is complete and stays; the new one follows the tree), and `renaming.py` lists what is called
otherwise: values, words in text, words in the studies. Whatever is not listed has to be equal.

Kept results are named by a digest of the old commit, the cases' files, this machine and its packages, so that none that
are out of date are ever reused. One side takes two to three minutes of one core.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import shutil
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

GOLDENS = Path(__file__).resolve().parent / "goldens"
sys.path.insert(0, str(GOLDENS))

from comparing import Compared, Renaming, compare_folders  # noqa: E402
from renaming import RENAMING  # noqa: E402
from studies import CASES, Side  # noqa: E402
from trees import ROOT, checked_out  # noqa: E402

MOST_SHOWN = 10
_OF_OLD_SIDE = ("studies.py", "dump.py", "reading_old.py", "*.yaml")


def stamp(case: str, tree: Path) -> str:
    """Digest of all that the old side's results depend on."""
    found = hashlib.sha256(f"{case}{platform.uname()}".encode())
    for package in ("torch", "numpy", "scipy", "pandas", "transformers"):
        found.update(version(package).encode())
    sources = [path for path in (tree / "src").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    cases = [path for pattern in _OF_OLD_SIDE for path in GOLDENS.glob(pattern)]
    for path in (*sorted(sources), *sorted(cases)):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:16]


def dumped(case: str, side: str, tree: Path, folder: Path) -> Path:
    """Run a case with a tree; the folder with what is compared is returned.

    Args:
        case: Its name.
        side: `old` or `new`: how studies are written for the tree, and how its store is read.
        tree: The working tree.
        folder: A folder for this tree's results.
    """
    work, dump = folder / "work" / case, folder / "dump" / case
    work.mkdir(parents=True)
    dump.mkdir(parents=True)
    at = Side(side, tree, work, dump)
    imported = at.python("-c", "import w2slab; print(w2slab.__file__)").strip()
    if not Path(imported).resolve().is_relative_to(tree):
        raise RuntimeError(f"{tree}: w2slab was imported from {imported}, not from {tree}")
    CASES[case](at)
    shutil.rmtree(work)
    return dump


def kept(case: str, tree: Path, folder: Path, keep: Path | None) -> Path:
    """The old side's results: those that are kept, or new ones, which then are."""
    if keep is None:
        return dumped(case, "old", tree, folder / "a")
    place = keep / f"{case}-{stamp(case, tree)}"
    if not place.exists():
        keep.mkdir(parents=True, exist_ok=True)
        own = Path(tempfile.mkdtemp(dir=keep, prefix=".making-"))
        made = shutil.copytree(dumped(case, "old", tree, folder / "a"), own / "made")
        if not place.exists():
            made.rename(place)
        shutil.rmtree(own)
    return place


def told(case: str, found: Compared, seconds: float) -> str:
    """A line on what was compared, and the first differences."""
    amounts = ", ".join(f"{n:,} {sort}" for sort, n in sorted(found.n_values.items())) or "NOTHING WAS COMPARED"
    lines = [f"{'equal    ' if found.is_equal else 'DIFFERENT'}  {case:8} {amounts}  ({seconds:.0f} s)"]
    for name, rows in (("difference", found.differences), ("note", found.notes)):
        lines += [f"  {name}: {row}" for row in rows[:MOST_SHOWN]]
        if len(rows) > MOST_SHOWN:
            lines.append(f"  and {len(rows) - MOST_SHOWN} {name}s more")
    return "\n".join(lines)


def main() -> int:
    """Run the cases in both trees; 0 where all of them are equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", nargs="?", help="the old commit")
    parser.add_argument("--old", type=Path, metavar="PATH", help="an old working tree in place of a commit")
    parser.add_argument("--new", type=Path, metavar="PATH", default=ROOT, help="the new working tree [this one]")
    parser.add_argument("--cases", default=",".join(CASES), help="names with commas between them [all]")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the old side's results are kept and reused")
    parser.add_argument("--alike", action="store_true", help="both trees are old ones: written and read alike")
    parser.add_argument("--list", action="store_true", help="show the cases and stop")
    asked = parser.parse_args()
    if asked.list:
        print("\n".join(f"{name:8} {case.__doc__}" for name, case in CASES.items()))
        return 0
    names = asked.cases.split(",")
    if unknown := [name for name in names if name not in CASES]:
        parser.error(f"unknown case {', '.join(unknown)}; there are {', '.join(CASES)}")
    if (asked.commit is None) == (asked.old is None):
        parser.error("name either a commit or --old PATH")
    side, renaming = ("old", Renaming()) if asked.alike else ("new", RENAMING)
    failed = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tree = checked_out(asked.commit, folder) if asked.old is None else asked.old.resolve()
        new_tree = folder / "new"  # a copy, so that the working tree may be edited meanwhile
        shutil.copytree(asked.new / "src", new_tree / "src", ignore=shutil.ignore_patterns("__pycache__"))
        for case in names:
            started = time.monotonic()
            try:
                new = dumped(case, side, new_tree.resolve(), folder / "b")
                found = compare_folders(kept(case, tree, folder, asked.keep), new, renaming)
            except RuntimeError as error:
                print(f"FAILED     {case:8} {error}", flush=True)
                failed.append(case)
                continue
            print(told(case, found, time.monotonic() - started), flush=True)
            if not found.is_equal:
                failed.append(case)
    print(f"{len(names) - len(failed)} of {len(names)} cases equal" + (f"; not: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
