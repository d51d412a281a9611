"""The client of registries, against registries that lie, hang and point elsewhere: real HTTP on loopback."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from seglam.packs import PackInvalid, PackName, TransportError, oci
from seglam.packs.blobs import BlobCache
from seglam.packs.client import OciClient
from tests.packs import NAME, RELEASE, REVIEW, basic, pack, unsigned

NAMED = PackName.parse(NAME)
RELEASED, REVIEWED = unsigned(RELEASE), unsigned(REVIEW)


@dataclass
class Reply:
    """One answer; `length` replaces its true Content-Length, `hang` never ends it, `cut` ends the connection."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    hang: bool = False
    cut: bool = False


Script = Callable[["Asked"], Reply | None]


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Registry:
    """A registry in memory without referrers API; `scripts` may answer first."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[bytes, str]] = {}
        self.scripts: list[Script] = []
        self.asked: list[Asked] = []
        self.stop = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None: ...

            def answer(handler) -> None:
                length = int(handler.headers.get("Content-Length", 0))
                body = handler.rfile.read(length)
                asked = Asked(handler.command, handler.path, dict(handler.headers), body)
                self.asked.append(asked)
                reply = next((found for script in self.scripts if (found := script(asked))), None) or self.serve(asked)
                handler.send_response(reply.status)
                for name, value in reply.headers.items():
                    handler.send_header(name, value)
                said = len(reply.body) if reply.length is None else reply.length
                handler.send_header("Content-Length", str(said))
                handler.end_headers()
                if handler.command != "HEAD":
                    handler.wfile.write(reply.body)
                handler.close_connection = handler.close_connection or reply.cut
                if reply.hang:
                    handler.wfile.flush()
                    self.stop.wait()

            do_GET = do_HEAD = do_PUT = do_POST = answer

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None: ...

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()

    def serve(self, asked: Asked) -> Reply:
        path, _, query = asked.path.partition("?")
        kind, last = path.split("/")[-2:]
        if asked.method in ("GET", "HEAD"):
            if kind == "blobs" and last in self.blobs:
                return Reply(body=self.blobs[last])
            if kind == "manifests" and last in self.manifests:
                body, media_type = self.manifests[last]
                return Reply(body=body, headers={"Content-Type": media_type})
            if kind == "tags":
                return Reply(body=json.dumps({"tags": [tag for tag in self.manifests if ":" not in tag]}).encode())
            return Reply(404, b'{"errors":[{"code":"UNKNOWN","message":"unknown"}]}')
        if asked.method == "POST":
            return Reply(202, headers={"Location": "/v2/any/blobs/uploads/1?state=x"})
        if kind == "uploads":
            digest = query.partition("digest=")[2].replace("%3A", ":")
            self.blobs[digest] = asked.body
            return Reply(201)
        stored = (asked.body, asked.headers["Content-Type"])
        self.manifests[last] = self.manifests[oci.digest_of(asked.body)] = stored
        return Reply(201, headers={"Docker-Content-Digest": oci.digest_of(asked.body)})

    def has(self, *bundles: bytes) -> None:
        """Hold the basic pack and bundles."""
        with OciClient(self.url) as client:
            client.push(basic(), bundles)
        self.asked.clear()

    def count(self, method: str, part: str) -> int:
        return sum(each.method == method and part in each.path for each in self.asked)


def on(method: str, part: str, *replies: Reply) -> Script:
    """The given answers to requests of a method whose path has a part, one after the other; then no more."""
    left = list(replies)
    return lambda asked: left.pop(0) if left and asked.method == method and part in asked.path else None


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    yield made
    made.close()


@pytest.fixture
def client(registry: Registry) -> Iterator[OciClient]:
    with OciClient(registry.url, timeout=5) as made:
        yield made


def transport(call: Callable[[], object]) -> TransportError:
    with pytest.raises(TransportError) as caught:
        call()
    return caught.value


def invalid(call: Callable[[], object]) -> str:
    with pytest.raises(PackInvalid) as caught:
        call()
    return caught.value.code


def test_what_is_pushed_is_pulled(registry: Registry, client: OciClient) -> None:
    client.push(basic(), [RELEASED])
    client.push(basic(), [RELEASED, REVIEWED])
    assert client.pull(NAMED, "1.0.0") == client.pull(NAMED, basic().digest) == basic()
    assert client.referrers(NAMED, basic().digest) == (RELEASED, REVIEWED)
    assert set(client.tags(NAMED)) == {"1.0.0", oci.referrers_tag(basic().digest)}
    assert client.resolve(NAMED, "1.0.0").digest == basic().digest
    assert registry.count("PUT", "uploads") == 2 + 1 + 2  # config, content; the empty config once; two bundles
    assert registry.count("PUT", "manifests/1.0.0") == 1


def test_nothing_is_sent_twice(registry: Registry, client: OciClient) -> None:
    registry.has(RELEASED)
    client.push(basic(), [RELEASED])
    assert {each.method for each in registry.asked} == {"GET", "HEAD"}


def test_what_is_not_there(client: OciClient) -> None:
    assert transport(lambda: client.pull(NAMED, "1.0.0")).code == "not-found"
    assert client.referrers(NAMED, basic().digest) == ()


def test_a_version_is_pushed_once(registry: Registry, client: OciClient) -> None:
    registry.has()
    other = pack(description="Another pack.")
    assert transport(lambda: client.push(other)).code == "exists"
    assert registry.count("PUT", "") == 0


@pytest.mark.parametrize("reference", ["", "a/b", "../x", "a b", "sha256:00", "x" * 129, "1.0.0?x=y", "1.0.0#x"])
def test_a_reference_never_changes_the_path(registry: Registry, client: OciClient, reference: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        client.pull(NAMED, reference)
    assert registry.asked == []


def test_a_manifest_of_another_digest(registry: Registry, client: OciClient) -> None:
    registry.has()
    other = pack(version="1.0.1")
    registry.scripts = [on("GET", basic().digest, Reply(body=other.manifest))]
    assert invalid(lambda: client.pull(NAMED, basic().digest)) == "digest"
    said = Reply(body=other.manifest, headers={"Docker-Content-Digest": basic().digest})
    registry.scripts = [on("GET", "manifests/1.0.0", said)]
    assert invalid(lambda: client.pull(NAMED, "1.0.0")) == "digest"


def test_another_pack_under_a_name_or_version(registry: Registry, client: OciClient) -> None:
    registry.has()
    assert invalid(lambda: client.pull(PackName.parse("other.example/acme/basics"), basic().digest)) == "name"
    registry.manifests["2.0.0"] = registry.manifests["1.0.0"]
    assert invalid(lambda: client.pull(NAMED, "2.0.0")) == "version"


def test_blobs_that_are_not_what_the_manifest_says(registry: Registry, client: OciClient) -> None:
    registry.has(RELEASED)
    content = oci.digest_of(basic().content)
    true = registry.blobs[content]
    flipped = bytearray(true)
    flipped[600] ^= 1
    for body, why in ((bytes(flipped), "blob-digest"), (true[:-1], "blob-size"), (b"", "blob-size")):
        registry.blobs[content] = body
        assert invalid(lambda: client.pull(NAMED, "1.0.0")) == why
    registry.blobs[content] = true + b"x"
    assert transport(lambda: client.pull(NAMED, "1.0.0")).code == "too-large"
    registry.blobs[oci.digest_of(RELEASED)] = b"x" * len(RELEASED)
    assert invalid(lambda: client.referrers(NAMED, basic().digest)) == "blob-digest"


def test_answers_without_end_or_cut_off(registry: Registry) -> None:
    registry.has()
    with OciClient(registry.url, timeout=0.2, attempts=1) as client:
        registry.scripts = [on("GET", "manifests", Reply(body=b"{", length=100, hang=True))]
        assert transport(lambda: client.pull(NAMED, "1.0.0")).code == "timeout"
    with OciClient(registry.url, attempts=1) as client:
        registry.scripts = [on("GET", "manifests", Reply(body=b"x" * (5 * 1024 * 1024)))]
        assert transport(lambda: client.pull(NAMED, "1.0.0")).code == "too-large"
    with OciClient(registry.url, total=0.0, attempts=1) as client:
        registry.scripts = [on("GET", "manifests", Reply(body=b"{}"))]
        assert transport(lambda: client.pull(NAMED, "1.0.0")).code == "timeout"


def test_a_compressed_answer_is_not_read(registry: Registry, client: OciClient) -> None:
    bomb = Reply(body=gzip.compress(bytes(10_000_000)), headers={"Content-Encoding": "gzip"})
    registry.scripts = [on("GET", "manifests", bomb)]
    assert transport(lambda: client.pull(NAMED, "1.0.0")).code == "encoding"
    assert registry.asked[0].headers["Accept-Encoding"] == "identity"


def test_redirects_stay_at_the_registry(registry: Registry, client: OciClient) -> None:
    registry.has()
    blob = "/v2/any/blobs/" + oci.digest_of(basic().content)
    registry.scripts = [
        on("GET", f"{NAME}/blobs/{oci.digest_of(basic().content)}", Reply(307, headers={"Location": blob}))
    ]
    assert client.pull(NAMED, "1.0.0") == basic()
    registry.scripts = [lambda asked: Reply(302, headers={"Location": asked.path})]
    assert "more than 3" in str(transport(lambda: client.pull(NAMED, "1.0.0")))


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/x",
        "https://127.0.0.1/x",
        "//elsewhere.example/x",
        "http://[::1]/x",
        "file:///etc/passwd",
        "http://user:password@{host}/x",
        "http://[",
        "http://x:99999999/",
        "http://\xff\xff/",
        "http://127.0.0.1:port/",
        "gopher://x/",
    ],
)
def test_redirects_and_uploads_elsewhere_are_refused(registry: Registry, location: str) -> None:
    registry.has()
    headers = {"Location": location.format(host=registry.url.removeprefix("http://"))}
    with OciClient(registry.url, token="secret") as client:
        registry.scripts = [on("GET", "manifests", Reply(307, headers=headers))]
        assert transport(lambda: client.pull(NAMED, "1.0.0")).code == "redirect"
        registry.scripts = [on("POST", "uploads", Reply(202, headers=headers))]
        assert transport(lambda: client.push(pack(version="3.0.0"))).code == "redirect"


def test_a_put_is_never_redirected(registry: Registry, client: OciClient) -> None:
    registry.scripts = [on("PUT", "uploads", Reply(307, headers={"Location": "/elsewhere"}))]
    assert transport(lambda: client.push(basic())).code == "redirect"


def test_passing_faults_are_tried_again_where_nothing_changes(registry: Registry, client: OciClient) -> None:
    registry.has()
    soon = {"Retry-After": "0"}
    registry.scripts = [on("GET", "manifests", Reply(503, headers=soon), Reply(429, headers=soon))]
    assert client.pull(NAMED, "1.0.0") == basic()
    registry.scripts = [on("GET", "manifests", *[Reply(503, headers=soon)] * 3)]
    failed = transport(lambda: client.pull(NAMED, "1.0.0"))
    assert (failed.status, failed.retriable) == (503, True)
    registry.scripts = [on("PUT", "manifests/2.0.0", Reply(502, headers=soon))]
    client.push(pack(version="2.0.0"))
    registry.asked.clear()
    registry.scripts = [on("POST", "uploads", Reply(503, headers=soon))]
    assert transport(lambda: client.push(pack(version="2.1.0"))).retriable
    assert registry.count("POST", "uploads") == 1


def test_an_answer_that_is_cut_off_is_asked_for_again(registry: Registry, client: OciClient) -> None:
    registry.has()
    cut = Reply(body=b"{", length=100, cut=True)
    registry.scripts = [
        on("GET", "manifests", cut, Reply(503, headers={"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}))
    ]
    assert client.pull(NAMED, "1.0.0") == basic()
    registry.scripts = [on("GET", "manifests", cut, cut, cut)]
    assert transport(lambda: client.pull(NAMED, "1.0.0")).code == "unreachable"


def test_a_password_for_the_registry_itself(registry: Registry) -> None:
    registry.has()
    good = "Basic " + base64.b64encode(b"user:secret").decode()
    ask = Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
    registry.scripts = [lambda asked: None if asked.headers.get("Authorization") == good else ask]
    with OciClient(registry.url, credentials=("user", "secret")) as client:
        assert client.pull(NAMED, "1.0.0") == basic()


def test_nobody_listens() -> None:
    with OciClient("http://127.0.0.1:1", attempts=1) as client:
        failed = transport(lambda: client.pull(NAMED, "1.0.0"))
    assert (failed.code, failed.retriable) == ("unreachable", True)


def challenge(realm: str) -> Script:
    def script(asked: Asked) -> Reply | None:
        if asked.path.startswith("/token") or asked.headers.get("Authorization") == "Bearer good":
            return None
        ask = f'Bearer realm="{realm}",service="registry",scope="repository:{NAME}:pull"'
        return Reply(401, headers={"WWW-Authenticate": ask})

    return script


def test_the_token_of_a_challenge(registry: Registry) -> None:
    registry.has()
    registry.scripts = [challenge(registry.url + "/token"), on("GET", "/token", Reply(body=b'{"token":"good"}'))]
    with OciClient(registry.url, credentials=("user", "päss")) as client:
        assert client.pull(NAMED, "1.0.0") == basic()
    asked = next(each for each in registry.asked if each.path.startswith("/token"))
    assert "service=registry" in asked.path
    assert "scope=repository%3Aregistry.acme.example" in asked.path
    assert base64.b64decode(asked.headers["Authorization"][6:]).decode() == "user:päss"
    assert registry.count("GET", "/token") == 1  # kept for the next requests


@pytest.mark.parametrize(
    ("realm", "why"),
    [
        ("http://127.0.0.1:1/token", "insecure"),
        ("http://169.254.169.254/latest/meta-data/iam/security-credentials/x", "insecure"),
        ("https://127.0.0.1/token", "private-address"),
        ("https://[::ffff:10.0.0.1]/token", "private-address"),
        ("https://localhost/token", "private-address"),
        ("https://u:p@auth.example/token", "challenge"),
        ("file:///etc/passwd", "challenge"),
        ("", "challenge"),
    ],
)
def test_a_registry_cannot_send_us_to_our_neighbours(registry: Registry, realm: str, why: str) -> None:
    registry.scripts = [challenge(realm)]
    with OciClient(registry.url, credentials=("user", "secret")) as client:
        assert transport(lambda: client.pull(NAMED, "1.0.0")).code == why


@pytest.mark.parametrize("body", [b"{}", b"[]", b"no", b'{"token":1}', b'{"token":"a\\r\\nX: y"}', b'{"token":""}'])
def test_a_token_service_that_gives_none(registry: Registry, body: bytes) -> None:
    registry.scripts = [challenge(registry.url + "/token"), on("GET", "/token", Reply(body=body))]
    with OciClient(registry.url) as client:
        assert transport(lambda: client.pull(NAMED, "1.0.0")).code == "challenge"


def test_a_refused_login(registry: Registry) -> None:
    registry.scripts = [challenge(registry.url + "/token"), on("GET", "/token", Reply(403))]
    with OciClient(registry.url) as client:
        assert transport(lambda: client.pull(NAMED, "1.0.0")).code == "denied"
    registry.scripts = [lambda asked: Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})]
    for credentials in (None, ("user", "wrong")):
        with OciClient(registry.url, credentials=credentials) as client:
            assert transport(lambda client=client: client.pull(NAMED, "1.0.0")).code == "denied"  # type: ignore[misc]


def test_a_given_token_is_sent_and_no_challenge_replaces_it(registry: Registry) -> None:
    registry.scripts = [challenge(registry.url + "/token")]
    with OciClient(registry.url, token="other") as client:
        failed = transport(lambda: client.pull(NAMED, "1.0.0"))
    assert (failed.code, failed.status) == ("denied", 401)
    assert [each.headers["Authorization"] for each in registry.asked] == ["Bearer other"]


def test_referrers_by_the_api_page_by_page(registry: Registry, client: OciClient) -> None:
    registry.has(RELEASED, REVIEWED)
    index = json.loads(registry.manifests.pop(oci.referrers_tag(basic().digest))[0])
    first, second = ({**index, "manifests": [entry]} for entry in index["manifests"])
    link = {"Link": f'</v2/{NAME}/referrers/{basic().digest}?last=1>; rel="next"'}
    registry.scripts = [
        on("GET", "last=1", Reply(body=json.dumps(second).encode())),
        on("GET", "/referrers/", Reply(body=json.dumps(first).encode(), headers=link)),
    ]
    assert client.referrers(NAMED, basic().digest) == (RELEASED, REVIEWED)
    registry.scripts = [
        on(
            "GET",
            "/referrers/",
            Reply(body=json.dumps(first).encode(), headers={"Link": '<http://10.0.0.1/>; rel="next"'}),
        )
    ]
    assert transport(lambda: client.referrers(NAMED, basic().digest)).code == "redirect"
    endless = json.dumps({**index, "manifests": []}).encode()
    registry.scripts = [lambda asked: Reply(body=endless, headers=link) if "/referrers/" in asked.path else None]
    assert transport(lambda: client.referrers(NAMED, basic().digest)).code == "answer"


def test_a_registry_with_the_api_needs_no_tag(registry: Registry, client: OciClient) -> None:
    subject = {"OCI-Subject": basic().digest}
    registry.scripts = [on("PUT", "manifests/sha256:", Reply(201, headers=subject))]
    client.push(basic(), [RELEASED])
    assert oci.referrers_tag(basic().digest) not in registry.manifests


def test_referrers_that_are_not_ours_are_passed_over(registry: Registry, client: OciClient) -> None:
    registry.has(RELEASED)
    tag = oci.referrers_tag(basic().digest)
    index = json.loads(registry.manifests[tag][0])
    changes: tuple[dict[str, object], ...] = (
        {"artifactType": "application/spdx+json"},
        {"subject": {"mediaType": oci.MANIFEST, "digest": "sha256:" + "0" * 64, "size": 1}},
        {"layers": []},
        {"layers": [{"mediaType": oci.BUNDLE, "digest": "sha256:" + "0" * 64, "size": 2**40}]},
    )
    for change in changes:
        value = {**json.loads(oci.bundle_manifest(REVIEWED, basic().descriptor)), **change}
        data = json.dumps(value).encode()
        registry.manifests[oci.digest_of(data)] = (data, oci.MANIFEST)
        index["manifests"].append({"mediaType": oci.MANIFEST, "digest": oci.digest_of(data), "size": len(data)})
    registry.manifests[tag] = (json.dumps(index).encode(), oci.INDEX)
    assert client.referrers(NAMED, basic().digest) == (RELEASED,)


@pytest.mark.parametrize("artifact_type", [None, oci.BUNDLE, oci.EMPTY])
def test_an_index_that_another_tool_wrote_anew(
    registry: Registry, client: OciClient, artifact_type: str | None
) -> None:
    registry.has(RELEASED)
    tag = oci.referrers_tag(basic().digest)
    index = json.loads(registry.manifests[tag][0])
    (entry,) = index["manifests"]
    entry.pop("annotations")
    entry["artifactType"] = artifact_type
    if artifact_type is None:
        entry.pop("artifactType")
    registry.manifests[tag] = (json.dumps(index).encode(), oci.INDEX)
    assert client.referrers(NAMED, basic().digest) == (RELEASED,)


def test_more_referrers_than_are_read(registry: Registry, client: OciClient) -> None:
    registry.has(RELEASED)
    tag = oci.referrers_tag(basic().digest)
    entries = [oci.Descriptor(oci.MANIFEST, f"sha256:{number:064x}", 1) for number in range(oci.MAX_REFERRERS + 1)]
    registry.manifests[tag] = (oci.index_manifest(entries), oci.INDEX)
    assert invalid(lambda: client.referrers(NAMED, basic().digest)) == "referrers"


def test_entries_of_others_stay_under_the_referrers_tag(registry: Registry, client: OciClient) -> None:
    registry.has(RELEASED)
    tag = oci.referrers_tag(basic().digest)
    index = json.loads(registry.manifests[tag][0])
    foreign = {"mediaType": oci.MANIFEST, "digest": "sha256:" + "0" * 64, "size": 1, "platform": {"os": "linux"}}
    index["manifests"].append(foreign)
    registry.manifests[tag] = (json.dumps(index).encode(), oci.INDEX)
    client.push(basic(), [REVIEWED])
    entries = json.loads(registry.manifests[tag][0])["manifests"]
    assert foreign in entries
    assert len(entries) == 3


def test_another_writer_of_the_referrers_tag_loses_nothing(registry: Registry, client: OciClient) -> None:
    client.push(basic())
    tag = oci.referrers_tag(basic().digest)

    def overwrite(asked: Asked) -> Reply | None:
        """The first write is lost: somebody else wrote at the same time."""
        if asked.method == "PUT" and asked.path.endswith(tag):
            registry.scripts.clear()
            return Reply(201)
        return None

    registry.scripts = [overwrite]
    client.push(basic(), [RELEASED])
    assert client.referrers(NAMED, basic().digest) == (RELEASED,)


def test_kept_blobs_are_used_and_damaged_ones_are_fetched_again(registry: Registry, tmp_path: Path) -> None:
    registry.has()
    with OciClient(registry.url, cache=BlobCache(tmp_path)) as client:
        client.pull(NAMED, basic().digest)
        registry.asked.clear()
        assert client.pull(NAMED, basic().digest) == basic()
        assert registry.asked == []
        for path in (tmp_path / "sha256").iterdir():
            path.write_bytes(path.read_bytes().replace(b"double", b"triple"))
        assert client.pull(NAMED, basic().digest) == basic()
        assert registry.asked


@pytest.mark.parametrize(
    "url",
    [
        "",
        "registry.example",
        "ftp://x",
        "http://",
        "https://u:p@x",
        "https://x/path",
        "https://x?a=b",
        "http://[",
        "file:///x",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        OciClient(url)


def test_only_public_addresses_if_asked(registry: Registry) -> None:
    with OciClient(registry.url, public_only=True, attempts=1) as client:
        assert transport(lambda: client.pull(NAMED, "1.0.0")).code == "insecure"
    for host in ("127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1", "0"):
        with OciClient(f"https://{host}", public_only=True, attempts=1) as client:
            assert transport(lambda client=client: client.pull(NAMED, "1.0.0")).code == "private-address"  # type: ignore[misc]
    assert registry.asked == []


def test_the_words_of_a_registry_are_shown_in_printable_characters(registry: Registry, client: OciClient) -> None:
    body = json.dumps({"errors": [{"code": "DENIED", "message": "no\x1b[2J \u202e way" + "x" * 999}]}).encode()
    registry.scripts = [on("GET", "manifests", Reply(403, body))]
    words = str(transport(lambda: client.pull(NAMED, "1.0.0")))
    assert "no[2J  way" in words
    assert words.isprintable()
    assert len(words) < 500
