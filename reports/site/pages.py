"""Pages: plain data → HTML, with Jinja2 templates that escape all values.

Each page has a content security policy that allows only the files beside it or, in a single file, only the style and
the scripts with the given hashes. Data is JSON in script blocks, which are never executed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

STYLES = ("site.css",)
SCRIPTS = (
    "dom.js",
    "charts.js",
    "courses.js",
    "filters.js",
    "explore.js",
    "windowed.js",
    "board.js",
    "compare.js",
    "site.js",
)
"""Scripts in loading order."""
PAGES_TOGETHER = 25
"""Number of pages that a single file compresses together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One page, before it is HTML."""

    path: str
    """Path in the site: ``rows/NAME.html``."""
    template: str
    title: str
    data: dict[str, Any] = field(default_factory=dict)
    """JSON data of the script blocks, by name."""
    values: dict[str, Any] = field(default_factory=dict)
    """Other values for the template."""


def asset(name: str) -> str:
    """Return the text of a style or script."""
    return (files("reports.site") / "assets" / name).read_text(encoding="utf-8")


def render_page(page: Page, *, site: dict[str, Any]) -> str:
    """Return a page with its style and scripts in separate files."""
    up = "../" * page.path.count("/")
    return _render(page, layout="page.html", site=site, up=up, href=lambda path: f"{up}{path}")


def render_single(pages: list[Page], *, site: dict[str, Any]) -> str:
    """Return all pages in one file; the first one opens.

    The others are compressed, many together: pages of rows are much alike, and a thousand of them would be 20 MB.
    """
    made = [_render(page, layout="fragment.html", site=site, up="", href=lambda path: f"#/{path}") for page in pages]
    rest = [[page.path, page.title, html] for page, html in zip(pages[1:], made[1:], strict=True)]
    chunks = [rest[start : start + PAGES_TOGETHER] for start in range(0, len(rest), PAGES_TOGETHER)]
    style = "\n".join(asset(name) for name in STYLES)
    script = "\n".join(asset(name) for name in SCRIPTS)
    return (
        _environment()
        .get_template("single.html")
        .render(
            first=Markup(made[0]),
            index={
                "first": pages[0].path,
                "title": pages[0].title,
                "chunks": {page[0]: number for number, chunk in enumerate(chunks) for page in chunk},
            },
            chunks=list(map(_compressed, chunks)),
            has_pictures=any("data:image/png" in html for html in made),
            site=site,
            style=Markup(style),
            script=Markup(script),
            style_hash=_csp_hash(style),
            script_hash=_csp_hash(script),
            title=pages[0].title,
            href=lambda path: f"#/{path}",
        )
    )


def _compressed(chunk: list[list[str]]) -> str:
    """Return pages as JSON, compressed by zlib, in base 64 for URLs."""
    content = json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return base64.urlsafe_b64encode(zlib.compress(content, 9)).decode("ascii")


def render_text(template: str, **values: Any) -> str:
    """Render a template that is not a page, such as an image."""
    return _environment().get_template(template).render(**values)


def _render(page: Page, *, layout: str, site: dict[str, Any], up: str, href: Any) -> str:
    return (
        _environment()
        .get_template(page.template)
        .render(
            layout=layout,
            site=site,
            title=page.title,
            data=page.data,
            up=up,
            href=href,
            path=page.path,
            styles=STYLES,
            scripts=SCRIPTS,
            **page.values,
        )
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports.site"),
        autoescape=True,  # also in SVG and text templates
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # ``tojson`` escapes <, >, & and ', so that no text can end its script block.
    environment.policies["json.dumps_kwargs"] = {
        "allow_nan": False,
        "ensure_ascii": False,
        "separators": (",", ":"),
        "sort_keys": False,
    }
    return environment


def _csp_hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8", "replace")).digest()).decode("ascii")
