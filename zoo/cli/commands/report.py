"""``zoo report``: write records as a static site. It never loads torch, and loads plugins only for their metrics."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.options.output import output_option
from zoo.cli.session import complain, plugin_options, session_of, tell
from zoo.names import DEFAULT_RUNS
from zoo.text import clean, plural

DEFAULT_SITE = "site"


@click.command("report")
@click.argument("runs", nargs=-1, metavar="[RUNS]...")
@output_option("Folder of the site.", name="output", metavar="FOLDER", default=DEFAULT_SITE)
@click.option("--title", default="Leaderboard", show_default=True, metavar="TEXT", help="Title of the pages.")
@click.option("--single-file", is_flag=True, help="Put all pages, scripts and images into index.html.")
@click.option("--no-images", is_flag=True, help="Show no test images, for example of private data.")
@click.option(
    "--features",
    is_flag=True,
    help="Also write features.html: test images as points, by UMAP or t-SNE, where their features were saved.",
)
@click.option("--sort-by", default="accuracy", show_default=True, metavar="COLUMN", help="Column to rank by.")
@click.option(
    "--model-card", metavar="MODEL", help="Also write a Hugging Face model card for the best row of that model."
)
@plugin_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    runs: tuple[str, ...],
    output: str,
    title: str,
    single_file: bool,
    no_images: bool,
    features: bool,
    sort_by: str,
    model_card: str | None,
) -> None:
    """Write a leaderboard of RUNS [default: runs] as static web pages.

    The pages open from a folder and need no server. The site also contains the table as CSV, JSON, Markdown and LaTeX,
    a badge, checksums of all files, and a changelog since the site was last written there. The same records give the
    same bytes. Test images are shown if the cache of decoded datasets holds them.
    """
    from reports.leaderboard.building import build_leaderboard
    from reports.site.options import SiteOptions
    from reports.trials.reading import read_trials
    from zoo.api.sites import defaults_of, write_report
    from zoo.api.tables import MetricDeclarations
    from zoo.cli.group import FAILED
    from zoo.files.cache import decoded_root

    catalog = session_of(ctx).catalog(warn=False)
    declared = MetricDeclarations.of(catalog)
    trials, problems = read_trials([Path(run) for run in runs or (DEFAULT_RUNS,)], runtimes=True)
    leaderboard = build_leaderboard(
        trials,
        sort_by=sort_by,
        declared=declared.columns,
        versions=declared.versions,
        notes=[f"left out: {problem}" for problem in problems],
    )
    folder = Path(output)
    options = SiteOptions(
        title=title,
        single_file=single_file,
        cache=None if no_images else decoded_root(),
        declared=declared.columns,
        defaults=defaults_of(catalog, trials),
    )
    summary = write_report(leaderboard, trials, folder, options, model_card=model_card)
    tell(f"{plural(summary.num_pages, 'page')} and {plural(summary.num_files - summary.num_pages, 'other file')}")
    if features:
        from reports.site.features_page import PAGE, write_features_page

        num_rows = write_features_page(folder, leaderboard, trials, title=title)
        tell(f"{clean(folder / PAGE)} shows the features of {plural(num_rows, 'row')}")
    tell(f"open {clean(folder / 'index.html')}")
    for name in summary.kept:
        complain(
            f"kept: {clean(folder / name)} is no longer part of the site, but has been changed since it was written"
        )
    for problem in problems:
        complain(f"left out: {problem}")
    ctx.exit(FAILED if problems else 0)
