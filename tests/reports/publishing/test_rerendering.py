"""Re-rendering: edits of a published site show, with all sums redone."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from harness.system.atomic_files import sha256_of
from reports.leaderboard.building import build_leaderboard
from reports.publishing.rerendering import WrittenAgain, page_problems, written_with
from reports.site.build import site_files
from reports.site.entries import entries_of
from reports.site.folder import write_site
from reports.site.options import SiteOptions
from reports.site.statuses import CheckedTrial, Verification, verdicts_of, write_verification


def again(trials):
    """Return what writes the site of *trials* as it was written."""
    leaderboard = build_leaderboard(trials)

    def render(how):
        known = verdicts_of(entries_of(leaderboard, trials))
        verdicts = {row: how.verdicts.get(row, verdict) for row, verdict in known.items()}
        options = SiteOptions(title=how.title, single_file=how.single_file, verdicts=verdicts)
        return WrittenAgain(files=site_files(leaderboard, trials, options), verdicts=known)

    return render


@pytest.fixture(params=[False, True], ids=["folder", "single file"])
def published(request, make_trials, tmp_path):
    trials = [*make_trials("good", accuracy=0.9), *make_trials("bad", accuracy=0.5)]
    options = SiteOptions(title="Cats & <dogs>", single_file=request.param)
    folder = tmp_path / "site"
    write_site(site_files(build_leaderboard(trials), trials, options), folder)
    return folder, trials


def edit(folder: Path, name: str, old: str, new: str) -> None:
    """Change a file of a site, and its checksum."""
    path, sums = folder / name, folder / "SHA256SUMS"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    after = hashlib.sha256(path.read_bytes()).hexdigest()
    sums.write_text(sums.read_text().replace(before, after))


def problems(folder, trials):
    written = written_with(folder)
    return page_problems(folder, written, again(trials))


def test_a_site_says_what_it_was_written_with(published):
    folder, _ = published
    written = written_with(folder)
    assert (written.title, written.has_pictures) == ("Cats & <dogs>", False)
    assert written.single_file is not (folder / "assets").is_dir()


def test_an_honest_site_is_what_its_records_give(published):
    folder, trials = published
    assert problems(folder, trials) == ([], "")


@pytest.mark.parametrize("name", ["leaderboard.md", "badge.svg", "leaderboard.csv"])
def test_an_edited_file_shows(published, name):
    folder, trials = published
    edit(folder, name, "bad" if name != "badge.svg" else "good", "b4d")
    (sentence,), note = problems(folder, trials)
    assert sentence.startswith(f"{name} is not what the records give: line ")
    assert "b4d" in sentence
    assert note == ""


def test_an_edited_index_shows(make_trials, tmp_path):
    trials = [*make_trials("good", accuracy=0.9), *make_trials("bad", accuracy=0.5)]
    folder = tmp_path / "site"
    write_site(site_files(build_leaderboard(trials), trials, SiteOptions()), folder)
    edit(folder, "index.html", "90.0", "99.0")
    (sentence,), _ = problems(folder, trials)
    assert sentence.startswith("index.html is not what the records give")


def test_a_page_too_many_and_one_too_few_show(make_trials, tmp_path):
    trials = [*make_trials("good", accuracy=0.9), *make_trials("bad", accuracy=0.5)]
    folder = tmp_path / "site"
    write_site(site_files(build_leaderboard(trials), trials, SiteOptions()), folder)
    found, _ = page_problems(folder, written_with(folder), again(trials[:3]))
    assert any("is published, but the records give no such file" in sentence for sentence in found)


def test_another_version_s_pages_cannot_be_compared_and_do_not_pass(published, monkeypatch):
    folder, trials = published
    written = written_with(folder)
    monkeypatch.setattr("reports.publishing.rerendering.__version__", "9.9.9")
    found, note = page_problems(folder, written, again(trials))
    assert len(found) == 1
    assert found[0].startswith("its pages cannot be compared with the records: zoobench ")
    assert found[0].endswith("this is 9.9.9; verify them with that version")
    assert note == ""


def test_pages_with_pictures_are_not_compared_where_there_are_none(published):
    folder, trials = published
    if not (folder / "assets").is_dir():
        pytest.skip("a single file is one page")
    written = written_with(folder)
    blind = replace(written, has_pictures=True)
    found, note = page_problems(folder, blind, again(trials))
    assert found == []
    assert note.endswith("with test images not compared: the cache does not hold the decoded images")


def verify(trials, status, signed_by=""):
    """Save a result of zoo verify for all trials."""
    checked = {
        folder.name: CheckedTrial(status=status, record_sha256=sha256_of(folder / "record.json"), signed_by=signed_by)
        for folder, _ in trials
    }
    write_verification(trials[0][0].parent, Verification(trials=checked))


def test_a_site_that_was_written_before_its_runs_were_verified_is_honest(published):
    folder, trials = published
    verify(trials, "recomputed")
    assert problems(folder, trials) == ([], "")


def test_a_site_that_claims_more_than_was_verified_is_not(make_trials, tmp_path):
    trials = make_trials("good", accuracy=0.9)
    folder = tmp_path / "site"
    verify(trials, "reproduced", "alice")
    write_site(site_files(build_leaderboard(trials), trials, SiteOptions()), folder)
    assert problems(folder, trials) == ([], "")
    verify(trials, "recomputed", "bob")
    (level, signer), _ = problems(folder, trials)
    assert level.endswith("is published as reproduced, but it is recomputed")
    assert signer.endswith("is published as signed by alice, but bob signed it")


def test_pages_compressed_in_another_way_are_the_same(make_trials, tmp_path):
    """zlib gives other bytes in other versions."""
    trials = [*make_trials("good", accuracy=0.9), *make_trials("bad", accuracy=0.5)]
    folder = tmp_path / "site"
    write_site(site_files(build_leaderboard(trials), trials, SiteOptions(single_file=True)), folder)
    text = (folder / "index.html").read_text(encoding="utf-8")
    chunk = re.search(r'data-chunk="0">([^<]+)<', text).group(1)
    content = zlib.decompress(base64.urlsafe_b64decode(chunk))
    edit(folder, "index.html", chunk, base64.urlsafe_b64encode(zlib.compress(content, 1)).decode())
    assert problems(folder, trials) == ([], "")
    packed = base64.urlsafe_b64encode(zlib.compress(content, 1)).decode()
    forged = zlib.compress(content.replace(b"90.00", b"99.00"))
    edit(folder, "index.html", packed, base64.urlsafe_b64encode(forged).decode())
    (sentence,), _ = problems(folder, trials)
    assert sentence.startswith("index.html is not what the records give")
