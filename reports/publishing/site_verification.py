"""Site verification: checksums, schema and rows of a published leaderboard, compared with records if there are some."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.system.inner_files import read_inner
from reports.publishing.verification import same, shown
from reports.site.folder import parse_sums, published_files
from reports.site.paths import DATA_FILE, PAGE_FOLDERS, SUMS_FILE
from reports.site.schema import schema_text
from zoo.errors import StoreError
from zoo.files.foreign_json import parse_json
from zoo.files.plain_files import SITE_FILE, SUMS
from zoo.text import one_line, plural

_MOST_NAMED = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteCheck:
    """What was found when a published leaderboard was verified."""

    problems: tuple[str, ...]
    """A sentence for each problem."""
    checked: tuple[str, ...]
    """What was checked."""
    notes: tuple[str, ...] = ()
    """What could not be checked, and why."""


def check_site(folder: Path, rebuilt: dict[str, Any] | None = None) -> SiteCheck:
    """Verify a published leaderboard.

    Args:
        folder: The folder of the site.
        rebuilt: Leaderboard data rebuilt from records; None if there are no records to compare with.
    """
    sums = published_files(folder)
    if not sums:
        return SiteCheck(problems=(f"{folder / SUMS_FILE} is missing or empty",), checked=())
    problems = [problem for name, digest in sums.items() if (problem := _file_problem(folder, name, digest))]
    problems += _foreign_files(folder, sums)
    checked, notes = [f"checksums of {plural(len(sums), 'file')}"], []
    try:
        data = parse_json(read_inner(folder, DATA_FILE, SITE_FILE) or b"")
    except (OSError, ValueError, StoreError) as error:
        problems.append(f"leaderboard.json cannot be read: {one_line(error)}")
        return SiteCheck(problems=tuple(problems), checked=tuple(checked))
    found = _schema_problems(data)
    if found is None:
        notes.append("the schema was not checked, which requires jsonschema: pip install 'zoobench[verify]'")
    else:
        checked.append("schema")
    problems += found or []
    if not found:
        try:
            problems += _row_problems(data)
            checked.append("seeds")
            if rebuilt is not None:
                problems += list(_differences(data, rebuilt))
                checked.append("comparison with the runs")
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # possible where no schema was checked
            what = f"{type(error).__name__}: {one_line(error)}"
            problems.append(f"leaderboard.json is not a leaderboard that zoo wrote ({what})")
    return SiteCheck(problems=tuple(problems), checked=tuple(checked), notes=tuple(notes))


def _foreign_files(folder: Path, sums: Mapping[str, str]) -> list[str]:
    """Return a sentence for each file that no site has: listed by the checksums, or among the site's own pages.

    Beside the site's folders, a published branch may have files of its own, such as ``CNAME``.
    """
    listed = parse_sums(read_inner(folder, SUMS_FILE, SUMS) or b"")
    problems = [f"{SUMS_FILE} lists {one_line(name)!r}, which no site has" for name in listed if name not in sums]
    for inner in (*PAGE_FOLDERS, "assets", "images"):
        for path in sorted((folder / inner).rglob("*")):
            name = path.relative_to(folder).as_posix()
            if name not in listed and not path.is_dir():
                problems.append(f"{one_line(name)} lies among the files of the site, but {SUMS_FILE} does not list it")
    more = len(problems) - _MOST_NAMED
    return [*problems[:_MOST_NAMED], *([f"and {plural(more, 'more foreign file')}"] if more > 0 else [])]


def _file_problem(folder: Path, name: str, digest: str) -> str:
    try:
        content = read_inner(folder, name, SITE_FILE)
    except (OSError, StoreError) as error:
        return f"{one_line(name)} cannot be read: {one_line(error)}"
    if content is None:
        return f"{one_line(name)} is missing"
    return "" if hashlib.sha256(content).hexdigest() == digest else f"{one_line(name)} does not match its checksum"


def _schema_problems(data: Any) -> list[str] | None:
    """Return the violations of the schema; None if it cannot be checked here."""
    try:
        import jsonschema
    except ImportError:
        return None
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    errors = sorted(validator.iter_errors(data), key=lambda error: error.json_path)
    told = [f"{one_line(error.json_path)}: {one_line(error.message, max_length=200)}" for error in errors[:10]]
    return [f"leaderboard.json: {each}" for each in told]


def _row_problems(data: dict[str, Any]) -> list[str]:
    problems = []
    trials: Counter[str] = Counter()
    for table in data["tables"]:
        for row in table["rows"]:
            name = one_line(f"{row['cells'].get('model')} on {table['data']}", max_length=200)
            trials.update(row["trials"])
            if len(set(row["seeds"])) != len(row["seeds"]):
                problems.append(f"{name}: a seed is listed twice")
            if len(row["seeds"]) != len(row["trials"]):
                problems.append(f"{name}: {len(row['seeds'])} seeds, but {len(row['trials'])} trials")
    problems += [f"trial {one_line(trial)} is listed {count} times" for trial, count in trials.items() if count > 1]
    return problems


def _differences(published: dict[str, Any], rebuilt: dict[str, Any]) -> Iterable[str]:
    before, now = _cells(published), _cells(rebuilt)
    for key in before.keys() | now.keys():
        name = one_line(" on ".join([key[1], key[0]]), max_length=200)
        if key not in now:
            yield f"{name}: published, but without records"
        elif key not in before:
            yield f"{name}: has records, but is not published"
        else:
            for cell in before[key].keys() & now[key].keys():
                if not same(before[key][cell], now[key][cell]):
                    yield (
                        f"{name}: {one_line(cell)} is published as {shown(before[key][cell])}, but is "
                        f"{shown(now[key][cell])} in the records"
                    )


def _cells(data: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {
        (
            table["data"],
            str(row["cells"].get("model")),
            str(row["cells"].get("recipe")),
            str(row["cells"].get("runtime") or ""),
            table["fingerprint"],
        ): row["cells"]
        for table in data["tables"]
        for row in table["rows"]
    }
