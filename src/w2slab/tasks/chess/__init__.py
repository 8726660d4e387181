"""Chess puzzles: the task, positions, and the table of puzzles that studies read."""
