"""What the chart says of tenants and the ledger is what the gateway reads."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from seglam.gateway.access.file import Rules
from seglam.gateway.ledger.prices import PriceBook
from tests.charts import named, render

VALUES: dict[str, Any] = {
    "tenants": {
        "issuers": [{"issuer": "https://login.example.com", "audience": "seglam"}],
        "identities": [
            {"issuer": "https://login.example.com", "claims": {"groups": "shop"}, "tenant": "shop", "scopes": ["ask"]}
        ],
        "limits": {"shop": {"requestsPerSecond": 50, "dailyMoney": "20", "acceptsFrom": ["web"]}},
        "defaults": {"concurrent": 8},
    },
    "ledger": {
        "secretName": "ledger",
        "cidrs": ["10.1.0.0/16"],
        "prices": {"prices": [{"inputPerMillionTokens": "1", "outputPerMillionTokens": "2", "currency": "EUR"}]},
    },
}


def test_the_gateway_reads_what_the_values_say(tmp_path: Path) -> None:
    objects = render(VALUES)
    for name, text in named(objects, "ConfigMap", "seglam-tenants")["data"].items():
        (tmp_path / name).write_text(text)
    rules = Rules(tmp_path / "tenants.yaml", cluster=True)
    grant = rules.grant({"sub": "x", "groups": ["shop"]}, "https://login.example.com")
    assert grant is not None and (grant.tenant, grant.scopes) == ("shop", frozenset({"ask"}))
    assert rules.limits_of("shop").daily_money == Decimal(20) and rules.limits_of("other").concurrent == 8
    assert rules.accepts("shop", "web") and not rules.accepts("web", "shop")
    prices = PriceBook.read(tmp_path / "prices.yaml").of("shop")
    assert (prices.currency, prices.on("2026-01-01").input_million) == ("EUR", Decimal(1))

    gateway = named(objects, "Deployment", "seglam-gateway")["spec"]
    (container,) = gateway["template"]["spec"]["containers"]
    environment = {each["name"]: each for each in container["env"]}
    assert environment["SEGLAM_REPLICAS"]["value"] == str(gateway["replicas"]), "which share the limits"
    assert environment["SEGLAM_LEDGER_URL"]["valueFrom"]["secretKeyRef"] == {"name": "ledger", "key": "url"}
    assert environment["SEGLAM_PRICES"]["value"] == "/etc/seglam/tenants/prices.yaml"
    egress = named(objects, "NetworkPolicy", "seglam-gateway")["spec"]["egress"]
    (database,) = (each for each in egress if {"protocol": "TCP", "port": 5432} in each.get("ports", []))
    assert database["to"] == [{"ipBlock": {"cidr": "10.1.0.0/16"}}]


def test_without_a_database_there_is_none_to_reach() -> None:
    objects = render()
    (container,) = named(objects, "Deployment", "seglam-gateway")["spec"]["template"]["spec"]["containers"]
    assert not {"SEGLAM_LEDGER_URL", "SEGLAM_PRICES"} & {each["name"] for each in container["env"]}
    egress = named(objects, "NetworkPolicy", "seglam-gateway")["spec"]["egress"]
    assert not [each for each in egress if {"protocol": "TCP", "port": 5432} in each.get("ports", [])]
