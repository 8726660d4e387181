"""Two studies, or two versions of one, side by side: every student of both, and the difference, B minus A."""

from w2slab.apps.compare.compare_page import write_page
from w2slab.apps.compare.compare_table import render
from w2slab.apps.compare.side_by_side import Compared, compare

__all__ = ["Compared", "compare", "render", "write_page"]
