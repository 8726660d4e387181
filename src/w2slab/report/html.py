"""A page in the look of the house: one template, one style, one script, and a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from w2slab.report import verdict_words, words
from w2slab.report.svg import FATES, SUPERVISORS

_TEMPLATES = Path(__file__).parent / "templates"
_FILTERS = (
    words.inert, words.short, words.percent, words.span, words.count, words.size, words.duration, words.decimal,
    verdict_words.minimum_effect, verdict_words.minimum_effects, verdict_words.ranked,
)  # fmt: skip


def render(template: str, **context: Any) -> str:
    """The page that a template of `templates/` gives; whatever comes from `context` is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({each.__name__: each for each in _FILTERS})
    style = (_TEMPLATES / "report.css").read_text(encoding="utf-8").replace("/*palette*/", _palette())
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return environment.get_template(template).render(
        **context, infinity=float("inf"), style=Markup(style), script=Markup(script), policy=policy
    )


def _palette() -> str:
    colors = {f"--s{place}": color for place, color in enumerate(SUPERVISORS)}
    colors |= {f"--f{place}": color for place, color in enumerate(FATES)}
    return "".join(f"{name}:{color};" for name, color in colors.items())


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
