"""The pages of ``zoo serve`` in a real browser. Chromium is the system's: ``tox -e browser``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from harness.classifiers.trained import load_trained
from zoo import Catalog

from .serving import serving

playwright = pytest.importorskip("playwright.sync_api", reason="the browser environment has it")
expect = playwright.expect

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>'\"\u202e\u2028\x1b[31m"
LONG = "a-name-without-end-" * 12
TOKEN = "secret-word"


@pytest.fixture(scope="module")
def url(
    zoo_script: Path, train_trial: Callable[..., Path], catalog: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A server of a network whose classes have names as bad as they come; it asks for a token."""
    trained = load_trained(train_trial(catalog), catalog)
    path = tmp_path_factory.mktemp("served") / "hostile.safetensors"
    card = trained.card.model_copy(update={"classes": (HOSTILE, LONG, "maple"), "title": HOSTILE})
    save_file(trained.model.state_dict(), path, metadata=card.metadata())
    with serving(zoo_script, str(path), "--port", "0", "--max-pixels", "100000", ZOO_SERVE_TOKEN=TOKEN) as (_, address):
        yield address


def complaints(message: Any) -> bool:
    """Tell whether a message of the browser is one: that a request was refused is what the page shows itself."""
    return message.type in ("error", "warning") and not message.text.startswith("Failed to load resource")


@pytest.fixture(params=["light", "dark"])
def page(browser: Any, url: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page to try it, with the token given; whatever the browser complains of fails the test."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=request.param)
    opened = context.new_page()
    seen: list[str] = []
    opened.on("pageerror", lambda error: seen.append(str(error)))
    opened.on("dialog", lambda dialog: (seen.append("a dialog"), dialog.dismiss()))
    opened.on("request", lambda asked: asked.url.startswith((url, "blob:")) or seen.append(asked.url))
    opened.on("console", lambda message: complaints(message) and seen.append(message.text))
    opened.goto(url)
    opened.locator("#token").fill(TOKEN)
    opened.get_by_role("button", name="Use it").click()
    expect(opened.locator("#about")).to_be_visible()
    yield opened
    assert opened.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    context.close()
    assert seen == []


def test_pictures_are_shown_with_bars_and_bad_ones_with_their_problem(
    page: Any, photo_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "<b>notes.png").write_text("no image")
    page.set_input_files("#files", [photo_folder / "test" / "maple" / "00.png", tmp_path / "<b>notes.png"])
    first, second = page.locator(".card").all()
    expect(first.locator("progress")).to_have_count(3)
    expect(first.get_by_text(HOSTILE)).to_be_visible()
    shares = [float(bar.get_attribute("value")) for bar in first.locator("progress").all()]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    expect(second.locator(".problem")).to_have_text("not an image of a known format")
    expect(second.locator(".name")).to_have_text("<b>notes.png")
    assert page.locator("main img").count() == 1  # nothing in a name has become an element
    expect(page.locator("#status")).to_contain_text("2 pictures in")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".card")).to_have_count(0)


def test_pictures_can_be_dropped_and_more_than_a_request_takes_are_asked_in_turns(
    page: Any, photo_folder: Path
) -> None:
    page.evaluate(
        """(count) => {
            const transfer = new DataTransfer();
            for (let index = 0; index < count; index += 1) transfer.items.add(new File(["x"], `${index}.png`));
            const drop = document.getElementById("drop");
            for (const kind of ["dragover", "drop"])
                drop.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        20,
    )
    expect(page.locator(".problem")).to_have_count(20)
    expect(page.locator(".name").first).to_have_text("0.png")
    expect(page.locator(".name").last).to_have_text("19.png")


def test_it_reports_the_served_model(page: Any) -> None:
    expect(page.locator("#title")).to_contain_text("<img src=x")
    expect(page.locator("#limits")).to_have_text("up to 16 MB and 0.1 megapixels each")
    page.get_by_text("About this classifier").click()
    expect(page.locator("dd").first).to_be_visible()


def test_the_api_page_lists_the_operations_of_the_openapi_schema(page: Any, url: str) -> None:
    page.goto(f"{url}/docs")
    expect(page.locator(".operation")).to_have_count(
        6
    )  # two that classify, one that explains, and three about the server
    expect(page.locator(".operation").first).to_contain_text("curl -F images=@one.jpg")
    expect(page.locator(".operation").first).to_contain_text("Retry-After")
    expect(page.locator(".operation").nth(1)).to_contain_text("curl -T one.jpg")


def test_where_the_network_looks_is_drawn_with_a_scale_and_class_by_class(page: Any, photo_folder: Path) -> None:
    page.set_input_files("#files", [photo_folder / "test" / "maple" / "00.png"])
    page.get_by_role("button", name="Where does it look?").click()
    canvases = page.locator(".maps figure canvas")
    expect(canvases).to_have_count(3)
    expect(page.locator(".scale")).to_contain_text("strongest evidence, probability 100 %")
    strengths = page.evaluate(
        """() => [...document.querySelectorAll(".maps figure canvas")].map((canvas) => {
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            let most = 0; // how far the colour of a place is from grey
            for (let at = 0; at < data.length; at += 4) {
                const place = [data[at], data[at + 1], data[at + 2]];
                most = Math.max(most, Math.max(...place) - Math.min(...place));
            }
            return most;
        })"""
    )
    probabilities = [float(text.split()[-2]) for text in page.locator(".maps figcaption").all_inner_texts()]
    shown = [strength for strength in strengths if strength > 0]
    assert shown, "at least one class has evidence"
    assert probabilities == sorted(probabilities, reverse=True)
