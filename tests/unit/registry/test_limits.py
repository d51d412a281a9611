"""Rate limits, by a clock that the test moves."""

from __future__ import annotations

from seglam.registry import limits
from seglam.registry.limits import Limits, Rate, kind_of


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_taken_and_then_as_many_as_time_gives() -> None:
    clock = Clock()
    made = Limits({"read": Rate(3, 0.5)}, clock)
    assert [made.take("read", "a") for _ in range(4)] == [0, 0, 0, 2]
    clock.now = 1.0
    assert made.take("read", "a") == 1
    clock.now = 2.0
    assert [made.take("read", "a") for _ in range(2)] == [0, 2]
    clock.now = 1_000.0
    assert [made.take("read", "a") for _ in range(4)] == [0, 0, 0, 2]


def test_replicas_share_what_a_caller_may() -> None:
    assert limits.shared({"read": Rate(600, 100.0), "scan": Rate(2, 0.5)}, 4) == {
        "read": Rate(150, 25.0),
        "scan": Rate(1, 0.125),
    }


def test_callers_and_kinds_do_not_pay_for_each_other() -> None:
    made = Limits({"read": Rate(1, 1.0), "write": Rate(1, 1.0)}, Clock())
    assert [made.take("read", "a"), made.take("read", "b"), made.take("write", "a")] == [0, 0, 0]
    assert made.take("read", "a") > 0
    assert all(made.take("another", "a") == 0 for _ in range(100))


def test_the_memory_of_callers_is_bounded() -> None:
    made = Limits({"read": Rate(1, 1.0)}, Clock())
    for number in range(limits.MAX_CALLERS + 10):
        made.take("read", str(number))
    assert len(made._buckets) == limits.MAX_CALLERS
    assert made.take("read", "0") == 0, "who was forgotten has a full bucket"
    assert made.take("read", str(limits.MAX_CALLERS + 9)) > 0


def test_what_is_of_which_kind() -> None:
    assert kind_of("GET", "/healthz") is None
    assert kind_of("GET", "/api/v1/packs") == "search"
    assert kind_of("GET", "/api/v1/audit/verify") == "scan"
    assert kind_of("HEAD", "/v2/a/b/c/manifests/1.0.0") == "read"
    assert kind_of("POST", "/api/v1/tokens") == "token"
    assert kind_of("POST", "/api/v1/publications") == "publish"
    assert kind_of("DELETE", "/api/v1/namespaces/a/members/1") == "write"
