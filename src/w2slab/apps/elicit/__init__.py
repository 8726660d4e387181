"""Labels without ground truth: students trained on a user's labels, and the statements that these support."""

from w2slab.apps.elicit.elicit_run import Elicited, elicit

__all__ = ["Elicited", "elicit"]
