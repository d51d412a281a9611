"""Who signs: a key file, an identity token, or whoever logs in. No key and no token is ever printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from seglam.cli.client import token_of
from seglam.cli.exits import CliError, Exit

if TYPE_CHECKING:
    from seglam.packs.trust.files import Trust
    from seglam.packs.trust.roots import TrustRoot
    from seglam.packs.trust.signing.key import KeySigner
    from seglam.packs.trust.signing.keyless import KeylessSigner
    from seglam.packs.trust.signing.protocol import Signer

SIGNING_CONFIG = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"


def signer_of(
    key: Path | None, token: Path | None, login: bool, root: str | None, trust: Callable[[], Trust]
) -> Signer:
    """The signer that options name; exactly one way must be stated. `CliError` says what is missing."""
    if sum((key is not None, token is not None, login)) != 1:
        raise CliError("who signs is not stated", "give one of --key, --identity-token-file, --login", Exit.USAGE)
    if key is not None:
        return key_signer(key)
    return _keyless(_signing_root(root, trust()), token)


def key_signer(file: Path) -> KeySigner:
    """The signer of a private key's file."""
    from seglam.packs.trust.signing.key import KeySigner
    from seglam.packs.trust.signing.protocol import SigningFailed

    try:
        if file.stat().st_mode & 0o077:
            raise CliError("others may read this key", f"`chmod 600 {file}`", Exit.DATA, where=str(file))
        return KeySigner(file.read_bytes())
    except OSError as error:
        raise CliError(f"the key cannot be read ({error.strerror})", "correct the path", where=str(file)) from error
    except SigningFailed as error:
        raise CliError(error.words.rstrip("."), "make one with `seglam pack trust new-key`", where=str(file)) from error


def _signing_root(named: str | None, trust: Trust) -> TrustRoot:
    """The trust root whose services issue certificates."""
    if named is not None and Path(named).is_file():
        from seglam.packs.trust.files import TrustFileInvalid, read

        try:
            trust = read([Path(named)])
        except TrustFileInvalid as error:
            raise CliError(error.words, "correct the file", where=error.where) from error
        named = None
    able = {root.name: root for root in trust.roots.values() if root.keyless and root.spec.signing_config}
    if named is not None:
        if named not in able:
            raise CliError("no trust root of that name has keyless and signingConfig", "name another", where=named)
        return able[named]
    if len(able) != 1:
        what = (
            f"{len(able)} trust roots have services to sign with" if able else "no trust root has services to sign with"
        )
        raise CliError(what, "name one with --trust-root", Exit.USAGE)
    return next(iter(able.values()))


def _keyless(root: TrustRoot, token: Path | None) -> KeylessSigner:
    from pydantic import ValidationError
    from sigstore.errors import Error
    from sigstore.models import ClientTrustConfig

    from seglam.packs.trust.signing.keyless import KeylessSigner

    assert root.keyless is not None and root.spec.signing_config is not None
    document = {
        "mediaType": SIGNING_CONFIG,
        "trustedRoot": json.loads(root.keyless),
        "signingConfig": json.loads(root.spec.signing_config),
    }
    try:
        config = ClientTrustConfig.from_json(json.dumps(document))
        if token is not None:
            return KeylessSigner(config, lambda: token_of(token))
        return KeylessSigner(config, _Login(config.signing_config.get_oidc_url()))
    except (Error, ValidationError, ValueError) as error:
        raise CliError(f"it cannot sign: {error}", "correct keyless and signingConfig", where=root.name) from error


class _Login:
    """The token of whoever logs in, asked for once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._token: str | None = None

    def __call__(self) -> str:
        from sigstore.errors import Error
        from sigstore.oidc import Issuer

        if self._token is None:
            try:
                self._token = str(Issuer(self._url).identity_token())
            except Error as error:
                raise CliError(f"the login failed: {error}", "try again", Exit.MISSING, where=self._url) from error
        return self._token
