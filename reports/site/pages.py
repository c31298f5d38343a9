"""Pages: plain data → HTML, by Jinja2 templates that escape all they are given.

A page carries a content security policy that lets in nothing but the files beside it, or, where everything is in one
file, the very style and scripts whose hashes it names. Data stands in script blocks as JSON, which is never run.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

STYLES = ("site.css",)
SCRIPTS = ("dom.js", "charts.js", "board.js", "site.js")
"""In the order in which they are loaded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One page, before it is HTML."""

    path: str
    """Where it stands in the site: ``rows/NAME.html``."""
    template: str
    title: str
    data: dict[str, Any] = field(default_factory=dict)
    """JSON for the page's script blocks, by their names."""
    values: dict[str, Any] = field(default_factory=dict)
    """What else the template is given."""


def asset(name: str) -> str:
    """Return the text of a style or script."""
    return (files("reports.site") / "assets" / name).read_text(encoding="utf-8")


def render_page(page: Page, *, site: dict[str, Any]) -> str:
    """Return a page whose style and scripts lie beside it."""
    up = "../" * page.path.count("/")
    return _render(page, layout="page.html", site=site, up=up, href=lambda path: f"{up}{path}")


def render_single(pages: list[Page], *, site: dict[str, Any]) -> str:
    """Return all pages in one file; the first is the one that opens."""
    fragments = [
        {
            "path": page.path,
            "title": page.title,
            "html": Markup(_render(page, layout="fragment.html", site=site, up="", href=lambda path: f"#/{path}")),
        }
        for page in pages
    ]
    style = "\n".join(asset(name) for name in STYLES)
    script = "\n".join(asset(name) for name in SCRIPTS)
    return (
        _environment()
        .get_template("single.html")
        .render(
            fragments=fragments,
            site=site,
            style=Markup(style),
            script=Markup(script),
            style_hash=_csp_hash(style),
            script_hash=_csp_hash(script),
            title=pages[0].title,
            href=lambda path: f"#/{path}",
        )
    )


def render_text(template: str, **values: Any) -> str:
    """Return a file that is no page, such as a picture, from its template."""
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
        autoescape=True,  # whatever a template is called: SVG and text are escaped as HTML is
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # ``tojson`` writes <, >, & and ' as escapes, so that no text in it can end the block it stands in.
    environment.policies["json.dumps_kwargs"] = {
        "allow_nan": False,
        "ensure_ascii": False,
        "separators": (",", ":"),
        "sort_keys": False,
    }
    return environment


def _csp_hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
