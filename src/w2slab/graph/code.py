"""The code of classes that are not ours: where it is, and what of it decides results.

A class in a file enters keys by the digest of that file and of every module that it imports from its own folder. A
class of a notebook has no file: it enters by its source and by that of the functions and constants it uses, and is
refused where that cannot be known.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import importlib
import importlib.util
import inspect
import linecache
import os
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from w2slab.errors import DataError, StudyError, UnavailableError

_OURS = "w2slab"
_NOTEBOOK = "notebook:"
_FROM_FILE = "_w2slab_file_"
_INSTALLED = tuple(os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("purelib", "platlib", "stdlib"))


# --- modules ----------------------------------------------------------------------------------------------------------


def load_file(path: Path) -> ModuleType:
    """Import a Python file by its path; its own folder is searched for what it imports.

    Raises:
        DataError: There is no such file.
        StudyError: Its code fails as it is imported.
    """
    path = Path(os.path.realpath(path))
    if not path.is_file():
        raise DataError(f"{path}: no such file. Check the path.")
    main = sys.modules["__main__"]
    if os.path.realpath(getattr(main, "__file__", None) or "") == str(path):
        return main
    name = f"{_FROM_FILE}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None  # it ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's code does as it is imported
        del sys.modules[name]
        raise StudyError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    return module


def reference(kind: type) -> str:
    """Return the name by which another process finds a class: `module:Class` or `/path/file.py:Class`.

    A class of a notebook, or of a function, has a name that no other process finds.
    """
    if is_out_of_reach(kind):
        return f"{_NOTEBOOK}{kind.__qualname__}"
    if kind.__module__ == "__main__" or kind.__module__.startswith(_FROM_FILE):
        return f"{_file_of(sys.modules[kind.__module__])}:{kind.__qualname__}"
    return f"{kind.__module__}:{kind.__qualname__}"


def is_out_of_reach(kind: type) -> bool:
    """Return whether no other process could import a class: it is of a notebook, or defined inside a function."""
    return "<locals>" in kind.__qualname__ or _is_of_notebook(kind)


def class_of(name: str) -> type:
    """Return the class that `reference` named.

    Raises:
        UnavailableError: It is of a notebook, and this is another process; or it cannot be imported.
    """
    place, _, qualname = name.rpartition(":")
    if name.startswith(_NOTEBOOK):
        raise UnavailableError(
            f"{qualname} is defined in a notebook or inside a function, and worker processes cannot import it: put it "
            "into a file and import that, or run in this process with executor=w2slab.executors.Inline()"
        )
    try:
        found: Any = load_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, DataError) as error:
        raise UnavailableError(f"{name}: cannot be imported here: {error}") from error
    assert isinstance(found, type)
    return found


def _is_of_notebook(kind: type) -> bool:
    """True if the source of a class is in no file."""
    return kind.__module__ == "__main__" and _file_of(sys.modules["__main__"]) is None


def _file_of(module: ModuleType) -> str | None:
    """The file of a module, if it is one that can be imported by its path."""
    file = getattr(module, "__file__", None)
    return os.path.realpath(file) if file and file.endswith(".py") and os.path.exists(file) else None


# --- identity ---------------------------------------------------------------------------------------------------------


def identity(kind: type) -> str:
    """Return what names a class in keys: its qualified name, and of a notebook's class a digest of its source.

    Raises:
        StudyError: It is of a notebook, and what decides its results cannot be known.
    """
    if not _is_of_notebook(kind):
        return kind.__qualname__
    lines = "\n".join(f"{name}\0{source}" for name, source in sorted(_notebook_sources(kind).items()))
    return f"{kind.__qualname__} {hashlib.sha256(lines.encode()).hexdigest()}"


def code_files(kind: type) -> tuple[Path, ...]:
    """Return the files whose code decides what a class that is not ours does: its own, and those imported beside it."""
    found: dict[Path, None] = {}
    for base in kind.__mro__:
        module = sys.modules.get(base.__module__)
        file = None if module is None or base.__module__.partition(".")[0] == _OURS else _file_of(module)
        if file is not None and not _is_library(file, base.__module__):
            found |= dict.fromkeys(_with_imports(Path(file)))
    return tuple(sorted(found))


def _is_library(file: str, module: str) -> bool:
    """True if a file is Python's own; a distribution that was installed and plugs in counts as one's own code."""
    return module in sys.builtin_module_names or (file.startswith(_INSTALLED[2]) and "site-packages" not in file)


def _with_imports(file: Path) -> list[Path]:
    """A file and all modules of its own folder, or of its package, that it imports, directly or not."""
    unseen, found = [file], {file: None}
    while unseen:
        path = unseen.pop()
        for imported in _imports_of(path, file.parent):
            if imported not in found:
                found[imported] = None
                unseen.append(imported)
    return list(found)


def _imports_of(path: Path, root: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError):
        return  # importing it has told already
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names = [(node.level, base), *((node.level, f"{base}.{alias.name}".lstrip(".")) for alias in node.names)]
        else:
            continue
        for level, name in names:
            folder = path.parents[level - 1] if level else root
            yield from _modules_at(folder, name)
            if not level and path.parent != root:
                yield from _modules_at(path.parent, name)


def _modules_at(folder: Path, name: str) -> Iterator[Path]:
    """The files of a dotted name below a folder: each package on the way, and the module."""
    place = folder
    for part in name.split(".") if name else []:
        place = place / part
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if file.is_file():
                yield file


# --- classes of a notebook --------------------------------------------------------------------------------------------


def _notebook_sources(kind: type) -> dict[str, str]:
    """Source of a class of a notebook and of everything of the notebook that it uses, by name."""
    found: dict[str, str] = {}
    space = vars(sys.modules["__main__"])
    unseen: list[Any] = [kind]
    while unseen:
        thing = unseen.pop()
        name = f"{thing.__module__}.{thing.__qualname__}"
        if name in found:
            continue
        try:
            found[name] = _source_of(thing)
        except (OSError, TypeError):
            raise StudyError(
                f"{thing.__qualname__} is defined where its source cannot be read, so changes of it would not be "
                "noticed: put it into a file and import that"
            ) from None
        for used in _names_used(found[name]):
            if used in space and not hasattr(builtins, used):
                value = space[used]
                if isinstance(value, FunctionType | type) and value.__module__ == "__main__":
                    unseen.append(value)
                elif not isinstance(value, ModuleType | FunctionType | type):
                    found[f"constant {used}"] = _constant(used, value, thing)
    return found


def _source_of(thing: Any) -> str:
    """Source of a function or class that was typed in; `inspect` finds none of a class there before Python 3.13."""
    if isinstance(thing, type):
        for member in vars(thing).values():
            code = member.__code__ if isinstance(member, FunctionType) else None
            lines = [] if code is None else linecache.getlines(code.co_filename)
            for node in ast.walk(ast.parse("".join(lines))):
                if isinstance(node, ast.ClassDef) and node.name == thing.__name__ and code is not None:
                    if node.lineno <= code.co_firstlineno <= (node.end_lineno or 0):
                        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                        return "".join(lines[first - 1 : node.end_lineno])
    return textwrap.dedent(inspect.getsource(thing))


def _names_used(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


def _constant(name: str, value: Any, thing: Any) -> str:
    if isinstance(value, CodeType) or not _is_plain(value):
        raise StudyError(
            f"{thing.__qualname__} uses `{name}`, a {type(value).__name__} whose content cannot be compared: make it a "
            "field, a number or text, or put the class into a file and import that"
        )
    return repr(value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(_is_plain(k) and _is_plain(v) for k, v in value.items())
    return value is None or type(value) in (bool, int, float, str)
