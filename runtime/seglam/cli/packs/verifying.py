"""`seglam pack verify`: what speaks for a pack here, step by step, and whether that is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from seglam.cli.exits import Exit
from seglam.cli.opening import DataDir
from seglam.cli.output import Json, Output, one_line, visible
from seglam.cli.packs.options import (
    DEFAULT_TENANT,
    ConfigDir,
    Offline,
    Pack,
    Policies,
    Registry,
    Roots,
    Tenant,
    Waiver,
)
from seglam.cli.packs.places import Places

if TYPE_CHECKING:
    from seglam.cli.packs.places import Found
    from seglam.gateway.packs.deciding import Looked
    from seglam.packs.trust.decision import Decision

WORDS = 1000


def verify(
    pack: Pack,
    policy: Policies = None,
    root: Roots = None,
    offline: Offline = False,
    waive: Waiver = None,
    tenant: Tenant = DEFAULT_TENANT,
    registry: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Ask the gate whether a pack may be used here, and show every step: what was checked, what was found, what counts.

    It is the gate that publish, import and run ask; verifying changes nothing. Exit code 0 if it is allowed, 1 if not.

    \b
    Examples:
      seglam pack verify registry.acme.example/finance/dates@0.1.0
      seglam pack verify dates-0.1.0.tar --policy policy.yaml --root root.yaml --offline
      seglam pack verify oci://127.0.0.1:5000/registry.acme.example/finance/dates:0.1.0
    """
    from seglam.cli.packs.carrying import looked_at

    out = Output(as_json)
    places = Places.of(registry, data_dir, config_dir)
    trust = places.trust(policy, root)
    refused = 0
    for found, index in looked_at(places, trust, pack, tenant, offline=offline, waive=waive):
        decision = decided(found, trust, tenant, index)
        say(out, found, decision, index)
        out.json(as_document(found, decision, index))
        refused += not decision.allowed
    raise typer.Exit(Exit.NEGATIVE if refused else Exit.OK)


def decided(found: Found, trust: Any, tenant: str, index: Looked) -> Decision:
    """The gate's decision about what was found."""
    from seglam.gateway.packs.deciding import decide

    return decide(found.packed, trust, tenant, asked=found.asked, index=index.facts)


def say(out: Output, found: Found, decision: Decision, index: Looked) -> None:
    """A decision for a person."""
    pack = found.packed.pack
    out.say(f"{pack.release}", style="bold")
    out.say(f"  {pack.digest}\n  from {visible(found.where)}, {len(found.packed.bundles)} signed statements")
    if index.facts is None:
        out.say(f"  {one_line(index.words, WORDS)}")
    for step in decision.steps:
        mark, style = (
            ("passed ", "green") if step.passed else ("refused", "red") if step.decides else ("ignored", "dim")
        )
        code = "" if step.passed else f" ({step.code})"
        out.say(f"  {mark}  {step.name:<21} {one_line(step.words, WORDS)}{code}", style=style)
    if decision.allowed:
        how = "its reviews are the approval" if decision.approval == "Pack" else "somebody here approves its procedures"
        out.say(f"allowed by policy {visible(str(decision.policy))}; {how}", style="bold green")
    else:
        out.say(f"refused: {decision.code}", style="bold red")


def as_document(found: Found, decision: Decision, index: Looked) -> dict[str, Any]:
    """A decision for `--json`."""
    pack = found.packed.pack
    return {
        "release": str(pack.release),
        "digest": pack.digest,
        "from": found.where,
        "index": None if index.facts is None else {"snapshot": index.facts.snapshot_version,
                                                   "listed": index.facts.listed_digest, "status": index.facts.status},
        **decision.document(),
    }  # fmt: skip
