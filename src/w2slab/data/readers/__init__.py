"""Files that users bring, read row by row with errors that name file, line and field."""
