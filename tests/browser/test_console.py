"""The review console in a real browser, on a real service: from a miss to approval, with four eyes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.faults import faults
from tests.browser.served import KOREA, Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One service for all tests here, which decide one after the other."""
    with serving(tmp_path_factory.mktemp("console")) as found:
        yield found


def sign_in(page: Page, served: Served, name: str) -> None:
    page.goto(f"{served.url}/console/enter?token={served.tokens.new()}")
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Waiting for a decision")


def open_proposal(page: Page) -> None:
    page.get_by_role("link", name="capital-of-country").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("capital-of-country")


def test_nobody_sees_a_page_without_signing_in(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/console/revisions/{served.digest}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert KOREA not in page.content()


def test_an_author_is_refused_and_somebody_else_tries_and_approves(
    page: Page, browser: Browser, served: Served, accessibility: Path
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    sign_in(page, served, "mallory")
    assert faults(page, accessibility) == []
    expect(page.get_by_text("you are one of them")).to_be_visible()
    open_proposal(page)
    expect(page.get_by_text("You may not approve it")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    # The page's button is a courtesy: the refusal is the service's.
    page.get_by_label("Why, for whoever reads it later").fill("my own work")
    page.evaluate("document.querySelector('button[value=approve]').disabled = false")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("alert")).to_contain_text("mallory")
    page.get_by_role("button", name="Sign out").click()

    sign_in(page, served, "ada")
    open_proposal(page)
    expect(page.locator("#request + pre")).to_contain_text(KOREA)
    page.get_by_label("A request", exact=True).fill("What is the capital of the Republic of Korea?")
    page.get_by_role("button", name="Ask this revision").click()
    candidate, active = (page.get_by_label(name) for name in ("This revision alone", "What is active"))
    expect(candidate).to_contain_text("Answer: Seoul")
    expect(active).to_contain_text("miss")
    assert faults(page, accessibility) == []
    page.get_by_label("Why, for whoever reads it later").fill("patterns and code read")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("dl.facts .state").first).to_have_text("Active")
    assert [each for each in complaints if "403" not in each] == []
    told = served.http.post("/v1/requests", json={"text": KOREA, "context": {"locale": "en-US"}}).json()
    assert (told["outcome"], told["answer"]) == ("hit", "Seoul")


def test_operators_see_the_curve_with_its_numbers_and_who_stands_behind_an_answer(
    page: Page, served: Served, accessibility: Path
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    for text in ("What is the capital of Peru?", "What is the capital gain of Peru?"):
        served.http.post("/v1/requests", json={"text": text}, headers={"Cache-Control": "only-if-cached"})
    sign_in(page, served, "olga")
    page.get_by_role("link", name="Operations").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Operations")
    drawn = page.locator("figure img")
    # A page is there before its pictures are.
    expect(drawn).to_have_js_property("naturalWidth", 900)
    rows = page.locator("table", has_text="The same as numbers").locator("tbody tr")
    assert sum(int(row.locator("td").nth(1).inner_text()) for row in rows.all()) >= 3
    expect(page.get_by_role("row", name="unknown")).to_be_visible()
    expect(page.get_by_role("heading", name="Compilations")).to_be_visible()
    assert faults(page, accessibility) == []

    page.get_by_role("link", name="Answers").click()
    page.get_by_label("The id of a request").fill(served.asked)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="The compilation")).to_be_visible()
    expect(page.locator(f'a[href="/console/revisions/{quote(served.digest, safe="")}"]')).to_be_visible()
    expect(page.get_by_text("All steps hold.")).to_be_visible()
    assert KOREA not in page.content()
    assert faults(page, accessibility) == []
    assert complaints == []


def test_without_script_all_works_by_keyboard_alone(browser: Browser, served: Served) -> None:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 360, "height": 700}, color_scheme="dark"
    )
    page = context.new_page()
    page.goto(f"{served.url}/console/enter?token={served.tokens.new()}")
    page.get_by_label("Your name").focus()
    page.keyboard.type("grace")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Waiting for a decision")
    page.goto(f"{served.url}/console/revisions/{served.digest}")
    page.get_by_label("A request", exact=True).fill("What is the capital gain of Korea?")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("What was tried")
    expect(page.get_by_label("This revision alone")).to_contain_text("miss")
    context.close()
