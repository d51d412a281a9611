"""The kinds on a real API server: accepted, teaching, keeping documents as they are, refusing what breaks a rule."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from seglam.cluster import Client, Invalid, from_kubeconfig
from seglam.procedures import ReasoningProcedure, Spec, digest, dump, load_bytes, load_documents
from seglam.resources import Content, names
from seglam.resources.definitions import DEFINITIONS
from tests.cluster.kinds import (
    DIGEST,
    GATEWAY,
    MANAGER,
    acting_as,
    acting_as_operator,
    compilation,
    conditions_of,
    kubectl,
    prepare,
    procedure,
    resource,
    review,
    revision,
    tidy,
)

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).resolve().parents[2]
PROCEDURES = ROOT / "examples" / "procedures"
SPACE = "seglam-test-kinds"
KIB = 1024


@pytest.fixture(scope="module")
def space(kubeconfig: Path) -> Iterator[str]:
    """A namespace on a cluster that serves the kinds."""
    asyncio.run(prepare(kubeconfig, SPACE))
    yield SPACE
    asyncio.run(tidy(kubeconfig, SPACE))


@pytest.fixture
async def client(kubeconfig: Path, space: str) -> AsyncIterator[Client]:
    """The cluster as a person sees it. An operator may be at work there, so what it writes is not looked at."""
    async with Client(acting_as(from_kubeconfig(kubeconfig), "alice")) as connected:
        yield connected


@pytest.fixture
async def operator(kubeconfig: Path, space: str) -> AsyncIterator[Client]:
    """The cluster as the operator sees it, which alone may write revisions, open reviews and set statuses."""
    async with Client(acting_as_operator(from_kubeconfig(kubeconfig))) as connected:
        yield connected


@pytest.fixture
async def gateway(kubeconfig: Path, space: str) -> AsyncIterator[Client]:
    """The cluster as the gateway sees it, which alone may ask for compilations."""
    async with Client(acting_as(from_kubeconfig(kubeconfig), GATEWAY)) as connected:
        yield connected


async def refused(client: Client, kind: names.Kind, body: dict[str, Any]) -> str:
    """What the API server says about an object that it does not take."""
    with pytest.raises(Invalid) as refusal:
        await client.apply(kind, body, manager=MANAGER)
    assert refusal.value.status == 422
    return refusal.value.message


async def test_every_kind_is_established_and_structural(client: Client) -> None:
    for definition in DEFINITIONS:
        conditions = await conditions_of(client, definition.kind)
        assert conditions["Established"] == conditions["NamesAccepted"] == "True"
        assert "NonStructuralSchema" not in conditions


def test_explain_teaches(kubeconfig: Path, space: str) -> None:
    for path, taught in {
        "rp.spec.match": "Requests near this type that must miss",
        "rp.spec.match.patterns.text": "a backslash takes a character as it is",
        "rpr.spec.decisions": "Quarantine stops it wherever it is served",
        "rpc.spec": "W3C trace context",
        "rprev.spec.document": "without fields that say where and how it runs",
        "rpool.spec.replicas": "scale subresource",
        "pki.spec.follow": "later versions of the range",
        "tp.spec.require.threshold": "each counted once",
        "troot.spec.sources": "fetched from",
    }.items():
        said = kubectl(kubeconfig, "explain", path).stdout
        assert taught in " ".join(said.split()), path


def test_every_example_keeps_its_digest_through_kubectl(kubeconfig: Path, space: str) -> None:
    loaded, problems = load_documents(PROCEDURES)
    assert loaded and not problems
    done = kubectl(kubeconfig, "apply", "-n", space, "-f", str(PROCEDURES))
    assert done.returncode == 0, done.stderr
    listed = json.loads(kubectl(kubeconfig, "get", "rp", "-n", space, "-o", "json").stdout)
    # Before an operator that is there verifies them all.
    kubectl(kubeconfig, "delete", "rp", "-n", space, "--all", "--wait=false")
    kept = {item["metadata"]["name"]: digest(Spec.model_validate(item["spec"])) for item in listed["items"]}
    expected = {each.document.metadata.name: digest(each.document.spec) for each in loaded}
    assert {name: kept.get(name) for name in expected} == expected


HARD_TEXTS = (
    "123456789012345678901234567890",
    "1.0",
    "NO",
    "on",
    "0o17",
    "null",
    "~",
    "n",
    "y",
    "Yes",
    "=",
    "1_000",
    ".5",
    "+1",
    "0x1F",
    "2024-02-29",
    "1:30",
    " leading and trailing ",
    "line\nline\n\n",
    "tab\tand \\ and \" and '",
    "next line \x85, separators \u2028 \u2029, delete \x7f, mark \ufeff",
    "beyond the basic plane: \U0001f600",
    "<<: *a # no comment {{ no template }}",
)


async def test_texts_that_readers_disagree_on_come_back_as_they_went(
    client: Client, kubeconfig: Path, space: str
) -> None:
    values = [{"value": text, "names": [text + "!"]} for text in HARD_TEXTS]
    body = procedure(space, "hard", vocabularies=[{"name": "hard", "values": values}])
    document = ReasoningProcedure.model_validate(body)
    # By our own client, and as the file that `seglam` writes, which kubectl reads with a YAML reader of its own.
    await client.apply(names.REASONING_PROCEDURE, body, manager=MANAGER)
    stored = await client.get(names.REASONING_PROCEDURE, "hard", space)
    assert stored["spec"]["vocabularies"][0]["values"] == values
    assert digest(Spec.model_validate(stored["spec"])) == digest(document.spec)
    await client.delete(names.REASONING_PROCEDURE, "hard", space)
    done = kubectl(kubeconfig, "create", "-f", "-", text=dump(document))
    assert done.returncode == 0, done.stderr
    again = await client.get(names.REASONING_PROCEDURE, "hard", space)
    assert again["spec"] == stored["spec"]


def large(space: str, name: str, size: int) -> dict[str, Any]:
    """A procedure whose YAML has about `size` bytes, most of it in examples."""
    count = 10
    text = "x" * (size // count - 100)
    examples = [{"request": f"what is twice {n}", "arguments": [], "answer": text} for n in range(count)]
    return procedure(space, name, examples=examples)


async def test_a_document_of_190_kib_is_kept(client: Client, kubeconfig: Path, space: str) -> None:
    text = dump(ReasoningProcedure.model_validate(large(space, "large", 190 * KIB)))
    assert 186 * KIB < len(text) < 192 * KIB
    done = kubectl(kubeconfig, "apply", "-f", "-", text=text)
    assert done.returncode == 0, done.stderr
    stored = await client.get(names.REASONING_PROCEDURE, "large", space)
    loaded, problems = load_bytes(text.encode(), "large.yaml")
    assert not problems
    assert digest(Spec.model_validate(stored["spec"])) == digest(loaded[0].document.spec)


async def test_a_document_of_300_kib_is_refused_and_says_why(client: Client, kubeconfig: Path, space: str) -> None:
    body = large(space, "too-large", 300 * KIB)
    assert "larger than 192 KiB" in await refused(client, names.REASONING_PROCEDURE, body)
    text = dump(ReasoningProcedure.model_validate(body))
    assert "may not be more than 262144 bytes" in kubectl(kubeconfig, "apply", "-f", "-", text=text).stderr
    assert "larger than 192 KiB" in kubectl(kubeconfig, "create", "-f", "-", text=text).stderr
    assert await client.find(names.REASONING_PROCEDURE, "too-large", space) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": {"mode": "Pinned"}}, "activation.mode Pinned needs activation.digest"),
        ({"reviewPolicy": "AfterShadow"}, "reviewPolicy AfterShadow needs afterShadow"),
        ({"match": {"refuse": ["what is a"]}}, "match needs patterns or structured"),
        ({"code": "x" * (64 * KIB + 1)}, "may not be more than 65536"),
        ({"limits": {"memoryMiB": 13}}, "should be greater than or equal to 14"),
        ({"returns": {"type": "List[integer]"}}, "spec.returns.type"),
    ],
)
async def test_a_procedure_that_breaks_a_rule_is_refused(
    client: Client, space: str, changes: dict[str, Any], message: str
) -> None:
    assert message in await refused(client, names.REASONING_PROCEDURE, procedure(space, "broken", **changes))


async def test_names_that_cannot_be_labels_are_refused(client: Client, space: str) -> None:
    for name in ("a" * 64, "a.b"):
        assert "at most 63 characters" in await refused(client, names.REASONING_PROCEDURE, procedure(space, name))
    pool = resource(names.RUNNER_POOL, space, "rp-twice", {"replicas": 1})
    assert "rp-" in await refused(client, names.RUNNER_POOL, pool)


async def test_a_revision_does_not_change(operator: Client, space: str) -> None:
    body = revision(space, "twice-0123456789ab")
    await operator.apply(names.PROCEDURE_REVISION, body, manager=MANAGER)
    before = await operator.get(names.PROCEDURE_REVISION, "twice-0123456789ab", space)
    assert Content.model_validate(before["spec"]["document"]).summary == "Twice a number."
    body["spec"]["document"]["code"] = "def solve(n):\n    return n\n"
    assert "a revision is immutable" in await refused(operator, names.PROCEDURE_REVISION, body)
    with pytest.raises(Invalid, match="reviewPolicy"):
        body["spec"]["document"]["reviewPolicy"] = "Manual"
        await operator.apply(names.PROCEDURE_REVISION, body, manager=MANAGER)


async def test_decisions_are_only_added(operator: Client, kubeconfig: Path, space: str) -> None:
    kind = names.PROCEDURE_REVIEW
    await operator.apply(kind, review(space, "added"), manager=MANAGER)
    # Two people apply their own decision each; neither needs to know the other's.
    for reviewer, verdict in (("bob", "Approve"), ("carol", "Reject"), ("bob", "Quarantine")):
        async with Client(acting_as(from_kubeconfig(kubeconfig), reviewer)) as person:
            mine = review(space, "added", {"reviewer": reviewer, "decision": verdict, "reason": "read"})
            await person.apply(kind, mine, manager=f"{reviewer}-{verdict.lower()}")
    stored = await operator.get(kind, "added", space)
    decisions = stored["spec"]["decisions"]
    made = [(each["reviewer"], each["decision"]) for each in decisions]
    assert made == [("bob", "Approve"), ("carol", "Reject"), ("bob", "Quarantine")]

    async with Client(acting_as(from_kubeconfig(kubeconfig), "bob")) as bob:
        for wanted, message in (
            ([decisions[0] | {"reason": "never read"}, *decisions[1:]], "a decision that was made does not change"),
            (decisions[1:], "decisions are only added"),
            (None, "decisions are only added"),
            ([*decisions, {"reviewer": "bob", "decision": "Approve", "reason": "again"}], "Duplicate"),
        ):
            with pytest.raises(Invalid, match=message):
                await bob.patch(kind, "added", {"spec": {"decisions": wanted}}, space)


@pytest.mark.parametrize(
    "changes", [{"procedure": "thrice"}, {"digest": "sha256:" + "f" * 64}, {"authors": ["alice"]}], ids=str
)
async def test_what_a_review_is_about_does_not_change(operator: Client, space: str, changes: dict[str, Any]) -> None:
    await operator.apply(names.PROCEDURE_REVIEW, review(space, "about"), manager=MANAGER)
    with pytest.raises(Invalid, match="procedure, digest and authors of a review are immutable"):
        await operator.patch(names.PROCEDURE_REVIEW, "about", {"spec": changes}, space)


async def test_a_compilation_changes_only_with_a_greater_attempt(gateway: Client, space: str) -> None:
    kind, name = names.PROCEDURE_COMPILATION, "rpc-0123456789abcdef0123"
    await gateway.apply(kind, compilation(space, name, attempt=2), manager=MANAGER)
    assert "greater attempt" in await refused(gateway, kind, compilation(space, name, attempt=2, requester="bob"))
    assert "attempt only grows" in await refused(gateway, kind, compilation(space, name))
    other = compilation(space, name, attempt=3, fingerprint="f" * 32)
    assert "the fingerprint names the compilation" in await refused(gateway, kind, other)
    stored = await gateway.apply(kind, compilation(space, name, attempt=3, requester="bob"), manager=MANAGER)
    assert stored["spec"]["requester"] == "bob"


async def test_a_pool_has_defaults_and_scales(client: Client, kubeconfig: Path, space: str) -> None:
    kind = names.RUNNER_POOL
    body = resource(kind, space, "default", {})
    del body["spec"]
    stored = await client.apply(kind, body, manager=MANAGER)
    assert stored["spec"] == {"isolation": "pooled", "replicas": 1}
    done = kubectl(kubeconfig, "scale", "rpool/default", "-n", space, "--replicas", "0")
    assert done.returncode == 0, done.stderr
    again = await client.apply(kind, body, manager=MANAGER)
    assert again["spec"]["replicas"] == 0, "whoever leaves the number out leaves it to the autoscaler"


async def test_status_is_a_part_of_its_own(client: Client, operator: Client, space: str) -> None:
    kind = names.REASONING_PROCEDURE
    written = await client.apply(kind, procedure(space, "reported"), manager=MANAGER)
    meta = {"name": "reported", "namespace": space}
    status = {"activeDigest": DIGEST, "active": names.hexadecimal(DIGEST), "revisions": 7}
    body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "status": status}
    # Not kept, since an operator may be there that knows better.
    reported = await operator.apply(kind, body, manager=MANAGER, subresource="status", dry_run=True)
    assert {name: reported["status"][name] for name in status} == status
    assert reported["metadata"]["generation"] == written["metadata"]["generation"]
    assert reported["spec"] == written["spec"]
    ignored = await client.apply(kind, procedure(space, "reported") | {"status": status}, manager=MANAGER)
    assert ignored.get("status", {}).get("revisions") != 7


async def test_columns_tell_the_state(operator: Client, kubeconfig: Path, space: str) -> None:
    await operator.apply(names.PROCEDURE_REVIEW, review(space, "shown"), manager=MANAGER)
    shown = kubectl(kubeconfig, "get", "rpr", "shown", "-n", space).stdout.splitlines()
    assert shown[0].split() == ["NAME", "PROCEDURE", "STATE", "GATES", "AUTHORS", "AGE"]
    assert shown[1].split()[:2] == ["shown", "twice"]
    assert '["alice","model:m-1"]' in shown[1]
    assert "procedurereview.seglam.dev/shown" in kubectl(kubeconfig, "get", "seglam", "-n", space, "-o", "name").stdout
