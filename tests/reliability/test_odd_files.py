"""Files that are no files: pipes, devices and huge sparse files cost themselves, and neither time nor memory."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from zoo.cli.group import zoo

pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")]
Spoil = Callable[[Path], None]


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(30 * 10**9)


KINDS = {"pipe": _pipe, "device": _device, "sparse": _sparse}


@pytest.fixture(params=[*KINDS, "failing"])
def spoil(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Spoil:
    """Puts something that is no file at a path, in the place of what was there, or lets the disk fail to read it."""
    whole_open = os.open

    def put(path: Path) -> None:
        if request.param != "failing":
            path.unlink(missing_ok=True)
            KINDS[request.param](path)
            return
        path.touch()

        def failing_open(file: Any, *args: Any, **options: Any) -> int:
            if isinstance(file, (str, Path)) and os.path.abspath(file) == str(path):
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(file))
            return whole_open(file, *args, **options)

        monkeypatch.setattr(os, "open", failing_open)

    return put


def _zoo(*arguments: object) -> Result:
    result = CliRunner().invoke(zoo, ["--no-plugins", *map(str, arguments)], prog_name="zoo")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


REFUSED = r"it is not a plain file|may have up to|Input/output error"


def test_one_such_record_costs_itself(store_v1: Path, spoil: Spoil) -> None:
    first, second = sorted(path for path in store_v1.iterdir() if path.is_dir())
    spoil(first / "record.json")
    result = _zoo("rank", store_v1)
    assert result.exit_code in (0, 1)
    assert "linear" in result.stdout
    assert f"{first.name}/record.json cannot be read: " in result.output
    assert second.name not in result.output.replace(first.name, "")
    assert _zoo("merge", store_v1, "-o", store_v1.parent / "merged").exit_code == 1


@pytest.mark.parametrize("name", ["history.jsonl", "predictions.safetensors"])
def test_reports_and_verification_go_on_without_it(store_v1: Path, spoil: Spoil, name: str) -> None:
    folder = min(path for path in store_v1.iterdir() if path.is_dir())
    spoil(folder / name)
    assert _zoo("report", store_v1, "-o", store_v1.parent / "site").exit_code in (0, 1)
    assert (store_v1.parent / "site" / "index.html").is_file()
    result = _zoo("verify", store_v1)
    assert result.exit_code == 1
    assert name in result.output
    assert _zoo("submit", store_v1, "-o", store_v1.parent / "submitted").exit_code == 1
    assert _zoo("rescore", store_v1).exit_code in (0, 1, 2)


def test_inputs_of_commands_are_refused_with_a_sentence(tmp_path: Path, spoil: Spoil) -> None:
    path = tmp_path / "input.py"
    spoil(path)
    for arguments in (
        ("plan", path),
        ("data", "check", f"csv:{path}"),
        ("--plugin", path, "--strict-plugins", "plugins"),
    ):
        result = _zoo(*arguments)
        assert result.exit_code in (0, 2), arguments  # a broken plugin is listed
        assert re.search(rf"{REFUSED}|no such file", result.output), (arguments, result.output)


def test_a_token_is_not_read_from_it(tmp_path: Path, spoil: Spoil) -> None:
    from zoo.cli.commands.serve import _token
    from zoo.errors import UsageError

    spoil(tmp_path / "token")
    with pytest.raises(UsageError, match=REFUSED):
        _token(str(tmp_path / "token"))


def test_a_site_with_it_is_not_published(tmp_path: Path, spoil: Spoil) -> None:
    spoil(tmp_path / "SHA256SUMS")
    result = _zoo("publish", tmp_path, "--to", "folder", "--at", tmp_path / "www")
    assert result.exit_code == 2
    assert not (tmp_path / "www").exists()


@pytest.fixture
def store_v1(tmp_path: Path) -> Path:
    """A copy of a store of two trials."""
    import shutil

    return Path(shutil.copytree(Path(__file__).parents[1] / "fixtures" / "store-v1", tmp_path / "runs"))
