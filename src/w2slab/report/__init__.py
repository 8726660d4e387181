"""One self-contained HTML page of a study's results, with figures and tables beside it."""
