"""Tasks that are read as text: the paper's NLP data sets, preference pairs, and the user's own files."""
