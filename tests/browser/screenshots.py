"""Screenshots of the pages, wide and narrow, light and dark: `python -m tests.browser.screenshots docs/pages`.

They show a service on which one miss was compiled from the recordings, reviewed and asked again, and a registry with a
pack that was published there.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx2
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from seglam.procedures import load_documents
from tests.browser.conftest import QUIET
from tests.browser.market import NAME, PATH, Market, market
from tests.browser.served import ROOT, Served, serving

EXAMPLES = ROOT / "examples" / "procedures"
WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}


SERVED = ("greatest-common-divisor", "is-leap-year")


Subject = TypeVar("Subject", Served, Market)
Shows = tuple[tuple[str, Callable[[Page, Subject], None]], ...]


def take(browser: Browser, subject: Subject, shows: Shows[Subject], into: Path) -> list[Path]:
    """One picture of each page in each of the four ways."""
    made = []
    for size, viewport in (("wide", WIDE), ("narrow", NARROW)):
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport=viewport, color_scheme="dark" if scheme == "dark" else "light")
            page = context.new_page()
            for name, show in shows:
                show(page, subject)
                made.append(into / f"{name}-{size}-{scheme}.png")
                page.screenshot(path=made[-1])
            context.close()
    return made


def _packs(page: Page, served: Market) -> None:
    page.goto(served.url)
    page.get_by_role("link", name=NAME).wait_for()


def _pack(page: Page, served: Market) -> None:
    page.get_by_role("link", name=NAME).click()
    page.locator("button.ask").first.click()
    page.get_by_label("What the version does").wait_for()
    page.get_by_role("heading", name="Try it").scroll_into_view_if_needed()


def _version(page: Page, served: Market) -> None:
    page.get_by_role("link", name="1.1.0").first.click()
    page.get_by_role("heading", name="Where it comes from").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('provenance').scrollIntoView()")


def _import(page: Page, served: Market) -> None:
    page.evaluate("document.getElementById('import').scrollIntoView()")


def _procedure(page: Page, served: Market) -> None:
    page.goto(f"{served.url}{PATH}/versions/1.1.0/procedures/is-leap-year")
    page.locator("#code + pre").wait_for()


def _difference(page: Page, served: Market) -> None:
    page.goto(f"{served.url}{PATH}/difference?before=1.0.0&after=1.1.0")
    page.get_by_role("heading", name="count-letter-in-text").wait_for()


def _entrance(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/console/enter?token=shown-in-the-terminal")


def _queue(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/console/enter?token={served.tokens.new()}")
    page.get_by_label("Your name").fill("ada")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="capital-of-country").wait_for()


def _revision(page: Page, served: Served) -> None:
    page.get_by_role("link", name="capital-of-country").click()
    page.get_by_label("A request", exact=True).fill("What is the capital of the Republic of Korea?")
    page.get_by_role("button", name="Ask this revision").click()
    page.get_by_label("This revision alone").wait_for()
    page.get_by_role("heading", name="Try it").scroll_into_view_if_needed()


def _operations(page: Page, served: Served) -> None:
    page.get_by_role("link", name="Operations").click()
    page.get_by_role("heading", name="Misses").wait_for()
    page.locator("figure img").evaluate("image => image.decode()")


def _answer(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/console/answers?id={served.asked}")
    page.get_by_text("All steps hold.").wait_for()


def _traffic(http: httpx2.Client) -> None:
    """Requests of which ever more hit, as they do where misses are compiled."""
    divisor = "Find the Greatest Common Divisor (GCD) of these numbers: {}, 12. Give only the GCD as your final answer."
    for number in range(60):
        text = divisor.format(number + 1) if number % 20 < number // 3 else "What is the capital gain of Korea?"
        body = {"text": text, "context": {"locale": "en-US"}}
        http.post("/v1/requests", json=body, headers={"Cache-Control": "only-if-cached"})


CONSOLE = (
    ("entrance", _entrance),
    ("queue", _queue),
    ("revision", _revision),
    ("operations", _operations),
    ("answer", _answer),
)
MARKETPLACE = (
    ("packs", _packs),
    ("pack", _pack),
    ("version", _version),
    ("import", _import),
    ("procedure", _procedure),
    ("difference", _difference),
)


def main(arguments: list[str]) -> int:
    """Make the pictures in the directory that is named."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    program = shutil.which("chromium")
    if program is None:
        print("there is no chromium; install Debian's package chromium", file=sys.stderr)
        return 3
    into = Path(arguments[0])
    into.mkdir(parents=True, exist_ok=True)
    documents = [each.document for name in SERVED for each in load_documents(EXAMPLES / f"{name}.yaml")[0]]
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        here = Path(directory)
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        (here / "service").mkdir()
        with serving(here / "service", documents) as served:
            _traffic(served.http)
            print(*take(browser, served, CONSOLE, into), sep="\n")
        with market(here / "registry") as shown:
            print(*take(browser, shown, MARKETPLACE, into), sep="\n")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
