"""The console of the installed gateway in a browser: people sign in with their tokens, and the API server decides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect

from seglam.resources import names
from tests.browser.conftest import accessibility, browser, page  # noqa: F401
from tests.browser.faults import faults
from tests.cluster import release
from tests.cluster.choosing import Cluster
from tests.cluster.forwarding import forwarded
from tests.cluster.images import Images
from tests.cluster.tenant import Tenant, digest, example, tenant_in

GATEWAY = f"system:serviceaccount:{release.SYSTEM}:seglam-gateway"
GCD = "greatest-common-divisor"
QUESTION = (
    "Find the Greatest Common Divisor (GCD) of these numbers: 84, 36, 60. Give only the GCD as your final answer."
)


@dataclass(frozen=True, slots=True)
class World:
    """A tenant whose writer proposed a procedure, and the gateway on this machine."""

    tenant: Tenant
    url: str
    audience: str
    review: str

    def account(self, name: str) -> str:
        """The user name of one of its people."""
        return f"system:serviceaccount:{self.tenant.namespace}:{name}"

    def token(self, name: str) -> str:
        """A token of one of them, for the gateway and for the API server."""
        made = ("create", "token", name, "-n", self.tenant.namespace)
        return self.tenant.admin(*made, "--audience=seglam", f"--audience={self.audience}", "--duration=10m").strip()


@pytest.fixture(scope="module")
def world(installed: Cluster, images: Images) -> Iterator[World]:
    kubectl = installed.kubectl
    audience = json.loads(kubectl("get", "--raw", "/.well-known/openid-configuration"))["issuer"]
    with (
        tenant_in(kubectl, "seglam-test-console", images.platform) as tenant,
        forwarded(kubectl, "seglam-gateway") as url,
    ):
        for name in ("writer", "reviewer", "visitor"):
            kubectl("create", "serviceaccount", name, "-n", tenant.namespace)
        for name, role, *who in (
            ("write", "edit", "writer"),
            ("approve", "seglam-approver", "writer", "reviewer"),
            ("look", "seglam-viewer", "visitor"),
        ):
            people = [f"--serviceaccount={tenant.namespace}:{each}" for each in who]
            kubectl("create", "rolebinding", name, f"--clusterrole={role}", *people, "-n", tenant.namespace)
        document = example(GCD)
        writer = kubectl.as_user(f"system:serviceaccount:{tenant.namespace}:writer", "system:authenticated")
        writer.apply(document, namespace=tenant.namespace)
        tenant.wait_for_review(GCD, digest(document))
        yield World(tenant, url, audience, names.revision_name(GCD, digest(document)))


def sign_in(shown: Page, world: World, name: str) -> None:
    shown.goto(f"{world.url}/console/enter")
    shown.get_by_label("A token of yours").fill(world.token(name))
    shown.get_by_role("button", name="Sign in").click()
    expect(shown.get_by_role("heading", name="Waiting for a decision")).to_be_visible()
    expect(shown.get_by_text(f"You are {world.account(name)}")).to_be_visible()


def decide(shown: Page, world: World, choice: str) -> None:
    shown.goto(f"{world.url}/console/revisions/{world.review}")
    shown.get_by_label("Why, for whoever reads it later").fill("code and patterns read, tried")
    shown.get_by_role("button", name=choice, exact=True).click()


def test_from_the_queue_to_an_answer(world: World, page: Page, accessibility: Path) -> None:  # noqa: F811
    """Refused as an author and as a visitor, tried, approved by somebody else; the next request hits."""
    sign_in(page, world, "writer")
    page.goto(f"{world.url}/console/revisions/{world.review}")
    expect(page.get_by_role("button", name="Approve", exact=True)).to_be_disabled()
    page.locator("button[value=approve]").evaluate("button => button.disabled = false")  # as whoever forges a form
    page.get_by_label("Why, for whoever reads it later").fill("my own")
    page.locator("button[value=approve]").click()
    expect(page.get_by_role("alert")).to_contain_text("an author cannot approve")

    page.context.clear_cookies()
    sign_in(page, world, "visitor")
    decide(page, world, "Approve")
    expect(page.get_by_role("alert")).to_contain_text("ClusterRole seglam-approver")
    assert "decisions" not in world.tenant.get("rpr", world.review)["spec"]

    page.context.clear_cookies()
    sign_in(page, world, "reviewer")
    page.get_by_role("link", name=GCD).click()
    page.get_by_label("A request").fill(QUESTION)
    page.get_by_role("button", name="Ask this revision and what is active").click()
    expect(page.get_by_role("region", name="This revision alone")).to_contain_text("Answer: 12")
    expect(page.get_by_role("region", name="What is active")).to_contain_text("miss")
    assert faults(page, accessibility) == []
    decide(page, world, "Approve")
    expect(page.get_by_text("Approved", exact=True)).to_be_visible()
    entry = {"reviewer": world.account("reviewer"), "decision": "Approve", "reason": "code and patterns read, tried"}
    assert world.tenant.get("rpr", world.review)["spec"]["decisions"] == [entry]

    world.tenant.wait_until_ready(GCD)
    answer = world.tenant.wait_until_hit(QUESTION)
    assert answer["answer"] == "12"
    page.goto(f"{world.url}/console/operations")
    expect(page.get_by_text("1 procedures are served.")).to_be_visible()
    assert faults(page, accessibility) == []

    cookies = {each["name"]: each["value"] for each in page.context.cookies()}
    gateways = ("get", "pods", "-n", release.SYSTEM, "-l", "app.kubernetes.io/component=gateway")
    pods = [each["metadata"]["name"] for each in world.tenant.admin.json(*gateways)["items"]]
    assert len(pods) > 1
    for pod in pods:  # every replica knows the session
        with forwarded(world.tenant.admin, "seglam-gateway", pod=pod) as url:
            assert httpx2.get(f"{url}/console/operations", cookies=cookies).status_code == 200


def test_the_gateways_own_account_has_no_part_in_it(installed: Cluster, world: World) -> None:
    """By the API server's own log: people asked it about reviews through the gateway, whose account did not."""
    if installed.node is None:
        pytest.skip("needs the API server's audit log, which only the real node keeps")
    events = [json.loads(line) for line in installed.node.audit.read_text().splitlines() if "procedurereviews" in line]
    by_page = [each for each in events if each["userAgent"] == "seglam-console"]
    assert {each["user"]["username"] for each in by_page} >= {world.account("writer"), world.account("reviewer")}
    assert not [each for each in events if each["user"]["username"] == GATEWAY]
