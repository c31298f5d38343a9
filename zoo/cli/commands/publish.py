"""``zoo publish``: publish a site."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.session import complain, tell
from zoo.text import clean, plural

TARGETS = ("folder", "github-pages", "hf-space")


@click.command("publish")
@click.argument("site", metavar="SITE")
@click.option("--to", "target", type=click.Choice(TARGETS), required=True, help="Kind of target.")
@click.option(
    "--at",
    "place",
    metavar="PLACE",
    help="Folder; git remote, by name or URL [default: origin]; or Space, as USER/NAME.",
)
@click.option("--branch", default="gh-pages", show_default=True, metavar="NAME", help="Branch for github-pages.")
@click.option("--title", default="Leaderboard", show_default=True, metavar="TEXT", help="Title of the Space.")
def command(site: str, target: str, place: str | None, branch: str, title: str) -> None:
    """Publish a site written by zoo report.

    SITE is copied to a folder, pushed to a git branch, or uploaded to a static Space on the Hugging Face Hub. All files
    are checked against their checksums first, and only files that zoo report writes are accepted. Files at the target
    that zoo did not publish stay. Links at the target are not followed, and git runs no hooks or filters.
    """
    from reports.publishing.publishing import publish_to_folder, publish_to_git, publish_to_space
    from zoo.errors import UsageError

    if target == "folder":
        if place is None:
            raise UsageError("--to folder requires --at FOLDER")
        summary = publish_to_folder(Path(site), Path(place))
        tell(f"{plural(summary.num_files, 'file')} in {clean(place)}")
        for name in summary.kept:
            complain(f"kept: {clean(Path(place) / name)} is no longer part of the site, but was changed there")
    elif target == "github-pages":
        commit = publish_to_git(Path(site), place or "origin", branch)
        tell(f"pushed {commit[:12]} to {clean(branch)}" if commit else f"{clean(branch)} already holds this site")
    else:
        if place is None or place.count("/") != 1:
            raise UsageError("--to hf-space requires --at USER/NAME")
        tell(clean(publish_to_space(Path(site), place, title=title)))
