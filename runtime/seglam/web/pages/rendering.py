"""Templates and the headers of what they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, RedirectResponse

from seglam.web.pages.assets import address
from seglam.web.pages.sessions import Session
from seglam.web.pages.visible import fitting, is_full, one_page, visible

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",  # a page holds what its reader alone may see
}
"""Of every page. Nothing comes from elsewhere, nothing runs that is written into a page, and no site may frame it."""

LONGEST_SEGMENT = 300
"""Characters of what stands in an address or an attribute; names that have pages are shorter."""


class Pages:
    """Renders the templates of a package, beside those that all pages share.

    Every value in a template is escaped and shown by `visible`, since packs, requests and models wrote them. In an
    attribute or a field to edit it stands as it is: `{{ value | e }}`.

    Args:
        package: whose directory `templates` holds them.
        title: of the service, in each page's title.
        links: the pages in the menu, as (address, words); the first is where one begins.
        leave: where the form of signing out is sent.
        public: whether strangers have the menu too.
    """

    def __init__(
        self, package: str, title: str, links: tuple[tuple[str, str], ...], *, leave: str, public: bool = False
    ) -> None:
        loader = ChoiceLoader([PackageLoader(package), PackageLoader("seglam.web.pages")])
        self._environment = Environment(
            loader=loader,
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_shown,
        )
        self._environment.globals.update(
            asset=address, title=title, links=links, leave=leave, public=public, sign_in=None, is_full=is_full
        )
        self._environment.filters.update(
            field=_field,
            fitting=fitting,
            listed=_listed,
            moment=_moment,
            segment=_segment,
            short=_short,
            visible=visible,
        )

    def offer(self, sign_in: str) -> None:
        """Let strangers find where to sign in."""
        self._environment.globals["sign_in"] = sign_in

    def render(
        self, template: str, session: Session | None, status: int = 200, /, *, here: str = "", **values: Any
    ) -> HTMLResponse:
        """A page.

        Args:
            here: the menu's address that the page belongs to.
        """
        with one_page():
            text = self._environment.get_template(template).render(session=session, here=here, **values)
        return HTMLResponse(text, status, HEADERS)


def redirect(address: str) -> RedirectResponse:
    """To another page of the same service, by GET. `ValueError` for an address that leads elsewhere."""
    if not is_local(address):
        raise ValueError(f"{address!r} leads to another site")
    return RedirectResponse(address, 303, HEADERS)


def is_local(address: str) -> bool:
    """Whether an address is a path of this service; browsers take `//host` and `/\\host` for another one's."""
    return (
        address.startswith("/")
        and not address.startswith(("//", "/\\"))
        and address.isascii()
        and address.isprintable()
        and "\\" not in address
    )


def _shown(value: object) -> object:
    """What a template prints. Markup was made by the template or by a filter of ours."""
    return value if isinstance(value, Markup) else visible(value)


def _segment(text: object) -> str:
    """A text as one segment of an address, or one value of its query. Names that have pages are short."""
    return quote(str(text)[:LONGEST_SEGMENT].encode("utf-8", "replace"), safe="")


def _field(value: object) -> Markup:
    """A short value of an attribute, which holds no markup: what is not seen is replaced there."""
    text = str(value)[:LONGEST_SEGMENT]
    return escape("".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text))


def _short(digest: str) -> Markup:
    """A digest's beginning, with the whole for who points at it."""
    begins = visible(digest[: len("sha256:") + 12])
    return Markup('<abbr class="digest" title="{}">{}</abbr>').format(
        digest if len(digest) <= LONGEST_SEGMENT and digest.isascii() and digest.isprintable() else "", begins
    )


def _moment(time: str) -> Markup:
    """A time of the store, to the second."""
    return Markup("<time>{}</time>").format(visible(time[:19].replace("T", " ")))


def _listed(values: Iterable[object]) -> Markup:
    """Several values in one line."""
    return Markup(", ").join(visible(value, 400) for value in values)
