"""Every table of the results: a module of this package for each, found here.

To add one, write a module with a `TABLES` tuple; its tables then appear in `load_results().frame`, on the page, and
beside it as CSV and Parquet.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from w2slab.analysis.tabular import Table


def all_tables() -> dict[str, Table]:
    """Every table by its name, in order."""
    modules = [import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    own = sorted((table for module in modules for table in module.TABLES), key=lambda table: table.order)
    return {table.name: table for table in own}
