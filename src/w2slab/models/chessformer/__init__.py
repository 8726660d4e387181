"""Small transformers that read chess positions."""
