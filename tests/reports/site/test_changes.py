"""The changelog of a site."""

from __future__ import annotations

import shutil

from .conftest import MakeSite, StoreMaker


def test_the_changelog_says_what_moved_since_the_last_publication(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    changelog = folder / "CHANGELOG.md"
    assert "## 2026-03-01\n\n- First publication: 11 rows.\n" in changelog.read_text(encoding="utf-8")
    filled.add("newcomer", seed=0, skill=9.0, started_at="2026-04-02T08:00:00+00:00")
    removed = list(filled.root.glob("net8--toy--*"))
    assert removed
    for path in removed:
        shutil.rmtree(path)
    make_site(filled)
    text = changelog.read_text(encoding="utf-8")
    newer, older = text.split("## 2026-03-01")
    assert "## 2026-04-02" in newer
    assert "- **newcomer** on toy, sgd: new, rank 1" in newer
    assert "- **net8** on toy, sgd: removed." in newer
    assert "First publication" in older
