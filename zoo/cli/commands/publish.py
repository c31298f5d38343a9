"""``zoo publish``: a site to where others see it."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.text import clean, plural

TARGETS = ("folder", "github-pages", "hf-space")


@click.command("publish")
@click.argument("site", metavar="SITE")
@click.option("--to", "target", type=click.Choice(TARGETS), required=True, help="What kind of place it is.")
@click.option(
    "--at",
    "place",
    metavar="PLACE",
    help="The folder; the git remote, by name or address [default: origin]; or the space, as USER/NAME.",
)
@click.option("--branch", default="gh-pages", show_default=True, metavar="NAME", help="The branch, for github-pages.")
@click.option("--title", default="Leaderboard", show_default=True, metavar="TEXT", help="The space's title.")
def command(site: str, target: str, place: str | None, branch: str, title: str) -> None:
    """Put SITE, as zoo report wrote it, into a folder, a git branch, or a static space of the Hugging Face hub.

    Every file is held to its sum first. What is there and was not published by zoo stays.
    """
    from reports.publishing.publishing import publish_to_folder, publish_to_git, publish_to_space
    from zoo.errors import UsageError

    if target == "folder":
        if place is None:
            raise UsageError("--to folder: --at FOLDER says which")
        summary = publish_to_folder(Path(site), Path(place))
        click.echo(f"{plural(summary.num_files, 'file')} in {clean(place)}")
    elif target == "github-pages":
        commit = publish_to_git(Path(site), place or "origin", branch)
        click.echo(f"pushed {commit[:12]} to {clean(branch)}" if commit else f"{clean(branch)} holds this site already")
    else:
        if place is None or place.count("/") != 1:
            raise UsageError("--to hf-space: --at USER/NAME says which space")
        click.echo(clean(publish_to_space(Path(site), place, title=title)))
