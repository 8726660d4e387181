"""Games, puzzles, a corpus of positions, and networks pretrained on it; they need python-chess and Stockfish."""
