"""Data sets of the Hugging Face hub as files of rows, from the local cache or downloaded; no code of theirs runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from w2slab.data.readers.files import KINDS
from w2slab.errors import DataError, UnavailableError

PARQUET_BRANCH = "refs/convert/parquet"
"""The branch on which the hub itself keeps every data set as Parquet: `{config}/{split}/0000.parquet`."""

# Also known are the layouts in which data sets are pushed to other branches: `{config}/{split}-00000-of-00001.parquet`,
# `data/{split}-...` for the configuration `default`, `{config}/{split}.jsonl.gz` and, at the top, `{split}.csv`.
_LAYOUT = re.compile(
    r"(?:([^/]+)/)?(?:(?:partial-)?([^/]+)/[^/]+?|([^/]+?)(?:-\d+-of-\d+)?)\.(?:" + "|".join(KINDS) + r")(?:\.gz)?"
)


@dataclass(frozen=True)
class Source:
    """Place of a data set on the hub.

    Args:
        repo: `org/name`.
        config: Its configuration (a subset); `None` is the only one it has, or `default`.
        train: Splits whose examples a study divides among its own splits.
        test: Splits that are the data set's own test part.
        branch: The branch that is read where no revision is named.
    """

    repo: str
    config: str | None = "default"
    train: tuple[str, ...] = ("train",)
    test: tuple[str, ...] = ()
    branch: str = PARQUET_BRANCH

    @property
    def splits(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.train, *self.test)


def commit(source: Source, revision: str | None = None) -> str:
    """The commit that a revision means: in the local cache if all splits are there, else on the hub.

    What the cache has is not looked up again: `hf download` brings it up to date.

    Args:
        source: The data set.
        revision: Branch, tag or commit; `None` is the source's branch.

    Raises:
        UnavailableError: It is not in the cache and the hub cannot be reached, or does not have it.
        DataError: There is no such configuration or split.
    """
    from huggingface_hub import HfApi

    asked = revision or source.branch
    snapshot = _snapshot(source.repo, asked)
    if snapshot is not None and not _missing(source, _names_below(snapshot)):
        return snapshot.name
    try:
        found = HfApi().repo_info(source.repo, repo_type="dataset", revision=asked)
    except Exception as error:  # the client's errors share no base
        raise _unavailable(source, asked, error) from error
    _refuse_missing(source, [each.rfilename for each in found.siblings or ()])
    if found.sha != asked:
        # The client notes what a branch means only where it downloads by the branch's name, and `files` goes by commit.
        with suppress(OSError):
            reference = _storage(source.repo) / "refs" / asked
            reference.parent.mkdir(parents=True, exist_ok=True)
            reference.write_text(str(found.sha))
    return str(found.sha)


def files(source: Source, commit: str) -> list[tuple[Path, str]]:
    """The files of all splits, each with its split, in the order of splits and names; downloaded if not in the cache.

    Raises:
        UnavailableError: They are not in the cache and cannot be downloaded.
        DataError: There is no such configuration or split.
    """
    from huggingface_hub import snapshot_download

    try:
        patterns = _patterns(source)
        folder = Path(snapshot_download(source.repo, repo_type="dataset", revision=commit, allow_patterns=patterns))
    except Exception as error:  # the client's errors share no base
        raise _unavailable(source, commit, error) from error
    names = _names_below(folder)
    _refuse_missing(source, names)
    found, config = _by_split(source, names)
    return [(folder / name, split) for split in source.splits for name in found[config, split]]


def _snapshot(repo: str, revision: str) -> Path | None:
    """The cache's folder of a revision."""
    storage = _storage(repo)
    reference = storage / "refs" / revision
    folder = storage / "snapshots" / (reference.read_text().strip() if reference.is_file() else revision)
    return folder if folder.is_dir() else None


def _storage(repo: str) -> Path:
    """The cache's folder of a data set."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser() / f"datasets--{repo.replace('/', '--')}"


def _names_below(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _by_split(source: Source, names: Iterable[str]) -> tuple[dict[tuple[str, str], list[str]], str]:
    """Names of files by configuration and split, and the configuration that is meant."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in sorted(names):
        match = _LAYOUT.fullmatch(name)
        if match:
            config = "default" if match[1] in (None, "data") else match[1]
            found.setdefault((config, match[2] or match[3]), []).append(name)
    configs = {config for config, _ in found}
    return found, source.config or (configs.pop() if len(configs) == 1 else "default")


def _missing(source: Source, names: Iterable[str]) -> list[str]:
    found, config = _by_split(source, names)
    return [split for split in source.splits if (config, split) not in found]


def _refuse_missing(source: Source, names: list[str]) -> None:
    missing = _missing(source, names)
    if missing:
        found, config = _by_split(source, names)
        there = "; ".join(f"{c}: {', '.join(s for d, s in found if d == c)}" for c in sorted({c for c, _ in found}))
        raise DataError(
            f"{source.repo}: no split {' and no split '.join(missing)} in the configuration {config}; the "
            f"configurations and splits that can be read are: {there or 'none'}"
        )


def _patterns(source: Source) -> list[str]:
    config = source.config or "*"
    starts = [f"{config}/{partial}{split}/*" for split in source.splits for partial in ("", "partial-")]
    folders = [f"{config}/", "data/", ""] if config in ("default", "*") else [f"{config}/"]
    return starts + [f"{folder}{split}{end}" for split in source.splits for folder in folders for end in ("-*", ".*")]


def _unavailable(source: Source, revision: str, error: Exception) -> UnavailableError:
    said = str(error).strip().partition("\n")[0][:200]
    everything = source.config is None or (source.config == "default" and source.branch != PARQUET_BRANCH)
    which = "" if everything else f" --include '{source.config}/*'"
    return UnavailableError(
        f"the data set {source.repo} (revision {revision}) is not in the local cache, and the hub did not give it "
        f"({type(error).__name__}: {said}). Where there is a network, run `hf download --repo-type dataset "
        f"{source.repo} --revision {revision}{which}` and copy the cache here (HF_HUB_CACHE names it); or use local "
        "files: `data:` of the task names a file or folder, the environment variable W2SLAB_DATA a folder with the "
        "original files of the named data sets"
    )
