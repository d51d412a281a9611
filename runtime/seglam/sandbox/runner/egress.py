"""The proof that this pod cannot reach the network: it tries.

Network policies take effect some tenths of a second after a pod has started, and a network plugin may not enforce them
at all. So a runner dials an address that it must not reach, at its start until that fails, and from time to time later.
"""

from __future__ import annotations

import asyncio
import errno
import logging

from seglam.sandbox.connections import Address

_LOG = logging.getLogger("seglam.sandbox.runner")
DIAL_SECONDS = 1.0
AGAIN_SECONDS = 0.5
"""Between attempts while the address is reached."""
PROVEN_SECONDS = 60.0
"""Between attempts while it is not."""

# What a policy's refusal looks like from here. Other errors are this machine's own and prove nothing.
_DENIED = frozenset(
    {errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM,
     errno.ETIMEDOUT, errno.ENETDOWN, errno.EHOSTDOWN}
)  # fmt: skip


class Egress:
    """Whether egress is blocked, as far as one address shows.

    A refused connection counts as blocked, since some network plugins refuse instead of dropping; so an API server that
    is down at the first attempt looks like a policy, until the next attempt a minute later.

    Attributes:
        blocked: whether the last attempt failed; False before the first.
        attempts: how many there were.
    """

    def __init__(self, address: Address | None) -> None:
        self.address = address
        self.blocked = address is None
        self.attempts = 0

    async def watch(self) -> None:
        """Try for ever."""
        if self.address is None:
            _LOG.warning("egress is not checked, since the settings say so")
            return
        while True:
            blocked = not await self._reached(self.address)
            self.attempts += 1
            if blocked != self.blocked or self.attempts == 1:
                _report(blocked, self.address)
            self.blocked = blocked
            await asyncio.sleep(PROVEN_SECONDS if blocked else AGAIN_SECONDS)

    async def _reached(self, address: Address) -> bool:
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                _, writer = await asyncio.open_connection(address.host, address.port)
        except TimeoutError:
            return False
        except OSError as problem:
            if problem.errno in _DENIED:
                return False
            _LOG.error("egress to %s could not be tried: %s", address, problem)
            return True
        writer.transport.abort()
        return True


def _report(blocked: bool, address: Address) -> None:
    if blocked:
        _LOG.info("egress is blocked: %s is not reached", address)
    else:
        _LOG.warning("EgressNotBlocked: %s is reached; a network policy must deny this pod all egress", address)
