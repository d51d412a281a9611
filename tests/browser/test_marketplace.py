"""The marketplace in a real browser, on a real registry: found, tried, read, and imported by the shown lines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.faults import faults
from tests.browser.market import NAME, PATH, PUBLISHER, REVIEWER, Market, market

VERSION = f"/marketplace{PATH}/versions/1.1.0"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with market(tmp_path_factory.mktemp("market")) as made:
        yield made


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser complains of: a policy that was broken, an asset that is missing, an error of a script."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def test_a_pack_is_found_and_its_example_runs(
    page: Page, served: Market, accessibility: Path, complaints: list[str]
) -> None:
    page.goto(served.url)
    assert faults(page, accessibility) == []
    page.get_by_label("What should a pack answer?").fill("nothing that is here")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No pack has all of that.")).to_be_visible()
    page.get_by_label("What should a pack answer?").fill("leap")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="integer", exact=True).click()
    expect(page.get_by_role("link", name="integer", exact=True)).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name=NAME).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    assert faults(page, accessibility) == []

    page.locator("button.ask", has_text="leap year").first.click()
    trial = page.get_by_label("What the version does")
    expect(trial).to_contain_text("hit by is-leap-year")
    expect(trial).to_contain_text("Answer: Yes")
    page.get_by_label("A request of your own").fill("Is 1900 a leap year?")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(trial).to_contain_text("Answer: No")
    page.get_by_label("A request of your own").fill("Is the moon a leap year?")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(trial).to_contain_text("miss")
    expect(trial).to_contain_text("the moon' is no value")
    assert faults(page, accessibility) == []

    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="count-letter-in-text")).to_contain_text("added")
    assert faults(page, accessibility) == []
    assert complaints == []


def test_its_provenance_is_read_and_it_is_imported_by_the_shown_lines(
    page: Page, served: Market, accessibility: Path, complaints: list[str], tmp_path: Path
) -> None:
    page.goto(f"{served.origin.url}{VERSION}")
    expect(page.get_by_text("All checks hold.")).to_be_visible()
    links = page.locator("li.link")
    titles = [
        "Requests that were missed",
        "Model or author",
        "Gates",
        "Reviewers",
        "Publisher",
        "Registry",
        "Importers",
    ]
    expect(links.locator("h3")).to_contain_text(titles)
    expect(links.nth(1)).to_contain_text("example/model-1")
    expect(links.nth(3)).to_contain_text(REVIEWER.identity)
    expect(links.nth(4)).to_contain_text(PUBLISHER.identity)
    expect(links.nth(6)).to_contain_text("nothing is said")
    expect(links.nth(6)).to_contain_text("Not checked: who else imported it")
    links.nth(3).locator("summary").press("Enter")
    expect(links.nth(3)).to_contain_text("grace is none of the 1 authors")
    assert faults(page, accessibility) == []
    shown = page.locator("pre.lines").first.inner_text()
    page.get_by_role("link", name="is-leap-year", exact=True).click()
    expect(page.locator("#code + pre")).to_contain_text("def solve")
    assert faults(page, accessibility) == []
    assert complaints == []

    binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = {**os.environ, "PATH": binaries, "SEGLAM_CONFIG_DIR": str(tmp_path), "SEGLAM_DATA_DIR": str(tmp_path / "d")}
    # `curl` is not on every machine that runs this; Python fetches what the line names.
    lines = shown.replace("curl -fsS -o", "fetch")
    program = "import sys, urllib.request as u; u.urlretrieve(sys.argv[2], sys.argv[1])"
    fetch = f'fetch() {{ "{sys.executable}" -c "{program}" "$@"; }}'
    done = subprocess.run(
        ["bash", "-euc", f"{fetch}\n{lines}"], cwd=tmp_path, env=given, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is-leap-year" in done.stdout


def test_without_script_all_works_by_keyboard_alone(browser: Browser, served: Market) -> None:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 360, "height": 700}, color_scheme="dark"
    )
    page = context.new_page()
    page.goto(served.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.get_by_label("What should a pack answer?").focus()
    page.keyboard.type("letter")
    page.keyboard.press("Enter")
    page.get_by_role("link", name=NAME).press("Enter")
    expect(page.get_by_text("without script the answer opens as a page of its own")).to_be_visible()
    page.get_by_label("A request of your own").focus()
    page.keyboard.type("Is 2024 a leap year?")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("What was tried")
    expect(page.get_by_label("What the version does")).to_contain_text("Answer: Yes")
    page.get_by_role("link", name="Back to the version").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{NAME} 1.1.0")
    context.close()


def test_other_sites_cause_no_trial_and_nobody_signs_in_without_an_issuer(served: Market) -> None:
    form = {"text": "Is 2024 a leap year?"}
    at = f"{VERSION}/trials"
    assert served.http.post(at, data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert served.http.post(at, data={"text": "x" * 65_537}).status_code == 422
    assert served.http.post(at, content=b"x" * 200_000).status_code == 415
    assert served.http.get("/marketplace/login").status_code == 404
    assert "Sign in" not in served.http.get("/marketplace").text
