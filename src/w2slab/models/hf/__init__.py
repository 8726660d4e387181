"""Any text model of Hugging Face's transformers."""
