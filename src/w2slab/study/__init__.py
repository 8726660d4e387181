"""The description of a study: fields, YAML with positions, errors with their places."""
