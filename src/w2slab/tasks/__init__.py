"""The tasks: a row per task, imported only when it is used.

Other distributions add rows through the entry-point group `w2slab.tasks`.
"""

TABLE: dict[str, str] = {
    "chess": "w2slab.tasks.chess.puzzle_task:ChessPuzzles",
    "toy": "w2slab.tasks.toy:Toy",
}
