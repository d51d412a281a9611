"""Pages that are rendered on the server: what the registry's and the gateway's share.

`Pages` renders templates so that whatever they are given is inert text, `Sessions` knows who looks, `form_of` refuses
what other sites send. A page has no powers of its own: it asks what the API asks.
"""

from __future__ import annotations

from seglam.web.pages.assets import assets
from seglam.web.pages.rendering import Pages
from seglam.web.pages.sessions import LocalTokens, Session, Sessions, key_in

__all__ = ["LocalTokens", "Pages", "Session", "Sessions", "assets", "key_in"]
