"""What the console asks of an API server, over HTTP: objects, who somebody is, what they may, and decisions that are
held to the rules of the chart's admission policies. Everything is refused that has no token of its audience.

tests/cluster has the real one; here is said what it would be told, and by whom.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from seglam.resources import names
from tests.issuer import Issuer
from tests.login import CLIENT

AUDIENCE = "https://kubernetes.default.svc"
AUDIENCES = {AUDIENCE, CLIENT}
"""Also that of the issuer's client, as an API server is configured that knows an issuer."""
TIME = "2026-11-21T12:00:00Z"
Json = dict[str, Any]


class Denied(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"kind": "Status", "code": status, "reason": reason, "message": message}


class ApiServer(Issuer):
    """The API server, which also issues tokens.

    Attributes:
        objects: by their paths.
        approvers: who has the verb `approve`.
        members: namespaces of those who are no service accounts.
        revoked: tokens that are accepted no more.
        calls: who asked what, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, Json] = {}
        self.approvers: set[str] = set()
        self.members: dict[str, str] = {}
        self.revoked: set[str] = set()
        self.calls: list[tuple[str, str, str]] = []

    def person(
        self, namespace: str, name: str, *, audiences: tuple[str, ...] = ("seglam", AUDIENCE), **more: Any
    ) -> str:
        """A token as `kubectl create token` gives it."""
        return self.token(f"system:serviceaccount:{namespace}:{name}", aud=list(audiences), **more)

    def put(self, kind: names.Kind, namespace: str, name: str, spec: Json, status: Json, **metadata: Any) -> Json:
        """An object, in the place of an earlier one."""
        about = {"name": name, "namespace": namespace, "creationTimestamp": TIME, "generation": 1,
                 "resourceVersion": str(time.monotonic_ns()), "uid": name, **metadata}  # fmt: skip
        made = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": about, "spec": spec, "status": status}
        self.objects[f"{_where(kind, namespace)}/{name}"] = made
        return made

    def got(self, kind: names.Kind, namespace: str, name: str) -> Json:
        """An object."""
        return self.objects[f"{_where(kind, namespace)}/{name}"]

    def answer(self, method: str, path: str, bearer: str, body: Any, labels: str = "") -> object:
        """What is answered; `Denied` if it is refused. `labels` is a selector: `name in (value,...)`, or none."""
        if method == "GET" and (open_to_all := self.reply(path)) is not None:
            return open_to_all
        user = _user("" if bearer in self.revoked else bearer)
        self.calls.append((user, method, path))
        if path.endswith("/selfsubjectreviews"):
            return {"status": {"userInfo": {"username": user}}}
        if path.endswith("/selfsubjectaccessreviews"):
            assert body["spec"]["resourceAttributes"]["verb"] == "approve"
            return {"status": {"allowed": user in self.approvers}}
        own = self.members.get(user) or user.removeprefix("system:serviceaccount:").partition(":")[0]
        if f"/namespaces/{own}/" not in path:
            raise Denied(403, "Forbidden", f'User "{user}" cannot {method.lower()} {path}')
        if method == "GET":
            return self._read(path, labels)
        if path not in self.objects:
            raise Denied(404, "NotFound", f"{path} not found")
        if method == "PATCH":
            return self._decided(user, self.objects[path], body)
        self.objects[path] = body
        return body

    def _read(self, path: str, labels: str) -> object:
        if path in self.objects:
            return self.objects[path]
        items = [
            each for where, each in self.objects.items() if where.rpartition("/")[0] == path and _chosen(each, labels)
        ]
        if not items and path.count("/") > 6:
            raise Denied(404, "NotFound", f"{path} not found")
        return {"kind": "List", "metadata": {"resourceVersion": "1"}, "items": items}

    def _decided(self, user: str, review: Json, change: list[Json]) -> Json:
        version, added = change
        if version["value"] != review["metadata"]["resourceVersion"]:
            raise Denied(409, "Conflict", "the object has been modified")
        entry = added["value"][0] if isinstance(added["value"], list) else added["value"]
        denied = (
            "procedurereviews.seglam.dev is forbidden: ValidatingAdmissionPolicy 'x' with binding 'x' denied request: "
        )
        if user not in self.approvers:
            raise Denied(403, "Forbidden", f"{denied}{user} needs the verb approve")
        if entry["reviewer"] != user:
            raise Denied(403, "Forbidden", f"{denied}only your own decision")
        if entry["decision"] == "Approve" and user in review["spec"]["authors"]:
            raise Denied(403, "Forbidden", f"{denied}an author cannot approve; the authors are {user}")
        review["spec"].setdefault("decisions", []).append(entry)
        review["metadata"]["resourceVersion"] = str(time.monotonic_ns())
        states = {"Approve": "Approved", "Reject": "Rejected", "Quarantine": "Quarantined"}
        review["status"]["state"] = states[entry["decision"]]
        review["status"]["observedGeneration"] = review["metadata"]["generation"] = review["metadata"]["generation"] + 1
        return review


@contextmanager
def api_server() -> Iterator[ApiServer]:
    """One that answers until the block ends."""
    made = ApiServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            status, found = 200, None  # type: int, object
            try:
                asked = urlsplit(self.path)
                labels = parse_qs(asked.query).get("labelSelector", [""])[0]
                found = made.answer(self.command, asked.path, bearer, body, labels)
            except Denied as denied:
                status, found = denied.status, denied.body
            content = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = _serve

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _user(bearer: str) -> str:
    try:
        claims = jwt.decode(bearer, options={"verify_signature": False, "verify_exp": True, "verify_aud": False})
    except jwt.PyJWTError:
        claims = {}
    stated = claims.get("aud", ())
    if not AUDIENCES & set([stated] if isinstance(stated, str) else stated):
        raise Denied(401, "Unauthorized", "Unauthorized")
    return str(claims["sub"])


def _chosen(found: Json, labels: str) -> bool:
    if not labels:
        return True
    name, _, values = labels.partition(" in ")
    return (found["metadata"].get("labels") or {}).get(name) in values.strip("()").split(",")


def _where(kind: names.Kind, namespace: str) -> str:
    return f"/apis/{kind.group}/{kind.version}/namespaces/{namespace}/{kind.plural}"
