"""``zoo eval``: tests classifiers that exist, without training, and ranks the results."""

from __future__ import annotations

from typing import Any

import click

from zoo.cli.commands.bench import run_call
from zoo.cli.options.bench_call import BenchCall
from zoo.cli.options.completing import complete_names
from zoo.cli.options.output import output_option, quiet_option, report_options
from zoo.cli.options.placing import dataset_places, placing_options
from zoo.cli.options.selecting import SelectingCommand, runtimes_option, value_options
from zoo.cli.session import plugin_options, session_of
from zoo.names import DEFAULT_RUNS

_VALUES = (
    "--argmax", "--class-map", "--image-size", "--limit-test", "--device", "--precision", "--layout",
    "--threads", "--measure-seconds",
)  # fmt: skip


@click.command("eval", cls=SelectingCommand)
@click.argument("classifiers", nargs=-1, required=True, metavar="CLASSIFIER...")
@click.option(
    "--data",
    multiple=True,
    required=True,
    metavar="NAMES",
    shell_complete=complete_names("datasets", commas=True),
    help="Datasets: comma-separated names and patterns.",
)
@value_options(_VALUES)
@click.option(
    "--carve-test",
    is_flag=True,
    help="Test only the images that a bench tests where the source has no splits [default: test all of them].",
)
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting: data.test=val, data.fit=pad."
)
@runtimes_option
@click.option("--compile", "compile_", metavar="[=auto|on|graphs|off]", help="Compile the models [default: off].")
@output_option("Folder of the records.", metavar="FOLDER", default=DEFAULT_RUNS)
@dataset_places
@click.option("--retry", is_flag=True, help="Run failed trials again.")
@click.option("--timeout", metavar="SECONDS", help="Stop a trial that takes longer.")
@placing_options
@report_options
@quiet_option("Print only the table.")
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, classifiers: tuple[str, ...], **params: Any) -> None:
    """Test published or imported weights without training, and rank the results.

    \b
    A CLASSIFIER is one of:
      NAME or NAME.WEIGHTS   published weights with their own head: timm/resnet18.a1_in1k, torchvision/resnet50
      file:PATH              weights from zoo import or zoo export
      onnx:PATH              an ONNX file from zoo export
      trial:PATH             a trial folder, for another dataset

    The classes of the head are matched with those of the dataset by WordNet identifier, by name or by index; an
    uncertain match is an error. Images are prepared as the weights expect. Rows are measured as trained ones are, go
    into the same folder, and are marked as evaluated. Run the same command again to continue where it stopped.
    """  # noqa: D301 - click reads the backspace
    from harness.bench.processes.fork_server import head_start
    from zoo.api.evaluating import AS_PUBLISHED, PRECISION
    from zoo.api.running.flow import refuse_empty
    from zoo.cli.options.table_choice import import_what_tables_take

    fixed: dict[str, Any] = {
        "seeds": 1,
        "recipes": [AS_PUBLISHED],
        "models": list(classifiers),
        "unsplit_is_test": not params.pop("carve_test"),
    }
    if params["precision"] is None:
        fixed["precision"] = PRECISION
    given = {"suite": None, "dry_run": False, "listen": (), "cache_limit": None, **params}
    with head_start():
        call = BenchCall.parse(session_of(ctx), given, fixed=fixed)
        refuse_empty(call.order)
        import_what_tables_take()  # while torch is imported
    code, _ = run_call(call)
    ctx.exit(code)
