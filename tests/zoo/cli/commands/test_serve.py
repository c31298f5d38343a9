"""``zoo serve``: what it says, and the whole of it, as a user starts and stops it."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from click.testing import Result

from harness.serving.server import listen
from zoo import Catalog
from zoo.cli.commands import serve as command

from .serving import serving

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def trial(train_trial: Callable[..., Path], catalog: Catalog) -> str:
    return str(train_trial(catalog, epochs=4))


@pytest.mark.slow
def test_from_a_trial_to_answers_that_are_those_of_predict_and_a_stop_that_loses_none(
    zoo_script: Path, trial: str, photo_folder: Path, run_zoo: Run
) -> None:
    paths = sorted((photo_folder / "test").rglob("*.png"))
    expected = json.loads(run_zoo("predict", trial, *map(str, paths), "--format", "json").stdout)
    with serving(zoo_script, trial, "--port", "0") as (process, url):
        files = [("images", (str(path), path.read_bytes())) for path in paths]
        found = httpx.post(f"{url}/predict", files=files, timeout=60).json()
        assert [each["image"] for each in found] == [each["image"] for each in expected]
        for one, other in zip(found, expected, strict=True):
            assert [each["class"] for each in one["predictions"]] == [each["class"] for each in other["predictions"]]
            for mine, theirs in zip(one["predictions"], other["predictions"], strict=True):
                assert mine["probability"] == pytest.approx(theirs["probability"], abs=1e-5)
        assert httpx.get(f"{url}/health").json() == {"status": "ready"}
        metrics = httpx.get(f"{url}/metrics").text
        assert f'zoo_images_total{{outcome="predicted"}} {len(paths)}.0' in metrics
        assert 'zoo_requests_total{route="/predict",status="200"} 1.0' in metrics

        answers: list[int] = []

        def ask() -> None:
            answers.append(httpx.post(f"{url}/predict", files=files * 2, timeout=60).status_code)

        clients = [threading.Thread(target=ask) for _ in range(4)]
        for client in clients:
            client.start()
        while "under_way 4.0" not in (told := httpx.get(f"{url}/metrics").text) and not answers:
            assert "under_way" in told
        process.send_signal(signal.SIGTERM)
        for client in clients:
            client.join()
        out, err = process.communicate(timeout=60)
        # A request whose head was not read when the signal came is told to come back: an answer, too.
        assert len(answers) == 4
        assert set(answers) <= {200, 503}
        assert 200 in answers
        assert (process.returncode, err) == (0, "")
        assert "stopped; all pending requests were answered" in out


@pytest.mark.slow
def test_a_token_is_taken_from_a_file_or_the_environment_and_is_not_shown(
    zoo_script: Path, trial: str, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("secret-word\n")
    with serving(zoo_script, trial, "--port", "0", "--token-file", str(tmp_path / "token")) as (process, url):
        assert httpx.get(f"{url}/model").status_code == 401
        assert httpx.get(f"{url}/model", headers={"authorization": "Bearer secret-word"}).status_code == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "secret-word" not in out + err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--token-file", "nowhere"), "--token-file nowhere: cannot be read"),
        (("--max-image-size", "big"), "--max-image-size big"),
        (("--port", "65536"), "65536"),
        (("--host", "999.1.1.1", "--port", "0"), "--host 999.1.1.1"),
        (("--device", "cuda:99", "--port", "0"), "--device cuda:99"),
        (("--port", "0"), "there is nothing at nowhere"),
    ],
)
def test_mistakes_are_one_sentence(run_zoo: Run, words: tuple[str, ...], sentence: str) -> None:
    result = run_zoo("serve", "nowhere", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_occupied_port_is_reported(run_zoo: Run) -> None:
    with closing(listen("127.0.0.1", 0)) as taken:
        taken.listen()
        result = run_zoo("serve", "nowhere", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 2
    assert "cannot be listened on" in result.stderr


@pytest.mark.parametrize("text", ["", " \n", "two words", "grün"])
def test_a_token_that_no_header_can_hold_is_refused(
    run_zoo: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    monkeypatch.setenv(command.TOKEN_VARIABLE, text)
    result = run_zoo("serve", "nowhere", "--port", "0")
    assert result.exit_code == 2
    assert "ZOO_SERVE_TOKEN: a token must be one word" in result.stderr


def test_without_the_extra_the_error_names_it(run_zoo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "uvicorn" else True)
    result = run_zoo("serve", "nowhere")
    assert result.exit_code == 2
    assert result.stderr == "zoo: zoo serve needs uvicorn: pip install 'zoobench[serve]'\n"


def test_listening_to_others_without_a_token_is_warned_of(
    run_zoo: Run, trial: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.serving.server.serve", lambda *args, ready, **options: ready() or True)
    open_to_all = run_zoo("serve", trial, "--host", "0.0.0.0", "--port", "0")
    assert "without a token" in open_to_all.stderr
    assert "serving lenet5" in open_to_all.stdout
    assert "without a token" not in run_zoo("serve", trial, "--port", "0").stderr
    monkeypatch.setenv(command.TOKEN_VARIABLE, "secret-word")
    assert "without a token" not in run_zoo("serve", trial, "--host", "0.0.0.0", "--port", "0").stderr
