"""Chess puzzles: which move wins? Games, puzzles made from them, and the table that studies read.

`position` and `table` are all that a study needs; the other modules make data, and want python-chess and Stockfish.
"""
