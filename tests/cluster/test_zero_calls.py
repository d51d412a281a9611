"""A hit makes no call to the API server: shown by the API server's own audit log over ten thousand hits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.cluster.caller import Question
from tests.cluster.choosing import Cluster
from tests.cluster.images import Images
from tests.cluster.node import Layout
from tests.cluster.release import SYSTEM
from tests.cluster.tenant import Tenant, example, tenant_in

HITS = 10_000
GATEWAY = f"system:serviceaccount:{SYSTEM}:seglam-gateway"


@pytest.fixture(scope="module")
def tenant(installed: Cluster, images: Images) -> Iterator[Tenant]:
    with tenant_in(installed.kubectl, "seglam-test-calls", images.platform) as made:
        made.activate(example("is-leap-year"))
        yield made


def test_ten_thousand_hits_make_no_call(installed: Cluster, tenant: Tenant) -> None:
    if installed.node is None:
        pytest.skip("needs the API server's audit log, which only the real node keeps")
    questions = [Question(f"Is {year} a leap year?", "Yes" if _leap(year) else "No") for year in range(1900, 2100)]
    tenant.wait_until_hit(questions[0].text)
    before = _calls(installed.node)
    assert sum(before.values()), "the gateway's start is in the log, so the log sees its calls"

    result = tenant.caller.send(questions, count=HITS, threads=4)
    print(f"\n{result}")
    assert (result.hits, result.wrong, result.other) == (HITS, [], {})

    made = _calls(installed.node) - before
    # Watches that end by themselves and are begun again, and the check of what they hold, go on at their own pace.
    by_the_clock = {call: count for call, count in made.items() if call.split()[0] in ("watch", "list")}
    assert dict(made - Counter(by_the_clock)) == {}
    assert sum(by_the_clock.values()) <= 40, by_the_clock


def _calls(node: Layout) -> Counter[str]:
    """What the gateway's account asked of the API server so far, as "verb resource"."""
    found: Counter[str] = Counter()
    for line in node.audit.read_text().splitlines():
        event = json.loads(line)
        if event["user"]["username"] == GATEWAY and event["stage"] != "ResponseStarted":
            found[f"{event['verb']} {event.get('objectRef', {}).get('resource', event['requestURI'])}"] += 1
    return found


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
