"""Gateways as processes beside a real API server: real tokens, misses that become one object, Jobs' bound tokens."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from seglam.cluster import Client, from_kubeconfig
from seglam.cluster.kinds import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    ENDPOINT_SLICE,
    NAMESPACE,
    POD,
    SERVICE_ACCOUNT,
)
from seglam.compiler.jobresult import Work
from seglam.lookup import fingerprint
from seglam.procedures import Request
from seglam.resources import names
from tests.certificates import Authority
from tests.cluster.kinds import GATEWAY, MANAGER, acting_as_operator, prepare, tidy
from tests.documents import revision
from tests.gateways import Gateway, gateway, own_address, revision_object, slice_object
from tests.runners import runner

pytestmark = pytest.mark.anyio
SPACE = "seglam-test-gateway"
RUNNERS = names.runner_namespace(SPACE)
RPC = names.PROCEDURE_COMPILATION
DOUBLE = revision()
SECRET = "What is the wealth of Ms. Needle of 12 Haystack Lane?"


@pytest.fixture(scope="module")
def prepared(kubeconfig: Path) -> Iterator[None]:
    """A tenant, and the namespace of its runners."""
    asyncio.run(prepare(kubeconfig, SPACE))
    asyncio.run(_make(kubeconfig))
    yield
    asyncio.run(_clear(kubeconfig))
    asyncio.run(tidy(kubeconfig, RUNNERS))
    asyncio.run(tidy(kubeconfig, SPACE))


async def _make(kubeconfig: Path) -> None:
    """A namespace for runners, and what the gateway's account may do, as in the chart."""
    rules = [
        {"apiGroups": [names.GROUP], "resources": ["procedurerevisions"], "verbs": ["get", "list", "watch"]},
        {
            "apiGroups": [names.GROUP],
            "resources": ["procedurecompilations"],
            "verbs": ["get", "list", "watch", "create", "patch"],
        },
        {"apiGroups": [names.GROUP], "resources": ["procedurecounterexamples"], "verbs": ["get", "list", "create"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
        {"nonResourceURLs": ["/.well-known/openid-configuration", "/openid/v1/jwks"], "verbs": ["get"]},
    ]
    group = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": SPACE}, "rules": rules}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": SPACE},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": SPACE},
        "subjects": [{"apiGroup": group, "kind": "User", "name": GATEWAY}],
    }
    async with Client(acting_as_operator(from_kubeconfig(kubeconfig))) as client:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": RUNNERS}}
        await client.apply(NAMESPACE, body, manager=MANAGER)
        await client.apply(CLUSTER_ROLE, role, manager=MANAGER)
        await client.apply(CLUSTER_ROLE_BINDING, binding, manager=MANAGER)


async def _clear(kubeconfig: Path) -> None:
    async with Client(from_kubeconfig(kubeconfig)) as client:
        await client.delete(CLUSTER_ROLE_BINDING, SPACE)
        await client.delete(CLUSTER_ROLE, SPACE)


@pytest.fixture(scope="module")
def account(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cluster as the gateway's account sees it, which alone may announce compilations where the chart is."""
    document = yaml.safe_load(kubeconfig.read_text())
    for user in document["users"]:
        user["user"]["as"] = GATEWAY
    file = tmp_path_factory.mktemp("account") / "kubeconfig"
    file.write_text(yaml.safe_dump(document))
    return file


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new()


@pytest.fixture(scope="module")
def first(
    prepared: None, account: Path, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A replica. Jobs run in the test's own namespace."""
    with gateway(tmp_path_factory.mktemp("first"), authority, account, SEGLAM_COMPILE_NAMESPACE=SPACE) as made:
        yield made


@pytest.fixture(scope="module")
def second(
    prepared: None, account: Path, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """Another replica."""
    with gateway(tmp_path_factory.mktemp("second"), authority, account) as made:
        yield made


@pytest.fixture
async def client(kubeconfig: Path, prepared: None) -> AsyncIterator[Client]:
    """The cluster as the operator sees it."""
    async with Client(acting_as_operator(from_kubeconfig(kubeconfig))) as connected:
        yield connected


@pytest.fixture
async def token(client: Client) -> str:
    """A real token of a workload of the tenant."""
    return await issued(client, "seglam")


async def issued(client: Client, audience: str, **bound: object) -> str:
    """A token of an account of the test's namespace, made by the API server."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "seglam-compile", "namespace": SPACE}}
    await client.apply(SERVICE_ACCOUNT, account, manager=MANAGER)
    spec = {"audiences": [audience], "expirationSeconds": 600, **({"boundObjectRef": bound} if bound else {})}
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "metadata": {"namespace": SPACE},
        "spec": spec,
    }
    made = await client.create(SERVICE_ACCOUNT, request, name="seglam-compile", subresource="token")
    return str(made["status"]["token"])


def ask(replica: Gateway, token: str, text: str, **headers: str) -> httpx2.Response:
    stated = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.post(
        f"{replica.url}/v1/requests",
        json={"text": text},
        headers={"Authorization": f"Bearer {token}", **stated},
        timeout=60,
    )


async def asked(replica: Gateway, token: str, text: str, **headers: str) -> httpx2.Response:
    return await asyncio.to_thread(ask, replica, token, text, **headers)


def name_of(text: str) -> str:
    return names.compilation_name(SPACE, fingerprint(Request(text=text)))


async def until(condition: Any) -> None:
    """Wait until an asynchronous condition holds; fail if it never does."""
    for _ in range(600):
        if await condition():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it never happened")


async def end(client: Client, name: str, **status: object) -> None:
    """What the operator writes at the end of an attempt."""
    found = await client.get(RPC, name, SPACE)
    body = {"status": {"attempt": found["spec"]["attempt"], "finishedAt": "2026-01-01T00:00:00Z", **status}}
    await client.patch(RPC, name, body, SPACE, subresource="status", manager=MANAGER)


async def shown(replica: Gateway, token: str, name: str) -> dict[str, Any]:
    """A compilation as the gateway shows it; empty if it does not know it yet."""
    reply = await asyncio.to_thread(
        httpx2.get,
        f"{replica.url}/v1/compilations/{name}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    found: dict[str, Any] = reply.json() if reply.status_code == 200 else {}
    return found


async def test_a_real_token_is_answered_by_a_runner_that_the_api_server_names(
    client: Client, first: Gateway, token: str, authority: Authority, tmp_path: Path
) -> None:
    with runner(tmp_path / "runner", authority, name=names.runner_server_name(SPACE), HOST="") as pod:
        slices = slice_object(RUNNERS, "default", pod.address.port, address=own_address())
        await client.apply(ENDPOINT_SLICE, slices, manager=MANAGER)
        await client.apply(names.PROCEDURE_REVISION, revision_object(SPACE, DOUBLE), manager=MANAGER)

        async def hit() -> bool:
            reply = await asked(first, token, "double 21", Cache_Control="only-if-cached")
            return reply.status_code == 200 and reply.json()["answer"] == "42"

        await until(hit)
        refused = await asked(first, await issued(client, "another"), "double 21")
        assert (refused.status_code, refused.json()["code"]) == (401, "token-audience")
        await client.apply(names.PROCEDURE_REVISION, revision_object(SPACE, DOUBLE, active=False), manager=MANAGER)

        async def gone() -> bool:
            return (await asked(first, token, "double 21", Cache_Control="only-if-cached")).status_code == 504

        await until(gone)


async def test_misses_of_one_type_are_one_object_that_never_holds_the_text(
    client: Client, first: Gateway, second: Gateway, token: str
) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: ask((first, second)[number % 2], token, SECRET), range(8)))
    assert {reply.status_code for reply in replies} == {202}
    assert {reply.json()["compilation"] for reply in replies} == {name_of(SECRET)}
    assert sum("collapsed" not in reply.headers["cache-status"] for reply in replies) == 1
    found = await client.get(RPC, name_of(SECRET), SPACE)
    assert found["spec"]["attempt"] == 1
    assert found["spec"]["requester"] == f"system:serviceaccount:{SPACE}:seglam-compile"
    assert found["spec"]["fingerprint"] == fingerprint(Request(text=SECRET))
    assert found["spec"]["reference"]["host"] == "127.0.0.1"
    everything = json.dumps(found).lower()
    for word in ("needle", "haystack", "wealth"):
        assert word not in everything, f"the object holds {word!r}"
    assert replies[0].headers["location"] == f"/v1/compilations/{name_of(SECRET)}"
    waiting = await shown(first, token, name_of(SECRET))
    assert waiting["progress"] in ("waiting", "started")  # where an operator is installed, it sees to it
    assert waiting["requester"] == found["spec"]["requester"] and waiting["outcome"] is None


async def test_only_if_cached_and_a_strict_gateway_create_nothing(
    client: Client, first: Gateway, token: str, account: Path, authority: Authority, tmp_path: Path
) -> None:
    text = "is this ever compiled"
    reply = await asked(first, token, text, Cache_Control="only-if-cached")
    assert (reply.status_code, reply.json()["compilation"]) == (504, None)
    with gateway(tmp_path / "strict", authority, account, SEGLAM_STRICT="1") as strict:
        reply = await asked(strict, token, text)
        assert (reply.status_code, reply.json()["compilation"]) == (504, None)
        assert await asyncio.to_thread(strict.end) == 0, "SIGTERM is an orderly end"
    assert await client.find(RPC, name_of(text), SPACE) is None


async def test_a_failed_type_rests_until_it_may_be_tried_again_on_any_replica(
    client: Client, first: Gateway, second: Gateway, token: str
) -> None:
    text = "please explain the failure"
    name = name_of(text)
    assert (await asked(first, token, text)).status_code == 202
    await end(client, name, outcome="ModelFailed", message="the model was down", retryAfter="2126-01-01T00:00:00Z")

    async def resting() -> bool:
        reply = await asked(second, token, text)
        assert reply.status_code in (202, 502)
        return reply.status_code == 502 and "2126-01-01" in reply.json()["detail"]

    await until(resting)
    assert (await client.get(RPC, name, SPACE))["spec"]["attempt"] == 1
    await end(client, name, outcome="ModelFailed", message="the model was down", retryAfter="2026-01-01T00:00:00Z")

    async def again() -> bool:
        return (await asked(second, token, text)).status_code == 202

    await until(again)
    found = await client.get(RPC, name, SPACE)
    assert found["spec"]["attempt"] == 2
    assert (await asked(first, token, text)).status_code == 202
    assert (await client.get(RPC, name, SPACE))["spec"]["attempt"] == 2, "the attempt at work was not joined"


async def test_a_caller_who_prefers_to_wait_hears_how_the_compilation_ended(
    client: Client, first: Gateway, token: str
) -> None:
    async def wait_for(text: str, **status: object) -> httpx2.Response:
        asking = asyncio.create_task(asked(first, token, text, Prefer="wait=50"))

        async def announced() -> bool:
            return await client.find(RPC, name_of(text), SPACE) is not None

        await until(announced)
        assert not asking.done()
        await end(client, name_of(text), **status)
        return await asking

    reply = await wait_for("how deep is the sorrow of 3 willows", outcome="ModelFailed", message="the model was down")
    assert (reply.status_code, reply.headers["preference-applied"]) == (502, "wait=50")
    assert "the model was down" in reply.json()["detail"]
    reply = await wait_for("how wide are the arms of 4 willows", outcome="Proposed", message="", procedure="willows")
    assert (reply.status_code, reply.headers["preference-applied"]) == (202, "wait=50")
    assert (await shown(first, token, reply.json()["compilation"]))["outcome"] == "Proposed"
    reply = await asked(first, token, "how old are the roots of 5 willows", Prefer="wait=1")
    assert (reply.status_code, reply.headers["preference-applied"]) == (202, "wait=1")


async def test_a_type_that_no_code_can_answer_is_not_compiled_again(client: Client, first: Gateway, token: str) -> None:
    text = "write a poem about 7 herons"
    assert (await asked(first, token, text)).status_code == 202
    negative = {
        "reason": "a poem is not computed",
        "model": "m-1",
        "expires": "2126-01-01T00:00:00Z",
        "patterns": ["(write|compose) a poem about {n} herons"],
        "parameters": [{"name": "n", "type": "integer"}],
    }
    await end(client, name_of(text), outcome="NotCompilable", message="no", negative=negative)

    async def known() -> bool:
        reply = await asked(first, token, "compose a poem about 12 herons", Cache_Control="only-if-cached")
        return reply.status_code == 422 and "a poem is not computed" in reply.json()["detail"]

    await until(known)
    assert await client.find(RPC, name_of("compose a poem about 12 herons"), SPACE) is None


async def test_a_tenant_without_a_namespace_is_told(
    account: Path, authority: Authority, tmp_path: Path, prepared: None
) -> None:
    nowhere = "seglam-test-no-such-namespace"
    with gateway(tmp_path / "made", authority, account, SEGLAM_ANONYMOUS_TENANT=nowhere) as made:
        reply = await asyncio.to_thread(
            httpx2.post, f"{made.url}/v1/requests", json={"text": "what is this"}, timeout=60
        )
    assert (reply.status_code, reply.json()["reason"]) == (502, "failed")
    assert nowhere in reply.json()["detail"]


async def test_a_job_proves_itself_by_the_token_that_is_bound_to_its_pod(
    client: Client, first: Gateway, token: str, authority: Authority
) -> None:
    text = "what is the cube of 4"
    name = name_of(text)
    assert (await asked(first, token, text)).status_code == 202
    for pod in (f"{name}-x7k2p", "another-x7k2p"):
        container = {"name": "c", "image": "none"}
        spec = {
            "containers": [container],
            "serviceAccountName": "seglam-compile",
            "nodeSelector": {"seglam.dev/test": "never"},
            "automountServiceAccountToken": False,
        }
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod, "namespace": SPACE}, "spec": spec}
        await client.apply(POD, body, manager=MANAGER)
    context = ssl.create_default_context(cadata=authority.pem.decode())
    url = f"https://localhost:{first.internal}/internal/v1/compilations/{name}"

    async def call(pod: str, audience: str) -> httpx2.Response:
        bound = {"kind": "Pod", "apiVersion": "v1", "name": pod}
        made = await issued(client, audience, **bound)
        return await asyncio.to_thread(
            httpx2.get, url, headers={"Authorization": f"Bearer {made}"}, verify=context, timeout=60
        )

    work = Work.read((await call(f"{name}-x7k2p", "seglam-gateway")).content)
    assert work.request == {"text": text} and work.tenant == SPACE
    assert (await call("another-x7k2p", "seglam-gateway")).json()["code"] == "not-yours"
    assert (await call(f"{name}-x7k2p", "seglam")).json()["code"] == "token-audience"
    unbound = await issued(client, "seglam-gateway")
    reply = await asyncio.to_thread(
        httpx2.get, url, headers={"Authorization": f"Bearer {unbound}"}, verify=context, timeout=60
    )
    assert reply.json()["code"] == "not-yours"
    await end(client, name, outcome="Failed", message="the Job ended")

    async def forgotten() -> bool:
        return (await call(f"{name}-x7k2p", "seglam-gateway")).status_code == 404

    await until(forgotten)
