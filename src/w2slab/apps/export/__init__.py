"""Students as ordinary Hugging Face folders."""
