"""Access to an embedded service: open to whoever reaches it, or for those who prove who they are."""

from __future__ import annotations

from seglam.gateway.access.caller import Caller
from seglam.gateway.access.door import Door, Headers
from seglam.gateway.access.file import Rules
from seglam.gateway.access.keys import Keys
from seglam.gateway.preferences import user_of
from seglam.gateway.store import DEFAULT_TENANT

ANONYMOUS = "anonymous"
_NOBODY = Caller(DEFAULT_TENANT, ANONYMOUS)


class Access:
    """Who may ask an embedded service.

    Args:
        rules: what the access file says.
        keys: the API keys; whoever made them closes them.
        required: whether callers must prove who they are. Otherwise those without credentials are the default
            tenant's, under the name that they state.
    """

    def __init__(self, rules: Rules, keys: Keys, *, required: bool = False) -> None:
        self.rules = rules
        self.keys = keys
        self.required = required

    def door(self) -> Door:
        """Tells who sends requests. One for each event loop."""
        return Door(self.rules, self.keys, stranger=None if self.required else stated)


def stated(headers: Headers) -> Caller:
    """Who asks, as they say."""
    named = headers.get("seglam-user")
    return _NOBODY if named is None else Caller(DEFAULT_TENANT, user_of(named, ANONYMOUS))
