"""The console of a cluster's gateway: whose token it is decides what is seen and done, at the gateway and at the API
server; the gateway's own account has no part in it.
"""

from __future__ import annotations

import base64
import json
import re
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import pytest

from seglam.gateway.cluster.settings import ConsoleSettings, Settings, SettingsInvalid
from seglam.procedures import Revision
from seglam.resources import names
from seglam.resources.revision import Content
from tests.api_server import ApiServer, api_server
from tests.certificates import Authority
from tests.documents import document, revision
from tests.gateway_thread import Running, gateway
from tests.login import CLIENT, Provider, providing
from tests.runners import eventually, runner

TENANT = "tests"
KEY = b"a key of these tests, 32 bytes long"
ALICE, BOB, DAVE = (f"system:serviceaccount:{TENANT}:{name}" for name in ("alice", "bob", "dave"))
TWICE = document("twice", patterns=["twice {n}"])
NAME = names.revision_name("twice", Revision.of(TWICE).digest)


@pytest.fixture(scope="module")
def api() -> Iterator[ApiServer]:
    with api_server() as made:
        yield made


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providing() as made:
        yield made


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, api: ApiServer, provider: Provider) -> Iterator[Running]:
    directory, authority = tmp_path_factory.mktemp("console"), Authority.new()
    issuer = {"issuer": provider.url, "audience": "seglam", "login": {"clientId": CLIENT}}
    member = {"issuer": provider.url, "claims": {"groups": "reviewers"}, "tenant": TENANT, "scopes": ["read"]}
    (directory / "tenants.yaml").write_text(json.dumps({"issuers": [issuer], "identities": [member]}))
    (directory / "session.key").write_bytes(KEY)
    console = ConsoleSettings("http://127.0.0.1", directory / "session.key")
    with (
        runner(directory / "pod", authority, name=names.runner_server_name(None)) as pod,
        gateway(directory, authority, api, console=console) as made,
    ):
        made.serve(revision("double"))
        made.know(names.VERIFICATION_NAMESPACE, names.VERIFICATION, pod)
        made.settle()
        yield made


@pytest.fixture(autouse=True)
def proposal(api: ApiServer) -> None:
    """A revision of Alice's that waits."""
    api.objects.clear()
    api.calls.clear()
    api.approvers = {ALICE, BOB}
    propose(api, "twice", Revision.of(TWICE))


def propose(api: ApiServer, name: str, made: Revision, **labels: str) -> str:
    called = names.revision_name(name, made.digest)
    content = Content.of(made.spec).model_dump(mode="json", by_alias=True, exclude_none=True)
    about = {"procedure": name, "digest": made.digest, "authors": [ALICE]}
    gates = [{"gate": "static", "passed": True, "summary": "keeps all rules", "by": "operator"}]
    marked = {names.LABEL_PROCEDURE: name, **labels}
    spec, status = {**about, "document": content}, {"evidence": gates}
    api.put(names.PROCEDURE_REVISION, TENANT, called, spec, status, labels=marked)
    api.put(names.PROCEDURE_REVIEW, TENANT, called, about, {"state": "Pending", "gates": "1/1"})
    if not labels:
        api.put(names.REASONING_PROCEDURE, TENANT, name, content, {"digest": made.digest})
    return called


class Browser:
    """Keeps cookies as a browser does, and follows no redirect by itself."""

    def __init__(self, running: Running) -> None:
        self.http = httpx2.Client(base_url=f"http://127.0.0.1:{running.port}", timeout=30)

    def sign_in(self, token: str, then: str = "/console") -> httpx2.Response:
        return self.http.post("/console/enter", data={"token": token, "then": then})

    def get(self, path: str) -> httpx2.Response:
        return self.http.get(path)

    def send(self, path: str, **form: str) -> httpx2.Response:
        csrf = re.search(r'name="csrf" value="([^"]+)"', self.get("/console").text)
        return self.http.post(path, data={"csrf": csrf[1] if csrf else "", **form})

    def decide(self, decision: str, name: str = NAME) -> httpx2.Response:
        return self.send(f"/console/revisions/{name}/decisions", decision=decision, reason="code and patterns read")


@pytest.fixture
def browser(running: Running) -> Iterator[Browser]:
    made = Browser(running)
    yield made
    made.http.close()


def test_the_queue_and_a_proposal_are_read_in_ones_own_name(api: ApiServer, browser: Browser) -> None:
    answer = browser.sign_in(api.person(TENANT, "bob"), then=f"/console/revisions/{NAME}")
    assert answer.status_code == 303 and answer.headers["location"] == f"/console/revisions/{NAME}"
    queue = browser.get("/console").text
    assert f'href="/console/revisions/{NAME}"' in queue and "static passed" in queue and ALICE in queue
    said = {"procedure": "twice", "digest": Revision.of(TWICE).digest, "sender": "eve", "asked": {"request": "twice 0"}}
    api.put(names.PROCEDURE_COUNTEREXAMPLE, TENANT, "twice-1", {**said, "expected": "0"}, {"state": "Refuted"})
    shown = browser.get(f"/console/revisions/{NAME}").text
    assert "return str(2 * n)" in shown and "run by" in shown and "Not kept" in shown and "1 refuted" in shown
    by_digest = browser.get(f"/console/revisions/{quote(Revision.of(TWICE).digest)}")
    assert by_digest.status_code == 200 and NAME in by_digest.text
    assert {user for user, _, _ in api.calls} == {BOB}


def test_an_author_is_refused_by_the_api_server_and_another_approves(api: ApiServer, browser: Browser) -> None:
    browser.sign_in(api.person(TENANT, "alice"))
    assert "You may not approve it" in browser.get(f"/console/revisions/{NAME}").text
    own = browser.decide("approve")
    assert own.status_code == 403 and "an author cannot approve" in own.text and "denied request" not in own.text
    assert "decisions" not in api.got(names.PROCEDURE_REVIEW, TENANT, NAME)["spec"]
    browser.sign_in(api.person(TENANT, "bob"))
    assert browser.decide("approve").status_code == 303
    entry = {"reviewer": BOB, "decision": "Approve", "reason": "code and patterns read"}
    assert api.got(names.PROCEDURE_REVIEW, TENANT, NAME)["spec"]["decisions"] == [entry]
    assert "Nothing waits" in browser.get("/console").text
    assert "Quarantine" in browser.get(f"/console/revisions/{NAME}").text


def test_who_may_not_approve_neither_decides_nor_runs_unapproved_code(api: ApiServer, browser: Browser) -> None:
    browser.sign_in(api.person(TENANT, "dave"))
    for decision in ("approve", "reject", "quarantine"):
        refused = browser.decide(decision)
        assert refused.status_code == 403 and "needs the verb approve" in refused.text
    tried = browser.send(f"/console/revisions/{NAME}/trials", text="twice 21")
    assert tried.status_code == 403 and "verb approve" in tried.text
    assert browser.decide("restore").status_code == 400


def test_a_proposal_is_tried_beside_what_is_served(api: ApiServer, browser: Browser) -> None:
    browser.sign_in(api.person(TENANT, "bob"))
    tried = browser.send(f"/console/revisions/{NAME}/trials", text="twice 21", locale="en-US").text
    candidate, active = tried.split('aria-label="What is active"')
    assert "<code>42</code>" in candidate and "hit" in candidate
    assert "miss" in active and "<code>" not in active


def test_an_extension_is_approved_and_written_into_its_procedure(api: ApiServer, browser: Browser) -> None:
    wider = Revision.of(document("twice", patterns=["twice {n}", "two times {n}"]))
    served = api.got(names.REASONING_PROCEDURE, TENANT, "twice")
    served["status"]["activeDigest"] = Revision.of(TWICE).digest
    called = propose(api, "twice", wider, **{names.LABEL_COMPILATION: "rpc-1"})
    browser.sign_in(api.person(TENANT, "bob"))
    shown = browser.get(f"/console/revisions/{called}").text
    assert "+two times {n}" in shown and "and write it into its procedure" in shown
    assert browser.decide("approve-and-write", called).status_code == 303
    now = api.got(names.REASONING_PROCEDURE, TENANT, "twice")
    assert [each["text"] for each in now["spec"]["match"]["patterns"]] == ["twice {n}", "two times {n}"]
    assert [user for user, method, _ in api.calls if method == "PUT"] == [BOB]


def test_operations_say_what_a_cluster_has_and_what_not(api: ApiServer, running: Running, browser: Browser) -> None:
    spec = {"fingerprint": "f" * 32, "requestDigest": "sha256:" + "a" * 64, "requester": BOB, "attempt": 1,
            "reference": {"host": "10.0.0.1", "id": "x"}}  # fmt: skip
    negative = {"reason": "needs the weather", "model": "m-1", "expires": "2030-01-01T00:00:00Z"}
    status = {"outcome": "NotCompilable", "message": "no code can", "attempt": 1, "negative": negative}
    api.put(names.PROCEDURE_COMPILATION, TENANT, "rpc-0123456789abcdef0123", spec, status)
    asked = running.ask("nothing of this is known", Prefer="wait=0", Cache_Control="only-if-cached")
    browser.sign_in(api.person(TENANT, "bob"))
    reason = asked.json()["reason"]
    eventually(lambda: f'<th scope="row">{reason}</th>' in browser.get("/console/operations").text)
    shown = browser.get("/console/operations").text
    assert "NotCompilable" in shown and "needs the weather" in shown and "1 procedures are served" in shown
    assert "no hit is checked again" in shown and "own: the chart has no ledger" in shown
    answer = browser.get(f"/console/answers?id={asked.json()['id']}").text
    assert "no revision was run" in answer


def test_a_token_needs_both_audiences(api: ApiServer, browser: Browser) -> None:
    alone = browser.sign_in(api.person(TENANT, "bob", audiences=("seglam",)))
    assert alone.status_code == 403 and "--audience twice" in alone.text and not browser.http.cookies
    other = browser.sign_in(api.person(TENANT, "bob", audiences=("https://kubernetes.default.svc",)))
    assert other.status_code == 401 and not browser.http.cookies
    for nothing in ("", "sgl_key", "no token"):
        assert browser.sign_in(nothing).status_code in (400, 401)
    assert browser.get("/console").status_code == 401 and api.calls == []


def test_the_cookie_tells_nobody_the_token_and_ends_with_it(api: ApiServer, browser: Browser) -> None:
    token = api.person(TENANT, "bob", exp=None)
    assert browser.sign_in(token).status_code == 401  # a token without an end is none
    token = api.person(TENANT, "bob")
    set_cookie = browser.sign_in(token).headers["set-cookie"]
    assert "HttpOnly" in set_cookie and "SameSite=lax" in set_cookie
    assert int(re.search(r"Max-Age=(\d+)", set_cookie)[1]) <= 600  # type: ignore[index]
    value = browser.http.cookies["seglam-console"].split(".")
    held = value[1] if value[0] == "" else value[0]
    raw = base64.urlsafe_b64decode(held + "=" * (-len(held) % 4))
    content = json.loads(zlib.decompress(raw) if value[0] == "" else raw)
    assert token.split(".")[1][:40] not in json.dumps(content) and content["user"] == BOB
    over = int(time.time()) - 60
    browser.http.cookies.clear()
    assert browser.sign_in(api.person(TENANT, "bob", exp=over)).status_code == 401


def test_a_session_ends_once_its_token_is_refused(api: ApiServer, browser: Browser) -> None:
    """As the API server does once the account is deleted, of which the gateway knows nothing."""
    token = api.person(TENANT, "bob")
    browser.sign_in(token)
    assert browser.get("/console").status_code == 200
    api.revoked.add(token)
    ended = browser.get("/console")
    assert ended.status_code == 401 and "does not accept this token" in ended.text and "Sign in" in ended.text


def test_another_namespace_is_not_seen(api: ApiServer, browser: Browser) -> None:
    browser.sign_in(api.person("other", "bob"))
    assert "Nothing waits" in browser.get("/console").text
    assert browser.get(f"/console/revisions/{NAME}").status_code == 404


def by_issuer(browser: Browser, provider: Provider) -> httpx2.Response:
    """Sign in at the issuer."""
    sent = browser.http.get("/console/login", params={"issuer": provider.url, "then": f"/console/revisions/{NAME}"})
    assert sent.status_code == 303, sent.text
    with httpx2.Client(verify=False) as outside:
        back = urlsplit(outside.get(sent.headers["location"]).headers["location"])
    return browser.get(f"{back.path}?{back.query}")


def test_whom_an_issuer_names_decides_as_the_api_server_knows_them(
    api: ApiServer, provider: Provider, browser: Browser
) -> None:
    ada = "id-of-ada@acme.example"
    api.members[ada] = TENANT
    provider.forge = lambda claims: {**claims, "groups": ["reviewers"]}
    assert provider.url in browser.get("/console/enter").text
    signed_in = by_issuer(browser, provider)
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, f"/console/revisions/{NAME}")
    assert browser.decide("approve").status_code == 403  # no verb
    api.approvers.add(ada)
    assert browser.decide("approve").status_code == 303
    assert api.got(names.PROCEDURE_REVIEW, TENANT, NAME)["spec"]["decisions"][0]["reviewer"] == ada
    browser.http.cookies.clear()
    provider.forge = dict
    assert by_issuer(browser, provider).status_code == 403 and browser.get("/console").status_code == 401


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"SEGLAM_CONSOLE_KEY_FILE": "/k"}, "SEGLAM_PUBLIC_URL"),
        ({"SEGLAM_CONSOLE_KEY_FILE": "/k", "SEGLAM_PUBLIC_URL": "http://seglam.example"}, "https"),
        ({"SEGLAM_CONSOLE_KEY_FILE": "/k", "SEGLAM_PUBLIC_URL": "https://seglam.example/below"}, "https"),
    ],
)
def test_a_console_is_reached_by_https(given: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsInvalid, match=said):
        Settings.from_environ({"SEGLAM_POD_IP": "10.0.0.1", **given})
    fine: dict[str, Any] = {**given, "SEGLAM_PUBLIC_URL": "https://seglam.example", "SEGLAM_POD_IP": "10.0.0.1"}
    assert Settings.from_environ(fine).console == ConsoleSettings("https://seglam.example", Path("/k"))
    assert Settings.from_environ({"SEGLAM_POD_IP": "10.0.0.1"}).console is None
