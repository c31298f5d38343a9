"""The page of a row: failures, predictions, and what is missing."""

from __future__ import annotations

from ..conftest import MakeSite, StoreMaker


def test_a_failed_seed_is_named_with_its_reason(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    (page,) = (folder / "rows").glob("broken_net--*.html")
    text = page.read_text(encoding="utf-8")
    assert text.count("plugin: it cannot take images [2, 1, 8, 8]") == 3
    assert "it cannot take images" in (folder / "index.html").read_text(encoding="utf-8")


def test_damaged_predictions_only_remove_their_pictures(store: StoreMaker, make_site: MakeSite) -> None:
    path, _ = store.add("net")
    file = path / "predictions.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x99")
    folder, _ = make_site(store)
    (page,) = (folder / "rows").glob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "does not match the checksum in its record" in text
    assert 'data-block="confusion"' not in text


def test_a_single_epoch_is_no_curve(store: StoreMaker, make_site: MakeSite) -> None:
    store.add("long", num_epochs=3)
    store.add("short", num_epochs=1)
    folder, _ = make_site(store)
    pages = {path.name.split("-")[0]: path.read_text(encoding="utf-8") for path in (folder / "rows").glob("*.html")}
    assert "Learning curves" in pages["long"]
    assert "Learning curves" not in pages["short"]
