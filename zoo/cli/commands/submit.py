"""``zoo submit``: package trials for submission to a leaderboard."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.options.output import output_option
from zoo.cli.session import complain, plugin_options, session_of
from zoo.text import clean, plural


@click.command("submit")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@output_option("Submission folder of the leaderboard.", name="output", metavar="FOLDER", default="submissions")
@click.option("--sign", metavar="KEY", help="Sign the trials with an SSH key, such as ~/.ssh/id_ed25519.")
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, runs: tuple[str, ...], output: str, sign: str | None) -> None:
    """Package trials for submission to a leaderboard.

    Copy the records, predictions and histories of RUNS into FOLDER, without weights and logs. Each trial is verified
    first, as by zoo verify. The text for the pull request is printed. A signature, made by ssh-keygen, lets the
    leaderboard say whose trials they are.
    """
    from reports.publishing.signatures import sign as sign_trials
    from reports.publishing.submission import pull_request_text, submit
    from reports.trials.reading import read_trials
    from zoo.cli.group import FAILED

    trials, problems = read_trials([Path(run) for run in runs])
    made = submit(trials, Path(output), list(session_of(ctx).catalog(warn=False).metrics))
    click.echo(pull_request_text([trial for trial in trials if trial[0].name in made.added]), nl=False)
    known = f", {made.known:,} already there" if made.known else ""
    click.echo(f"{plural(len(made.added), 'trial')} added to {clean(output)}{known}", err=True)
    if made.num_naming:
        naming = plural(made.num_naming, "trial")
        what = "hold the ids of the test images, such as names of files, because a metric asks for them"
        click.echo(f"note: the predictions of {naming} {what}", err=True)
    if sign and made.accepted:
        written = sign_trials(Path(output), made.accepted, Path(sign).expanduser())
        click.echo(f"signed: {clean(written)}", err=True)
    for sentence in (*problems, *made.refused):
        complain(f"rejected: {sentence}")
    ctx.exit(FAILED if problems or made.refused else 0)
