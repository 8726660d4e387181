"""Methods ranked on stated tasks and pairs: on frozen features with many seeds, the leading ones finetuned."""

from w2slab.apps.rank.rank_run import MethodRanking, RankedStudy, rank
from w2slab.apps.rank.rank_table import markdown, write_ranking

__all__ = ["MethodRanking", "RankedStudy", "markdown", "rank", "write_ranking"]
