"""Keyless signing by sigstore with any trust configuration: public, private, or distributed by TUF.

sigstore-python asks the authority and the log without any limit of time, only warns when the timestamp authority
fails (and then leaves an entry in the log that is of no use), and raises whatever its parts raise. So signing runs in a
thread with a deadline, the timestamp authority is asked before anything is written, what was signed is verified before
it is handed out, and every failure is a `SigningFailed`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import requests
from sigstore.dsse import Statement as DsseStatement
from sigstore.errors import Error as SigstoreFailure
from sigstore.models import Bundle, ClientTrustConfig, InvalidBundle
from sigstore.oidc import ExpiredIdentity, IdentityError, IdentityToken
from sigstore.sign import Signer as SigstoreSigner
from sigstore.sign import SigningContext
from sigstore.verify import Verifier
from sigstore.verify import policy as identities

from seglam.packs.trust.keyless import signer_of
from seglam.packs.trust.roots import TrustRootSpec
from seglam.packs.trust.signing.protocol import FailureCode, SigningFailed
from seglam.packs.trust.statements import StatementInvalid, check_form

TokenSource = Callable[[], str]
"""Gives a fresh identity token (a JWT) each time it is called; raises OSError if it has none."""


def token_file(path: Path) -> TokenSource:
    """Tokens from a file that is renewed in place, such as a projected service account token of a pod."""

    def read() -> str:
        return path.read_text(encoding="ascii").strip()

    return read


def trust_config(spec: TrustRootSpec) -> ClientTrustConfig:
    """The configuration of a trust root that can sign: `keyless` and `signingConfig`.

    Raises:
        SigningFailed: one of them is missing or not what it must be (`configuration`).
    """
    if spec.keyless is None or spec.signing_config is None:
        raise SigningFailed("configuration", "To sign keyless, a trust root needs keyless and signingConfig.")
    try:
        document = {
            "mediaType": ClientTrustConfig.ClientTrustConfigType.CONFIG_0_1.value,
            "trustedRoot": json.loads(spec.keyless),
            "signingConfig": json.loads(spec.signing_config),
        }
        return ClientTrustConfig.from_json(json.dumps(document))
    except Exception as error:  # json, pydantic and sigstore raise all kinds
        raise SigningFailed("configuration", f"The trust configuration cannot be used: {_line(error)}.") from error


class KeylessSigner:
    """Signs with a short-lived certificate for an identity token; each call takes a fresh token and certificate.

    Args:
        config: authorities, logs and where they are.
        token: where identity tokens come from.
        audience: the tokens' audience, the same as the authority's client id.
        deadline: seconds after which a call fails, whatever the services do.
    """

    def __init__(
        self, config: ClientTrustConfig, token: TokenSource, *, audience: str = "sigstore", deadline: float = 60.0
    ) -> None:
        self._config = config
        self._source = token
        self._audience = audience
        self._deadline = deadline

    @property
    def mode(self) -> Literal["Keyless"]:
        """Always Keyless."""
        return "Keyless"

    @property
    def identity(self) -> str:
        """Subject and issuer of the current token, as it says them; a certificate may word the subject otherwise.

        Raises:
            SigningFailed: there is no token that can be used.
        """
        token = self._token()
        return f"{token.identity} (issuer {token.issuer})"

    def sign(self, statement: bytes) -> bytes:
        """See `Signer.sign`. Returns within the deadline; services may then still be at work on what is given up."""
        try:
            check_form(statement)
        except StatementInvalid as error:
            raise SigningFailed("statement", f"This is not signed: {error}.") from None
        outcome: list[bytes | SigningFailed] = []
        worker = threading.Thread(target=self._work, args=(statement, outcome), daemon=True, name="keyless-signing")
        worker.start()
        worker.join(self._deadline)
        if not outcome:
            words = f"The signing services did not answer within {self._deadline:g} s; try again later."
            raise SigningFailed("deadline", words, retriable=True)
        if isinstance(outcome[0], SigningFailed):
            raise outcome[0]
        return outcome[0]

    def _work(self, statement: bytes, outcome: list[bytes | SigningFailed]) -> None:
        try:
            outcome.append(self._signed(statement))
        except SigningFailed as error:
            outcome.append(error)
        except Exception as error:  # noqa: BLE001  # handed to the caller
            failed = SigningFailed("internal", f"Signing failed: {type(error).__name__}: {_line(error)}.")
            failed.__cause__ = error
            outcome.append(failed)

    def _signed(self, statement: bytes) -> bytes:
        token = self._token()
        try:
            context = SigningContext.from_trust_config(self._config)
            authorities = self._config.signing_config.get_tsas()
            verifier = Verifier(trusted_root=self._config.trusted_root)
        except Exception as error:
            raise SigningFailed("configuration", f"The trust configuration cannot be used: {_line(error)}.") from error
        if not authorities:
            words = "The signing config names no timestamp authority (tsaUrls), and without one no bundle is complete."
            raise SigningFailed("configuration", words)
        for authority in authorities:
            try:
                authority.request_timestamp(b"seglam: is anybody there?")
            except Exception as error:
                words = f"The timestamp authority {authority.url} fails, so nothing was signed: {_line(error)}."
                raise SigningFailed("timestamp-down", words, retriable=True) from error
        bundle = _logged(_certified(context, token), statement)
        _verify(verifier, bundle, statement)
        return bundle.to_json().encode()

    def _token(self) -> IdentityToken:
        try:
            raw = self._source()
        except (OSError, UnicodeDecodeError) as error:
            raise SigningFailed("token-missing", f"There is no identity token: {error}.", retriable=True) from error
        try:
            return IdentityToken(raw, client_id=self._audience)
        except IdentityError as error:
            reason = _line(error.__cause__ or error)
            if "expired" in reason or "validity period" in reason:
                words = f"The identity token has expired: {reason}. Its source must renew it."
                raise SigningFailed("token-expired", words, retriable=True) from error
            words = f"The identity token cannot be used: {reason}. It must be a JWT for the audience {self._audience}."
            raise SigningFailed("token-invalid", words) from error


def _certified(context: SigningContext, token: IdentityToken) -> SigstoreSigner:
    """A signer with a certificate: the authority's part."""
    try:
        with context.signer(token, cache=True) as signer:
            return signer
    except ExpiredIdentity as error:
        raise SigningFailed(
            "token-expired", "The identity token has expired; it must be renewed.", retriable=True
        ) from error
    except SigstoreFailure as error:
        words = f"The certificate authority's answer does not fit the trust configuration: {_line(error)}."
        raise SigningFailed("unverifiable", words, retriable=True) from error
    except Exception as error:  # requests, the client's own errors, and whatever a lying answer makes of the parsers
        answer = _answer(error)
        if answer is not None and 400 <= answer.status_code < 500 and answer.status_code not in (408, 429):
            words = f"The certificate authority refused the identity: {_said(answer)}."
            raise SigningFailed("identity-refused", words) from error
        words = f"The certificate authority fails: {_said(answer) if answer is not None else _line(error)}."
        raise SigningFailed("authority-down", words, retriable=True) from error


def _logged(signer: SigstoreSigner, statement: bytes) -> Bundle:
    """The signed, timestamped and logged bundle: the log's part."""
    try:
        return signer.sign_dsse(DsseStatement(statement))
    except InvalidBundle as error:
        code: FailureCode = "timestamp-down" if "timestamp" in str(error) else "unverifiable"
        raise SigningFailed(code, f"What was signed makes no bundle: {_line(error)}.", retriable=True) from error
    except Exception as error:  # as above
        answer = _answer(error)
        if answer is not None and 400 <= answer.status_code < 500 and answer.status_code not in (408, 409, 429):
            raise SigningFailed("log-refused", f"The transparency log refused the entry: {_said(answer)}.") from error
        words = f"The transparency log fails: {_said(answer) if answer is not None else _line(error)}."
        raise SigningFailed("log-down", words, retriable=True) from error


def _verify(verifier: Verifier, bundle: Bundle, statement: bytes) -> None:
    """Raise `SigningFailed` unless whoever gets the bundle can verify it: a service may have lied."""
    try:
        issuer, subject = signer_of(bundle.signing_certificate)
        _, payload = verifier.verify_dsse(bundle, identities.Identity(identity=subject, issuer=issuer))
    except Exception as error:
        words = (
            f"What was signed does not verify, so one of the services is not the one that is trusted: {_line(error)}."
        )
        raise SigningFailed("unverifiable", words, retriable=True) from error
    if payload != statement:
        raise SigningFailed("internal", "Another statement was signed than was given.")


def _answer(error: BaseException | None) -> requests.Response | None:
    """The HTTP answer at the root of an error; the clients say nothing of it themselves."""
    while error is not None:
        for each in (error, *error.args):
            if isinstance(each, requests.RequestException) and each.response is not None:
                return each.response
        error = error.__cause__ or error.__context__
    return None


def _said(answer: requests.Response) -> str:
    try:
        message = answer.json()["message"]
    except (ValueError, KeyError, TypeError):
        message = answer.text
    return f"HTTP {answer.status_code}: {' '.join(str(message).split()).rstrip('.')[:300]}"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__
