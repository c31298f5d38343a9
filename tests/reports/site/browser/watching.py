"""A page of a browser with what it complained of, and what its tables show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Watched:
    """A page, with all that the browser complained of or asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"a dialog opened: {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, path: Path, state: str = "") -> Any:
        self.page.goto(f"{path.as_uri()}{state}")
        return self.page

    def check(self) -> None:
        assert self.complaints == []
        assert [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))] == []


def column(page: Any, key: str, table: str = "section[data-table^=toy]") -> list[str]:
    """Return the cells of a column of one table, as they are read."""
    return page.evaluate(
        """([table, key]) => {
            const grid = document.querySelector(`${table} table`);
            const place = [...grid.querySelectorAll('thead th')].findIndex((each) => each.dataset.key === key);
            return [...grid.querySelectorAll('tbody tr[data-row]')].map((line) => {
                const cell = line.children[place];
                return (cell.querySelector('a') || cell).innerText.trim();
            });
        }""",
        [table, key],
    )


def published(site: Path) -> list[str]:
    """Return the models of the larger table, as the leaderboard's file has them."""
    data = json.loads((site / "leaderboard.json").read_text(encoding="utf-8"))
    (table,) = (table for table in data["tables"] if table["data"] == "toy")
    return [row["cells"]["model"] for row in table["rows"]]


def sort(page: Any, key: str) -> str:
    page.click(f"section[data-table^=toy] th[data-key={key}] button")
    return page.get_attribute(f"section[data-table^=toy] th[data-key={key}]", "aria-sort")


def one_of_each(site: Path) -> list[Path]:
    """Return a page of each kind."""
    kinds = ("rows/net4--toy--*", "rows/broken_net--*", "data/toy*", "models/*", "compare/*")
    return [site / "index.html", *(sorted(site.glob(f"{kind}.html"))[0] for kind in kinds)]
