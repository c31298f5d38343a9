"""``zoo verify``: verify that a leaderboard follows from its records and predictions."""

from __future__ import annotations

import functools
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli.options.placing import DATA_ROOT_HELP
from zoo.cli.session import Session, complain, plugin_options, session_of, tell
from zoo.text import clean, plural

if TYPE_CHECKING:
    from harness.records.record import Record
    from reports.publishing.verification import TrialCheck
    from reports.site.statuses import Status
    from reports.trials.reading import Trial
    from zoo.catalog import Catalog


@click.command("verify")
@click.argument("paths", nargs=-1, required=True, metavar="REPORT|RUNS...")
@click.option("--sample", default=0, metavar="N", type=click.IntRange(min=0), help="Number of trials to run again.")
@click.option(
    "--sample-seed",
    metavar="N",
    type=click.IntRange(min=0),
    help="Seed of the sample, to draw the same one again [default: a random one, which is printed].",
)
@click.option("--signers", metavar="FILE", help="Who may sign trials: a file of names and SSH keys.")
@click.option(
    "--require-seeds",
    default=1,
    show_default=True,
    metavar="N",
    type=click.IntRange(min=0),
    help="Seeds that each row needs.",
)
@click.option("--data-root", metavar="FOLDER", help=f"{DATA_ROOT_HELP}, for --sample.")
@plugin_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    sample: int,
    sample_seed: int | None,
    signers: str | None,
    require_seeds: int,
    data_root: str | None,
) -> None:
    """Verify a leaderboard.

    Reports are checked by their checksums, their schema (with jsonschema) and their seeds, and runs by their checksums,
    by what trials must have in common (labels of the same images, sizes of the same network, keys of their settings,
    epochs of their histories),
    and by recomputing every metric from the predictions; a metric whose plugin is absent is named, and its trial does
    not count as recomputed. Given both, the report is also compared with the runs: all its numbers, and all its pages
    with those that the runs give, byte for byte. With --signers, the signatures of zoo submit --sign are checked. The
    result is saved beside the runs (verification.json), and zoo report shows it: self-reported, recomputed, or
    reproduced if a trial was run again within the noise of seeds; and who signed.
    The exit code is 1 if any check fails.
    """
    from reports.publishing.contradictions import contradictions
    from reports.publishing.label_agreement import label_problems
    from reports.publishing.signatures import check_all
    from reports.publishing.verification import check_trial, store_problems
    from reports.site.paths import DATA_FILE, SUMS_FILE
    from reports.trials.reading import read_trials, with_runtimes
    from zoo.api.figures import figure_problems
    from zoo.cli.group import FAILED
    from zoo.errors import StoreError

    reports = [Path(path) for path in paths if (Path(path) / SUMS_FILE).is_file()]
    runs = [Path(path) for path in paths if not (Path(path) / SUMS_FILE).is_file()]
    session = session_of(ctx)
    catalog = session.catalog(warn=False)
    found: list[str] = []
    trials: list[Trial] = []
    statuses: dict[Path, Status] = {}
    checks: dict[Path, TrialCheck] = {}
    for run in runs:
        if (run / "index.html").is_file() and (run / DATA_FILE).is_file():
            raise StoreError(f"{run} is a site without {SUMS_FILE}, which says what its files were; write it again")
    if runs:
        trials, unreadable = read_trials(runs)
        found += unreadable
        metrics = list(catalog.metrics)
        checks = {folder: check_trial((folder, record), metrics) for folder, record in trials}
        found += [problem for check in checks.values() for problem in check.problems]
        statuses = {folder: "recomputed" for folder, check in checks.items() if check.is_recomputed}
        found += store_problems(trials, required_seeds=require_seeds)
        found += [*contradictions(trials, metrics), *figure_problems(trials, catalog)]
        found += label_problems(with_runtimes(trials)[0])
        _tell_of_trials(trials, checks)
    signed, false = check_all(trials, Path(signers)) if signers else ({}, [])
    found += false
    if signers:
        tell(f"{len(signed):,} of {plural(len(trials), 'trial')} signed by {_names(signed.values())}")
    if sample:
        sample_seed = secrets.randbelow(2**31) if sample_seed is None else sample_seed
        again = _sample([trial for trial in trials if not checks[trial[0]].problems], sample, sample_seed)
        tell(f"sample of {plural(len(again), 'trial')}, drawn with --sample-seed {sample_seed}")
        for trial, problem in _run_again(again, trials, session, data_root):
            if problem:
                found.append(f"{clean(trial[0].name)}: {problem}")
            else:
                statuses[trial[0]] = "reproduced"
        tell(f"{sum(each == 'reproduced' for each in statuses.values())} of {len(again)} repeated trials reproduced")
    _write(trials, statuses, signed, sample_seed if sample else None)
    for report in reports:
        found += [f"{clean(report)}: {problem}" for problem in _check_report(report, trials, catalog)]
    for problem in found:
        complain(problem)
    ctx.exit(FAILED if found else 0)


def _tell_of_trials(trials: Sequence[Trial], checks: Mapping[Path, TrialCheck]) -> None:
    """Say how many trials follow from their predictions, and which metrics could not be recomputed."""
    finished = [folder for folder, record in trials if record.outcome.value == "done"]
    whole = sum(checks[folder].is_recomputed for folder in finished)
    partly = sum(bool(checks[folder].unchecked) and not checks[folder].problems for folder in finished)
    line = f"{whole:,} of {plural(len(finished), 'finished trial')} recomputed, with the reported results"
    line += f"; {partly:,} only in part" if partly else ""
    if len(finished) < len(trials):
        line += f"; of {plural(len(trials) - len(finished), 'trial')} without a result, only checksums were checked"
    tell(line)
    reasons = Counter(each for folder in finished for each in checks[folder].unchecked.items())
    for (metric, reason), count in sorted(reasons.items()):
        complain(f"metric {metric!r} was not recomputed in {plural(count, 'trial')}: {reason}")


def _check_report(report: Path, trials: Sequence[Trial], catalog: Catalog) -> list[str]:
    """Verify a site, say what was checked, and return a sentence for each problem."""
    from reports.leaderboard.building import build_leaderboard
    from reports.publishing.rerendering import page_problems, written_with
    from reports.publishing.site_verification import check_site
    from reports.render.json import leaderboard_data
    from reports.trials.reading import with_runtimes
    from zoo.api.sites import WAYS, render_again

    all_trials, _ = with_runtimes(trials)
    rebuilt = leaderboard_data(build_leaderboard(all_trials)) if trials else None
    site = check_site(report, rebuilt)
    problems, checked, notes = list(site.problems), list(site.checked), list(site.notes)
    written = written_with(report) if trials else None
    if written is not None:
        found: list[tuple[list[str], str]] = []
        for is_declared, has_defaults in WAYS:
            render = functools.partial(
                render_again,
                report,
                trials=all_trials,
                catalog=catalog,
                is_declared=is_declared,
                has_defaults=has_defaults,
            )
            found.append(page_problems(report, written, render))
            if not found[-1][0]:
                break
        pages, note = found[-1] if not found[-1][0] else found[0]
        problems += pages
        checked += [] if note else ["every page, written again"]
        notes += [note] if note else []
    for each in notes:
        complain(each)
    verdict = "failed" if problems else f"passed: {', '.join(checked)}"
    tell(f"{clean(report)}: {verdict}")
    return problems


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names))) or "nobody who may"


def _sample(trials: Sequence[Trial], count: int, seed: int) -> list[Trial]:
    from reports.publishing.verification import sample_of

    return sample_of(trials, count, seed)


def _run_again(
    chosen: Sequence[Trial], trials: Sequence[Trial], session: Session, root: str | None
) -> list[tuple[Trial, str]]:
    """Run trials again in a temporary store, and return each with its problem; empty if it was reproduced."""
    from harness.bench.bench import run_bench
    from harness.bench.settings import BenchSettings
    from harness.data.settings import DataSettings
    from harness.planning.plan import Plan
    from harness.records.store import Store
    from harness.system.staging import scratch_folder
    from reports.publishing.verification import noise_problem
    from reports.trials.grouping import group_trials
    from zoo.files.cache import data_root, require_writable_cache

    require_writable_cache()
    groups = group_trials(trials)
    results = []
    for trial in chosen:
        tell(f"running again: {clean(trial[1].spec.title)}", err=True)
        with scratch_folder("verify") as scratch:
            summary = run_bench(
                Plan(trials=(trial[1].spec,), skips=(), preload=()),
                store=Store(scratch / "runs"),
                sources=session.sources(),
                emit=lambda event: None,
                settings=BenchSettings(data=DataSettings(data_root=data_root(root), download=False)),
            )
        siblings: list[Record] = [
            record
            for group in groups
            if any(folder == trial[0] for folder, _ in group.done.values())
            for _, record in group.done.values()
        ] or _same_fold(trial[1], trials)
        if summary.interrupted or not summary.records:
            results.append((trial, "the repetition was interrupted"))
            break
        results.append((trial, noise_problem(summary.records[0], trial[1], siblings)))
    return results


def _same_fold(fold: Record, trials: Sequence[Trial]) -> list[Record]:
    """Return the records of a fold under all its seeds."""

    def key(record: Record) -> str:
        return record.spec.model_dump_json(exclude={"seed", "execution"})

    return [record for _, record in trials if key(record) == key(fold) and record.outcome.value == "done"]


def _write(
    trials: Sequence[Trial], statuses: dict[Path, Status], signed: Mapping[Path, str], sample_seed: int | None
) -> None:
    """Save the results beside the trials; an unchanged trial that was reproduced before stays reproduced."""
    from harness.records.store import RECORD_FILE
    from harness.system.atomic_files import sha256_of, writing
    from reports.site.statuses import FILE_NAME, CheckedTrial, Verification, read_verification, write_verification
    from zoo.errors import StoreError

    for store in sorted({folder.parent for folder, _ in trials}):
        try:
            earlier = read_verification(store)
        except StoreError:
            earlier = Verification(trials={})
        known = dict(earlier.trials)
        seed = earlier.sample_seed if sample_seed is None else sample_seed
        for folder, _ in trials:
            if folder.parent != store:
                continue
            before = known.pop(folder.name, None)
            status = statuses.get(folder)
            if status is None:
                continue
            digest = sha256_of(folder / RECORD_FILE)
            is_same = before is not None and before.record_sha256 == digest
            if before is not None and is_same and before.status == "reproduced":
                status = "reproduced"
            signer = signed.get(folder, before.signed_by if before is not None and is_same else "")
            known[folder.name] = CheckedTrial(status=status, record_sha256=digest, signed_by=signer)
        with writing(store / FILE_NAME):
            write_verification(store, Verification(sample_seed=seed, trials=dict(sorted(known.items()))))
