"""The gate: whether a pack may be published, imported or run. There is no other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from seglam.packs.trust.decision import Asked, Code, Decision, IndexFacts, PackFacts, Step, Verified
from seglam.packs.trust.examination import Examined, examine
from seglam.packs.trust.policy import TrustPolicy, matching
from seglam.packs.trust.requirements import Evidence, judged, status_step
from seglam.packs.trust.roots import TrustRoot

MAX_BUNDLES = 256
MAX_BUNDLES_BYTES = 32 * 1024 * 1024
"""Of all bundles of a pack together: anybody may attach some, and reading them takes time."""


def decide(
    pack: PackFacts,
    bundles: Sequence[bytes],
    policies: Sequence[TrustPolicy],
    roots: Mapping[str, TrustRoot],
    *,
    namespace: str,
    asked: Asked,
    index: IndexFacts | None,
    now: datetime,
) -> Decision:
    """Decide by the policies that are for this tenant and pack. Denies by default; never raises; uses no network.

    Args:
        pack: the pack at hand, its digest computed from its bytes.
        bundles: sigstore bundles (JSON) that came with it, from whatever source, in any order.
        policies: all policies that there are; an importer does not choose among them.
        roots: trust roots by name.
        namespace: tenant for whom it is decided.
        asked: what was asked for.
        index: what the index says; None if there is none.
        now: the time (aware).
    """
    try:
        return _decided(pack, bundles, policies, roots, namespace, asked, index, now)
    except Exception as error:  # noqa: BLE001  # whatever it is, nobody may use the pack
        words = f"The gate failed: {type(error).__name__}: {error}. Nothing is allowed by a gate that fails."
        return Decision(False, None, (Step("gate", False, "internal", words),), "internal")


def _decided(
    pack: PackFacts,
    bundles: Sequence[bytes],
    policies: Sequence[TrustPolicy],
    roots: Mapping[str, TrustRoot],
    namespace: str,
    asked: Asked,
    index: IndexFacts | None,
    now: datetime,
) -> Decision:
    if now.tzinfo is None:
        raise ValueError("now has no time zone")
    matched = matching(policies, namespace, pack.name)
    if not matched:
        words = f"No trust policy is for the pack {pack.name} in {namespace}; somebody who may must create one."
        return Decision(False, None, (Step("policy", False, "no-policy", words),), "no-policy")
    steps = [_asked(pack, asked)]
    counted: dict[str, Verified] = {}
    examined: dict[str, Examined] = {}
    for policy in matched:
        steps.append(_policy_step(policy, matched))
        root = roots.get(policy.spec.trust_root)
        if (missing := _root_step(policy, root)) is not None or root is None:
            steps += [missing] if missing else []
            continue
        steps.append(_index(pack, index, policy, now))
        steps += _bundles(pack, bundles, policy, root, examined)
        evidence = Evidence(tuple(examined.values()), pack, policy.spec, now)
        steps.append(status_step(evidence))
        for requirement in policy.spec.require:
            step, met_by = judged(requirement, evidence)
            steps.append(step)
            counted |= {each.digest: each for each in met_by}
        examined = {}
    return _concluded(matched, steps, counted.values())


def _concluded(matched: Sequence[TrustPolicy], steps: Sequence[Step], counted: Iterable[Verified]) -> Decision:
    code = next((step.code for step in steps if step.decides and not step.passed), None)
    approved = all(policy.spec.approval == "Pack" for policy in matched)
    return Decision(
        allowed=code is None,
        policy=",".join(policy.name for policy in matched),
        steps=tuple(steps),
        code=code or "allowed",
        verified=tuple(counted) if code is None else (),
        approval="Pack" if approved else "Review",
    )


def _policy_step(policy: TrustPolicy, matched: Sequence[TrustPolicy]) -> Step:
    others = f", one of {len(matched)} of equal rank that must all allow" if len(matched) > 1 else ""
    return Step(
        "policy",
        True,
        "allowed",
        f"The trust policy {policy.name} decides{others}: mode {policy.spec.mode}, root {policy.spec.trust_root}.",
        {"policy": policy.name, "mode": policy.spec.mode, "trustRoot": policy.spec.trust_root},
    )


def _root_step(policy: TrustPolicy, root: TrustRoot | None) -> Step | None:
    """A denial if the policy's root is missing, or believes nobody in the policy's mode."""
    named, mode = policy.spec.trust_root, policy.spec.mode
    if root is None:
        return Step("root", False, "no-root", f"The trust root {named} of the policy {policy.name} does not exist.")
    if mode == "Key":
        missing = [id_ for each in policy.spec.require for id_ in each.keys or () if id_ not in root.keys]
        if missing:
            return Step("root", False, "no-root", f"The trust root {named} holds no key {missing[0]}.")
        return None
    if root.keyless is None:
        return Step("root", False, "no-root", f"The trust root {named} has no sigstore trusted root (keyless).")
    from seglam.packs.trust.keyless import check_root  # heavy: only where keyless signatures are judged

    try:
        check_root(root.keyless)
    except ValueError as error:
        return Step("root", False, "no-root", f"The trust root {named} cannot be used: {error}.")
    return None


def _asked(pack: PackFacts, asked: Asked) -> Step:
    """Whether the pack at hand is the one that was asked for."""
    wrong: tuple[Code, str, str] | None = None
    if asked.name is None and asked.digest is None:
        return Step("asked", False, "name", "Neither a name nor a digest was asked for, so any pack would do.")
    if asked.name not in (None, pack.name):
        wrong = "name", f"{asked.name}", pack.name
    elif asked.version not in (None, pack.version):
        wrong = "version", f"{asked.version}", pack.version
    elif asked.digest not in (None, pack.digest):
        wrong = "digest", f"{asked.digest}", pack.digest
    if wrong:
        code, wanted, found = wrong
        words = f"Another {code} was asked for: {wanted}, and this pack has {found}. Somebody served another pack."
        return Step("asked", False, code, words, {"asked": wanted, "found": found})
    return Step("asked", True, "allowed", f"It is what was asked for: {pack.name}@{pack.version}, {pack.digest}.")


def _index(pack: PackFacts, index: IndexFacts | None, policy: TrustPolicy, now: datetime) -> Step:
    """Whether a fresh index lists the pack. An index that is ignored can still take a pack out of use."""
    required = policy.spec.index == "Required"
    if index is None:
        if not required:
            return Step("index", True, "allowed", f"There is no index, and the policy {policy.name} needs none.")
        words = "There is no index that lists the pack; the trust root must name one (tuf), and it must be reachable."
        return Step("index", False, "index-missing", words)
    found = _index_refusal(pack, index, now, required=required)
    detail = {"snapshot": str(index.snapshot_version), "expires": index.expires.isoformat()}
    if index.waiver:
        detail["waiver"] = index.waiver
    if found:
        return Step("index", False, found[0], found[1], detail)
    waived = f" Its metadata has expired, which was accepted: {index.waiver}." if index.waiver else ""
    return Step(
        "index", True, "allowed", f"The index (snapshot {index.snapshot_version}) lists the pack.{waived}", detail
    )


def _index_refusal(pack: PackFacts, index: IndexFacts, now: datetime, *, required: bool) -> tuple[Code, str] | None:
    if required and index.snapshot_version < index.highest_seen_version:
        return "index-rollback", (
            f"The index is older (snapshot {index.snapshot_version}) than one seen before "
            f"({index.highest_seen_version}): somebody serves an old one."
        )
    if required and index.expires <= now and not index.waiver:
        return "index-expired", f"The index expired at {index.expires.isoformat()}: fetch a fresh one."
    if index.status == "yanked":
        return "yanked", "The version was yanked at its registry: use another version."
    if index.status == "quarantined":
        return "quarantined", "The version is in quarantine at its registry: it must not be used."
    if index.status == "deleted":
        return "deleted", "The version was deleted at its registry: use another version."
    if index.listed_digest is None:
        return ("index-unlisted", "The index does not list this version.") if required else None
    if index.listed_digest != pack.digest:
        return "index-digest", f"The index lists {index.listed_digest} for this version, not {pack.digest}."
    return None


def _bundles(
    pack: PackFacts,
    bundles: Sequence[bytes],
    policy: TrustPolicy,
    root: TrustRoot,
    examined: dict[str, Examined],
) -> list[Step]:
    """Look at every bundle; a step for each. What does not hold is left out and denies nothing by itself."""
    if len(bundles) > MAX_BUNDLES:
        words = f"There are {len(bundles)} bundles, at most {MAX_BUNDLES} are looked at."
        return [Step("bundle", False, "too-large", words)]
    if (size := sum(map(len, bundles))) > MAX_BUNDLES_BYTES:
        words = f"The bundles have {size} bytes in all, at most {MAX_BUNDLES_BYTES} are looked at."
        return [Step("bundle", False, "too-large", words)]
    steps = []
    for raw in bundles:
        found = examine(raw, [root], pack, mode=policy.spec.mode)
        if found.digest not in examined:
            examined[found.digest] = found
            steps.append(_bundle_step(found))
    return steps


def _bundle_step(found: Examined) -> Step:
    detail = {"bundle": found.digest}
    if found.claimed:
        detail["predicate"] = found.claimed
    if found.signature:
        detail |= {"signer": found.signature.subject, "issuer": found.signature.issuer}
        if found.signature.time:
            detail["time"] = found.signature.time.isoformat()
        if found.signature.log_index is not None:
            detail["logIndex"] = str(found.signature.log_index)
    return Step("bundle", found.passed, found.code, found.words, detail, decides=False)


__all__ = ["MAX_BUNDLES", "Examined", "decide", "examine"]
