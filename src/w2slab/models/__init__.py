"""The model families: a row per family, imported only when it is used.

Other distributions add rows through the entry-point group `w2slab.models`.
"""

TABLE: dict[str, str] = {
    "chessformer": "w2slab.models.chessformer.chessformer:Chessformer",
    "hf": "w2slab.models.hf.huggingface:HuggingFace",
    "linear": "w2slab.models.linear.linear:Linear",
}
