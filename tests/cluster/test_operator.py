"""The operator's core against a real API server: revisions, reviews, activation, and what it never does."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seglam.resources.names import ANNOTATION_AUTHORS, LABEL_ACTIVE, LABEL_MANAGED_BY, revision_name
from tests.cluster.choosing import Cluster
from tests.cluster.kinds import prepare, tidy
from tests.cluster.kubectl import Kubectl, condition, eventually
from tests.cluster.node import Layout
from tests.cluster.node.node import freeze_apiserver, thaw_apiserver
from tests.cluster.operating import (
    LEASE,
    Replica,
    Team,
    digest_of,
    installed_one_paused,
    kubeconfig_of,
    procedure,
    rights,
)
from tests.cluster.release import LEASE_S

SPACE = "seglam-test-operating"  # no other module may have it: two lanes run at once


@pytest.fixture(scope="module")
def space(kubectl: Kubectl, kubeconfig: Path) -> Iterator[str]:
    """The tenant's namespace, which is the system namespace too."""
    with installed_one_paused(kubectl):
        asyncio.run(prepare(kubeconfig, SPACE))
        with rights(kubectl, SPACE):
            yield SPACE
        asyncio.run(tidy(kubeconfig, SPACE))


@pytest.fixture(scope="module")
def operator_kubeconfig(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kubeconfig_of(kubectl, tmp_path_factory.mktemp("kubeconfig"))


@pytest.fixture(scope="module")
def operator(space: str, operator_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    """The operator that all tests share."""
    log = tmp_path_factory.mktemp("operator") / "log"
    environment = {"SEGLAM_REVISION_HISTORY_LIMIT": "2", "SEGLAM_GITOPS_AUTHORS": "argo*", "SEGLAM_RESYNC_SECONDS": "2"}
    replica = Replica(operator_kubeconfig, space, log, environment).start()
    eventually("the operator leads", lambda: replica.ready)
    yield replica
    if replica.running:
        assert replica.stop() == 0
    print(log.read_text()[-4000:])


@pytest.fixture
def team(kubectl: Kubectl, operator: Replica, space: str) -> Iterator[Team]:
    """People, and a namespace without procedures."""
    if not operator.running:
        operator.start()
        eventually("the operator leads", lambda: operator.ready)
    people = Team(kubectl, space)
    yield people
    kubectl("delete", "-n", space, "rp", "--all")
    eventually("garbage collection takes the revisions", lambda: not people.all("rprev"))


def test_from_a_spec_to_what_is_served(team: Team) -> None:
    document = procedure("twice", ["what is twice {n}"])
    name = team.write(document)
    waiting = team.until("twice", "AwaitingReview")
    assert waiting["status"]["review"] == name
    assert waiting["status"]["digest"] == digest_of(document)
    assert condition(waiting, "Stalled")["status"] == "False"
    assert condition(waiting, "Serving")["reason"] == "NothingApproved"
    revision, review = team.find("rprev", name), team.find("rpr", name)
    assert revision is not None
    assert review is not None
    assert condition(revision, "Verified")["status"] == "True"
    assert [each["gate"] for each in revision["status"]["evidence"]] == ["static", "examples", "match"]
    assert len(revision["status"]["engines"]) == 2
    assert revision["metadata"]["ownerReferences"][0]["uid"] == waiting["metadata"]["uid"]
    assert "ownerReferences" not in review["metadata"]
    assert review["spec"]["authors"] == revision["spec"]["authors"] == ["alice"]
    assert not team.served()
    team.decide(name)
    ready = team.until("twice", "Active")
    assert ready["status"]["activeDigest"] == digest_of(document)
    assert ready["status"]["active"] == digest_of(document).removeprefix("sha256:")[:12]
    assert condition(ready, "Serving")["status"] == "True"
    assert team.served() == {name}
    eventually("the queue says so", lambda: (team.find("rpr", name) or {})["status"]["state"] == "Approved")
    eventually("its gates are counted", lambda: (team.find("rpr", name) or {})["status"].get("gates") == "3/3")
    assert not ready["metadata"].get("finalizers")
    assert set(ready["metadata"]["annotations"]) <= {ANNOTATION_AUTHORS}
    assert ready["spec"] == waiting["spec"]


def test_nothing_is_written_once_all_is_ready_and_none_by_a_restart(team: Team, operator: Replica) -> None:
    for number, word in enumerate(("halves", "thirds", "fourths")):
        team.serve(procedure(word, [f"how many {word} are {{n}}"], number + 2))
    team.write(procedure("waiting", ["who waits for {n}"]))
    team.until("waiting", "AwaitingReview")
    team.write(procedure("broken", ["who breaks {n}"]) | {"spec": procedure("b", ["{m} breaks"])["spec"]})
    team.until("broken", "Invalid")
    time.sleep(1)
    before = team.versions()
    writes = operator.metric("seglam_operator_writes_total")
    time.sleep(5)  # two resyncs
    assert team.versions() == before
    assert operator.metric("seglam_operator_writes_total") == writes
    assert operator.stop() == 0
    operator.start()
    eventually("the operator leads again", lambda: operator.ready)
    time.sleep(3)
    assert operator.metric("seglam_operator_reconcile_total", kind="ReasoningProcedure") >= 10
    assert operator.metric("seglam_operator_writes_total") == 0
    assert team.versions() == before


def test_a_spec_that_cannot_be_is_stalled_with_the_place_and_the_remedy(team: Team) -> None:
    good = procedure("faulty", ["how faulty is {n}"])
    served = team.serve(good)
    patterns = [{"text": "how faulty is {n}"}, {"text": "how (faulty is {n}"}]
    team.write({**good, "spec": {**good["spec"], "match": {"patterns": patterns}}})
    found = team.until("faulty", "Invalid")
    assert condition(found, "Stalled")["status"] == "True"
    message = condition(found, "Ready")["message"]
    assert "spec.match.patterns[1].text, character" in message
    assert ";" in message
    assert "digest" not in found["status"]
    assert condition(found, "Serving")["status"] == "True"
    assert team.served() == {served}
    team.write(good)
    team.until("faulty", "Active")


def test_code_that_does_not_keep_its_examples_fails_its_verification(team: Team) -> None:
    wrong = procedure("wrong", ["what is wrong with {n}"])
    wrong["spec"]["examples"][0]["answer"] = "15"
    name = team.write(wrong)
    found = team.until("wrong", "VerificationFailed")
    assert condition(found, "Stalled")["status"] == "True"
    assert "examples" in condition(found, "Ready")["message"]
    team.decide(name)
    time.sleep(2)
    assert not team.served()
    assert team.reason("wrong") == "VerificationFailed"


def test_an_edit_waits_beside_what_is_served_and_a_revert_needs_no_new_review(team: Team, kubectl: Kubectl) -> None:
    old, new = procedure("grow", ["grow {n}"], 2), procedure("grow", ["grow {n}"], 3)
    first = team.serve(old)
    second = team.write(new, "carol")
    found = team.until("grow", "AwaitingReview")
    assert condition(found, "Serving")["status"] == "True"
    assert found["status"]["activeDigest"] == digest_of(old)
    assert (team.find("rpr", second) or {})["spec"]["authors"] == ["carol"]
    with Labels(kubectl, team.namespace) as seen:
        team.decide(second)
        team.until("grow", "Active")
        eventually("the old one is not served any more", lambda: team.served() == {second})
    assert seen.never_none()
    team.write(old, "dave")
    reverted = team.until("grow", "Active")
    assert reverted["status"]["activeDigest"] == digest_of(old)
    eventually("only the old one is served", lambda: team.served() == {first})
    eventually("its authors start anew", lambda: team.authors("grow") == "")
    assert len(team.all("rpr", "-l", "seglam.dev/procedure=grow")) == 2


class Labels:
    """Follows the revisions and notes how many are active after each event."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        command = [kubectl.program, f"--kubeconfig={kubectl.kubeconfig}", f"--context={kubectl.context}"]
        command += ["get", "-n", namespace, "rprev", "-l", "seglam.dev/procedure=grow", "-w", "-o", "json"]
        command += ["--output-watch-events"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._output = ""

    def __enter__(self) -> Labels:
        time.sleep(1)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(1)
        self._process.terminate()
        assert self._process.stdout is not None
        self._output = self._process.stdout.read()
        self._process.wait(10)

    def never_none(self) -> bool:
        """Whether some revision was active at each moment, and the events show a change at all."""
        active: dict[str, bool] = {}
        decoder, at, counts = json.JSONDecoder(), 0, []
        while at < len(self._output):
            event, end = decoder.raw_decode(self._output, at)
            at = end + 1
            meta = event["object"]["metadata"]
            active[meta["name"]] = meta["labels"].get(LABEL_ACTIVE) == "true"
            counts.append(sum(active.values()))
        started = counts.index(1)
        return max(counts) == 2 and all(counts[started:])


def test_quarantine_wins_and_falls_back_on_the_last_approved(team: Team) -> None:
    first = team.serve(procedure("risky", ["risk {n}"], 2))
    second = team.serve(procedure("risky", ["risk {n}"], 3))
    team.decide(second, "Quarantine", "eve")
    found = team.until("risky", "Quarantined")
    assert condition(found, "Serving")["status"] == "True"
    eventually("the first one is served", lambda: team.served() == {first})
    team.decide(second, "Approve", "frank")
    time.sleep(2)
    assert team.served() == {first}
    team.decide(first, "Quarantine", "eve")
    eventually("nothing is served", lambda: team.served() == set())


def test_a_deleted_procedure_that_comes_back_finds_its_decisions(team: Team, kubectl: Kubectl) -> None:
    document = procedure("phoenix", ["rise {n}"])
    name = team.serve(document)
    kubectl("delete", "-n", team.namespace, "rp", "phoenix")
    eventually("the revision goes with it", lambda: team.find("rprev", name) is None)
    review = team.find("rpr", name)
    assert review is not None
    team.write(document, "mallory")
    found = team.until("phoenix", "Active")
    assert found["status"]["activeDigest"] == digest_of(document)
    assert (team.find("rprev", name) or {})["spec"]["authors"] == ["alice"]
    other = procedure("phoenix", ["rise {n}"], 5)
    quarantined = team.write(other)
    team.until("phoenix", "AwaitingReview")
    team.decide(quarantined, "Quarantine")
    team.until("phoenix", "Quarantined")
    kubectl("delete", "-n", team.namespace, "rp", "phoenix")
    eventually("the revision goes with it", lambda: team.find("rprev", quarantined) is None)
    team.write(other, "mallory")
    assert team.until("phoenix", "Quarantined")
    assert not team.served()


def test_a_revision_that_a_deletion_left_behind_is_taken_up_again(team: Team, kubectl: Kubectl) -> None:
    document = procedure("orphan", ["orphan {n}"])
    name = team.serve(document)
    kubectl("delete", "-n", team.namespace, "rp", "orphan", "--cascade=orphan")
    eventually("it has no owner", lambda: not (team.find("rprev", name) or {})["metadata"].get("ownerReferences"))
    team.write(document, "carol")
    found = team.until("orphan", "Active")
    owners = (team.find("rprev", name) or {})["metadata"]["ownerReferences"]
    assert [owner["uid"] for owner in owners] == [found["metadata"]["uid"]]
    assert team.served() == {name}


def test_authors_accumulate_and_cannot_approve(team: Team) -> None:
    team.write(procedure("shared", ["share {n}"], 2), "alice")
    team.until("shared", "AwaitingReview")
    name = team.write(procedure("shared", ["share {n}"], 3), "bob")
    team.until("shared", "AwaitingReview")
    assert (team.find("rpr", name) or {})["spec"]["authors"] == ["alice", "bob"]
    if not team.stamped:  # with the policies the API server refuses it already
        team.decide(name, "Approve", "alice")
        time.sleep(2)
        assert team.reason("shared") == "AwaitingReview"
    team.decide(name, "Approve", "carol")
    team.until("shared", "Active")


def test_a_gitops_controllers_work_needs_two_approvals(team: Team) -> None:
    name = team.write(procedure("synced", ["sync {n}"]), "argocd-controller")
    team.until("synced", "AwaitingReview")
    team.decide(name, "Approve", "bob")
    time.sleep(2)
    found = team.until("synced", "AwaitingReview")
    assert "2 approvals" in condition(found, "Ready")["message"]
    team.decide(name, "Approve", "carol")
    team.until("synced", "Active")


def test_a_procedure_without_authors_is_refused(team: Team, kubectl: Kubectl) -> None:
    if team.stamped:
        pytest.skip("the policies stamp every author here")
    document = procedure("nobody", ["nobody wrote {n}"])
    document["metadata"]["namespace"] = team.namespace
    kubectl.apply(document)
    found = team.until("nobody", "AuthorUnknown")
    assert condition(found, "Stalled")["status"] == "True"
    assert not team.all("rprev")


def test_the_elder_stays_and_the_newcomer_waits_until_it_goes(team: Team, kubectl: Kubectl) -> None:
    elder = team.serve(procedure("elder", ["what is double {n}"]))
    newcomer = team.write(
        procedure("newcomer", ["tell me double {n}", "(what is|say) double {n}"], 2, summary="Another.")
    )
    found = team.until("newcomer", "Overlaps")
    assert "elder" in condition(found, "Ready")["message"]
    assert "double" in condition(found, "Ready")["message"]
    team.decide(newcomer)
    time.sleep(2)
    assert team.served() == {elder}
    kubectl("delete", "-n", team.namespace, "rp", "elder")
    team.until("newcomer", "Active")
    assert team.served() == {newcomer}


def test_of_two_newcomers_that_overlap_one_is_served(team: Team) -> None:
    first = team.write(procedure("one", ["count {n}"], 2))
    second = team.write(procedure("two", ["tally {n}", "(count|sum) {n}"], 3))
    for name in ("one", "two"):
        team.until(name, "AwaitingReview")
    for revision in (first, second):
        team.decide(revision)
    eventually("one is served", lambda: len(team.served()) == 1)
    eventually("the other waits", lambda: {team.reason("one"), team.reason("two")} == {"Active", "Overlaps"})
    time.sleep(2)
    assert len(team.served()) == 1


def test_a_pin_serves_what_it_names_and_waits_for_its_approval(team: Team) -> None:
    old, new = procedure("pinned", ["pin {n}"], 2), procedure("pinned", ["pin {n}"], 3)
    first, second = team.serve(old), team.serve(new)
    assert team.served() == {second}
    pinned = {**new, "spec": {**new["spec"], "activation": {"mode": "Pinned", "digest": digest_of(old)}}}
    team.write(pinned)
    eventually("the pinned one is served", lambda: team.served() == {first})
    found = team.until("pinned", "Active")
    assert found["status"]["digest"] == digest_of(new)
    third = procedure("pinned", ["pin {n}"], 4)
    waiting = {**third, "spec": {**third["spec"], "activation": {"mode": "Pinned", "digest": digest_of(third)}}}
    name = team.write(waiting)
    team.until("pinned", "AwaitingReview")
    assert team.served() == {first}
    team.decide(name)
    team.until("pinned", "Active")
    assert team.served() == {name}


def test_old_revisions_go_past_the_limit_but_never_an_active_or_quarantined_one(team: Team) -> None:
    kept = [team.serve(procedure("long", ["long {n}"], 2))]
    stopped = team.write(procedure("long", ["long {n}"], 3))
    team.until("long", "AwaitingReview")
    team.decide(stopped, "Quarantine")
    team.until("long", "Quarantined")
    names = []
    for factor in range(4, 9):
        names.append(team.write(procedure("long", ["long {n}"], factor)))
        team.until("long", "AwaitingReview")
        time.sleep(1.1)  # creation times are whole seconds
    wanted = {kept[0], stopped, names[-1], names[-2], names[-3]}
    eventually("two old ones are kept", lambda: {each["metadata"]["name"] for each in team.all("rprev")} == wanted)
    assert team.served() == set(kept)
    found = team.find("rp", "long")
    assert found is not None
    eventually("they are counted", lambda: (team.find("rp", "long") or {})["status"]["revisions"] == 5)


def test_an_object_of_a_wanted_name_is_never_adopted(team: Team, kubectl: Kubectl) -> None:
    document = procedure("taken", ["take {n}"])
    name = revision_name("taken", digest_of(document))
    foreign: dict[str, Any] = {
        "apiVersion": "seglam.dev/v1alpha1",
        "kind": "ProcedureReview",
        "metadata": {"name": name, "namespace": team.namespace},
        "spec": {"procedure": "taken", "digest": digest_of(document), "authors": []},
    }
    if team.stamped:
        pytest.skip("the policies let nobody else make a review here")
    kubectl.apply(foreign)
    team.write(document)
    found = team.until("taken", "NotOwned")
    assert name in condition(found, "Ready")["message"]
    team.decide(name)
    time.sleep(2)
    assert not team.served()
    theirs = team.find("rpr", name)
    assert theirs is not None
    assert LABEL_MANAGED_BY not in theirs["metadata"].get("labels", {})
    kubectl("delete", "-n", team.namespace, "rpr", name)
    team.until("taken", "AwaitingReview")


def test_shadow_runs_are_not_pretended(team: Team) -> None:
    spec = procedure("shadow", ["shade {n}"])["spec"]
    spec |= {"reviewPolicy": "AfterShadow", "afterShadow": {"samples": 10, "agreement": "0.99"}}
    team.write(procedure("shadow", ["shade {n}"]) | {"spec": spec})
    found = team.until("shadow", "AwaitingReview")
    assert condition(found, "Shadow")["status"] == "False"
    assert "not available" in condition(found, "Shadow")["message"]


def test_a_lost_status_is_made_again_without_an_interruption(team: Team, kubectl: Kubectl, operator: Replica) -> None:
    name = team.serve(procedure("restored", ["restore {n}"]))
    operator.stop()
    who = kubectl.as_user(f"system:serviceaccount:seglam-system:{LEASE}", "system:masters")
    for kind, each in (("rp", "restored"), ("rprev", name), ("rpr", name)):
        who("patch", "-n", team.namespace, kind, each, "--subresource=status", "--type=merge", "-p", '{"status":null}')
    assert team.served() == {name}
    operator.start()
    for _ in range(20):
        assert team.served() == {name}
        time.sleep(0.2)
    team.until("restored", "Active")
    eventually(
        "it is verified again", lambda: condition(team.find("rprev", name) or {}, "Verified").get("status") == "True"
    )
    assert team.served() == {name}


def test_events_tell_transitions_only(team: Team) -> None:
    team.serve(procedure("story", ["tell {n}"]))

    def reasons() -> list[str]:
        events = team.all("events.events.k8s.io")
        mine = [each for each in events if each["regarding"]["name"] == "story"]
        return [each["reason"] for each in sorted(mine, key=lambda each: str(each["eventTime"]))]

    eventually("the last one is there", lambda: "Active" in reasons())
    assert reasons() == ["Verifying", "AwaitingReview", "Active"]


def test_a_second_replica_waits_and_takes_over_when_the_first_is_killed(
    team: Team, operator: Replica, operator_kubeconfig: Path, tmp_path: Path
) -> None:
    second = Replica(operator_kubeconfig, team.namespace, tmp_path / "log").start()
    try:
        time.sleep(3)
        assert operator.leads
        assert not second.leads
        operator.stop(signal.SIGKILL)
        began = time.monotonic()
        name = team.write(procedure("heir", ["inherit {n}"]))
        eventually("the second leads", lambda: second.leads, seconds=40)
        print(f"took over {time.monotonic() - began:.1f} s after a kill")
        team.until("heir", "AwaitingReview")
        team.decide(name)
        team.until("heir", "Active")
        operator.start()
        time.sleep(2)
        began = time.monotonic()
        assert second.stop() == 0
        eventually("the first leads again", lambda: operator.leads, seconds=20)
        print(f"took over {time.monotonic() - began:.1f} s after a SIGTERM")
    finally:
        if second.running:
            second.stop()


def test_no_two_leaders_act(
    team: Team, operator: Replica, operator_kubeconfig: Path, cluster: Cluster, tmp_path: Path
) -> None:
    """A leader that is stopped amid its work, and goes on when another has done all, writes nothing more and ends."""
    second = Replica(operator_kubeconfig, team.namespace, tmp_path / "log").start()
    try:
        documents = [procedure(f"held-{word}", [f"hold {word} {{n}}"]) for word in ("a", "b", "c", "d", "e", "f")]
        names = [team.write(document) for document in documents]
        eventually("the first is amid its work", lambda: team.all("rprev"))
        assert operator.leads
        assert operator.process is not None
        operator.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        eventually("the second leads", lambda: second.leads, seconds=40)
        print(f"took over {time.monotonic() - began:.1f} s after the leader was stopped")
        for name in names:
            team.decide(name)
        for document in documents:
            team.until(document["metadata"]["name"], "Active")
        eventually("the second is at rest", lambda: second.ready)
        time.sleep(1)
        before = team.versions()
        operator.process.send_signal(signal.SIGCONT)
        assert operator.process.wait(20) == 1, "a leader that lost its lease ends with an error"
        assert team.versions() == before
        if cluster.node is not None:
            _hang(cluster.node, second, team)
    finally:
        second.stop(signal.SIGKILL)
        if operator.running:
            operator.stop(signal.SIGKILL)


def _hang(node: Layout, leader: Replica, team: Team) -> None:
    """With an API server that hangs nobody leads beyond the lease, and nothing is written."""
    before = team.versions()
    freeze_apiserver(node)
    try:
        began = time.monotonic()
        assert leader.process is not None
        assert leader.process.wait(2 * LEASE_S) == 1, "the leader ends before its lease does"
        assert time.monotonic() - began < LEASE_S
    finally:
        thaw_apiserver(node)
    eventually("the API server answers", lambda: team.kubectl("get", "--raw", "/readyz"), seconds=60)
    assert team.versions() == before
