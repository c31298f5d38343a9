"""Paths of a site: all that are written are accepted, and no other."""

from __future__ import annotations

import pytest

from reports.leaderboard.building import build_leaderboard
from reports.site.build import site_files
from reports.site.options import SiteOptions
from reports.site.paths import PAGE_FOLDERS, SUMS_FILE, TEXT_FILES, is_site_path
from reports.trials.reading import read_trials

from .conftest import StoreMaker


@pytest.mark.parametrize("single_file", [False, True])
def test_every_file_that_is_written_is_accepted(filled: StoreMaker, single_file: bool) -> None:
    filled.add("Nett \u202e/../ Ünïcode..html", data="data:../x", recipe="--r")
    filled.add("con.v2", data="aux", recipe="nul")
    trials, _ = read_trials([filled.root])
    options = SiteOptions(single_file=single_file)
    files = site_files(build_leaderboard(trials), trials, options, card="A card.")
    assert [name for name in files if not is_site_path(name)] == []
    assert {*TEXT_FILES, SUMS_FILE, "index.html"} <= set(files)
    folders = {name.partition("/")[0] for name in files if name.endswith(".html") and "/" in name}
    assert folders == (set() if single_file else set(PAGE_FOLDERS))


def test_pictures_are_accepted() -> None:
    assert is_site_path("images/0123456789ab-0123456789abcdef.png")


@pytest.mark.parametrize(
    "name",
    [
        ".git/config",
        ".GIT/config",
        ".Git/hooks/pre-commit",
        "git~1/config",
        "GIT~1/config",
        ".git /config",
        ".git./config",
        ".git::$INDEX_ALLOCATION/config",
        ".g\u200cit/config",
        "\ufeff.git/config",
        "rows/.git/config",
        ".gitattributes",
        ".gitmodules",
        ".github/workflows/run.yml",
        "rows/../.git/config",
        "./index.html",
        "rows//x.html",
        "rows/a/b.html",
        "rows\\x.html",
        "/etc/passwd",
        "../x.html",
        "INDEX.HTML",
        "rows/x.html/",
        "con",
        "models/con.html",
        "rows/aux.html",
        "data/nul.x.html",
        "compare/com1.html",
        "models/lpt9.html",
        "rows/.x.html",
        "rows/x.php",
        "images/../../x.png",
        "images/0123456789ab-0123456789abcdef.png\n",
        "rows/x.html\n",
        "rows/ѕ.html",
        "rows/" + "x" * 300 + ".html",
        "",
        "CNAME",
    ],
)
def test_no_other_file_is(name: str) -> None:
    assert not is_site_path(name)
