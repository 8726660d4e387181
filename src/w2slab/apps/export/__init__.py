"""Students as ordinary Hugging Face folders, each with a model card and checked by loading it again."""

from w2slab.apps.export.exporting import export
from w2slab.apps.export.model_card import ExportedFolder

__all__ = ["ExportedFolder", "export"]
