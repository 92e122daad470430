"""What all HTML pages have in common: templates that escape everything, numbers and texts as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outcrop.reports import numbers
from outcrop.reports.texts import clean, metric_label, one_line, setting

if TYPE_CHECKING:
    from jinja2 import Environment


def page_environment() -> Environment:
    """A new environment for the templates of this package."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("outcrop.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(number=numbers)
    environment.filters.update(label=metric_label, line=one_line, clean=clean, setting=setting)
    return environment
