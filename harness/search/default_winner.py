"""Default winners: a search that chose the settings it began with has trials already, those of the default row.

They have the same settings and seeds, so that training them again would give the same predictions. The tuned row gets
copies of their records and files, each under a key of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from harness.bench.bench import BenchSummary
from harness.planning.plan import Plan
from harness.records.copying import file_kind
from harness.records.keys import result_key
from harness.records.record import Outcome, Record
from harness.records.spec import SearchSpec, TrialSpec, stable_hash
from harness.records.store import LOG_FILE, SPEC_FILE, Store, trial_id, write_record
from harness.system.atomic_files import sync_file, sync_folder, write_json, writing
from harness.system.staging import staging
from zoo.errors import StoreError
from zoo.files.plain_files import copy_file
from zoo.text import plural

_STAGING = "twin"


def reusing_defaults(
    run: Callable[[Plan], BenchSummary], *, store: Store, note: Callable[[str], None]
) -> Callable[[Plan], BenchSummary]:
    """Return a function that runs a plan as *run* does, but copies trials whose search chose the default settings.

    Args:
        run: Runs a plan.
        store: Holds the records.
        note: Takes a sentence on what was copied.

    Raises:
        StoreError: If a copy cannot be written.
    """

    def run_others(plan: Plan) -> BenchSummary:
        planned = {_key(spec) for spec in plan.trials}
        twins = [spec for spec in plan.trials if chose_default(spec.search) and _key(_default_of(spec)) in planned]
        if not twins:
            return run(plan)
        kept = {spec.model_dump_json() for spec in twins}
        summary = run(replace(plan, trials=tuple(spec for spec in plan.trials if spec.model_dump_json() not in kept)))
        records = {_key(record.spec): record for record in summary.records}
        copied = 0
        for spec in twins:
            default = records.get(_key(_default_of(spec)))
            if default is None or default.outcome is not Outcome.DONE:
                continue
            assert spec.search is not None
            records[_key(spec)], is_new = copy_of(default, spec.search, store)
            copied += is_new
        if copied:
            each = "it is a copy" if copied == 1 else "they are copies"
            note(f"{plural(copied, 'trial')} not trained again: the search chose the default settings, so {each}")
        # A default that failed or was stopped has told why, and the tuned row waits for it.
        in_order = tuple(records[_key(spec)] for spec in plan.trials if _key(spec) in records)
        return replace(summary, records=in_order, counts=dict(Counter(record.outcome.value for record in in_order)))

    return run_others


def chose_default(search: SearchSpec | None) -> bool:
    """Return whether a search chose the settings it began with."""
    return search is not None and not search.settings


def copy_of(default: Record, search: SearchSpec, store: Store) -> tuple[Record, bool]:
    """Return the record of a finished trial as that of a tuned row, and whether it was copied just now.

    Raises:
        StoreError: If it cannot be written, or a file of the trial does not fit the checksum in its record.
    """
    assert default.data is not None, "a trial that is done has data"
    spec = default.spec.model_copy(update={"search": search})
    key = result_key(
        spec,
        fingerprint=default.data.fingerprint,
        pixels=default.data.pixels,
        torch_version=default.environment["torch"],
    )
    name = trial_id(spec, key)
    target, source = store.folder(name), store.folder(default.trial_id)
    if (before := store.read(name)) is not None and before.outcome is Outcome.DONE and before.result_key == key:
        return before, False
    record = default.model_copy(update={"spec": spec, "result_key": key, "trial_id": name})
    with writing(target), staging(store.root, _STAGING) as made:
        names = [*default.files, *([LOG_FILE] if (source / LOG_FILE).exists() else [])]
        for file in names:
            sha256 = copy_file(source / file, made / file, file_kind(file))
            if default.files.get(file, sha256) != sha256:
                raise StoreError(f"{source / file} does not match the checksum in its record")
            sync_file(made / file)
        write_json(made / SPEC_FILE, spec.model_dump(mode="json"))
        target.mkdir(exist_ok=True)
        for file in (*names, SPEC_FILE):
            (made / file).replace(target / file)
        sync_folder(target)
        write_record(target, record)  # last of all: without it, the trial is not there
    return record, True


def _default_of(spec: TrialSpec) -> TrialSpec:
    return spec.model_copy(update={"search": None})


def _key(spec: TrialSpec) -> str:
    """Return a key of what the user asked for, which resolving a spec leaves as it is."""
    dataset = spec.dataset.model_dump(mode="json")
    parts = [spec.architecture.full_name, spec.architecture.options, dataset, spec.recipe.full_name]
    classifier = "" if spec.classifier is None else spec.classifier.key
    return stable_hash(
        [*parts, spec.recipe.hyperparameters, spec.seed, classifier, None if spec.search is None else spec.search.study]
    )
