"""`make demo-packs`: a pack from organisation A to organisation B, with nothing between them but a file.

A builds a pack, signs its provenance as a service account and publishes it; A's registry verifies, tests, signs and
lists it. A exports one file. Then A's registry and every signing service are stopped. B, which knows A's trust root
and has a policy of its own, verifies the file offline, runs the tests, signs what it decided, takes the procedures, and
audits both chains. The exit code is 0 only if every step came to its end, what must be refused was refused, and the
digest was the same bytes throughout.

Signatures are made by a private sigstore from its real services where they are built or can be (Go needed); elsewhere
by keys, and the demonstration says so.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from examples.packs.fill import fill  # noqa: E402
from examples.packs.organisation import Failed, Organisation, organisation, registry, stop  # noqa: E402
from examples.packs.signing import ORIGIN, Backend, backend  # noqa: E402
from examples.steps import Steps  # noqa: E402

NAME = f"{ORIGIN}/essay/first-steps"
PAGE = "/packs/essay/first-steps"
RELEASE = f"{NAME}@1.0.0"
API = {"apiVersion": "seglam.dev/v1alpha1"}
LINKS = ("provenance -> procedures", "provenance -> exemplars", "tests -> result", "release -> name",
         "importer -> statements", "importer -> result")  # fmt: skip
"""What the audit of B must have checked: A's chain, and B's own."""


@dataclass
class Demonstration(Steps):
    """What has been seen so far: times, and the digest at each step."""

    digests: dict[str, str] = field(default_factory=dict)

    def digest(self, where: str, found: str) -> None:
        """Note the digest that a step saw. `Failed` if it is another than before."""
        self.digests[where] = found
        if len(set(self.digests.values())) != 1:
            seen = "; ".join(f"{at} {digest}" for at, digest in self.digests.items())
            raise Failed(f"the digest is not the same throughout: {seen}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="examples/packs/demo.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keys", action="store_true", help="sign with keys also where sigstore could be started")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="keep what both organisations have here")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; 0 if all was as it should be, 1 if not."""
    options = parse(arguments)
    shown = Demonstration()
    try:
        with tempfile.TemporaryDirectory(prefix="seglam-packs-") as thrown_away:
            directory = options.keep or Path(thrown_away)
            with organisation("organisation A", directory / "a") as a:
                carried = at_a(shown, a, keys=options.keys)
            with organisation("organisation B", directory / "b") as b:
                at_b(shown, a, b, carried)
    except Failed as problem:
        sys.stderr.write(f"demo-packs: {problem}\n")
        return 1
    total = sum(seconds for _, seconds in shown.times)
    print(f"\n{next(iter(shown.digests.values()))}\nthe same bytes in {len(shown.digests)} places: "
          f"{', '.join(shown.digests)}")  # fmt: skip
    print(f"{len(shown.times)} steps in {total:.1f} s")
    return 0


@dataclass(frozen=True)
class Carried:
    """What reaches B: one file on a stick, and A's trust root by another way."""

    file: Path
    trust: list[Path]
    closed: list[tuple[str, int]]


def at_a(shown: Demonstration, a: Organisation, *, keys: bool) -> Carried:
    """Everything that happens at A, until nothing of it can be reached any more."""
    with shown.step("A: signing services start"):
        opened = backend(a, keys=keys)
        signing = opened.__enter__()
        shown.say(f"{signing.mode} - {signing.described}")
    try:
        data = a.directory / "registry"
        settings = {"ORIGIN": ORIGIN, "DATA": str(data), "HOST": "127.0.0.1", **signing.settings}
        with registry(a, settings) as (url, process):
            a = replace(a, settings={"SEGLAM_REGISTRY": url})
            build(shown, a, signing)
            publish(shown, a, signing, data, url)
            trust = agree(a, signing, url)
            file = export(shown, a, trust)
            with shown.step("The network between A and B is cut: A's registry and signing services stop"):
                stop(process)
                signing.stop()
                closed = [*signing.addresses, address_of(url)]
                cut(shown, closed)
    finally:
        opened.__exit__(None, None, None)
    return Carried(file, trust, closed)


def build(shown: Demonstration, a: Organisation, signing: Backend) -> None:
    """A's pack, tested, and its provenance, signed."""
    with shown.step("A: seglam pack build, sign"):
        fill(a.directory / "first-steps")
        built = a.one("build", "first-steps", "--out", "first-steps.tar", "--author", "ada@acme.example")
        shown.digest("built", built["digest"])
        shown.say(f"{built['release']}\n{built['digest']}, {len(built['procedures'])} procedures")
        signed = a.one("sign", "first-steps.tar", *_root(a, signing), *signing.sign_options())
        shown.say(f"provenance signed by {signed['signer']}")


def publish(shown: Demonstration, a: Organisation, signing: Backend, data: Path, url: str) -> None:
    """The registry verifies the publisher, runs the tests, and signs."""
    with shown.step("A: seglam pack publish; the registry verifies, tests, signs, lists"):
        done = a.one("publish", "first-steps.tar", "--claim", *signing.publish_options(data))
        shown.digest("published", done["publication"]["digest"])
        for step in done["publication"]["steps"]:
            shown.say(f"{step['name']}: {step['words']}")
        shown.say(f"its pages, while the registry runs: {url}/marketplace{PAGE}")


def agree(a: Organisation, signing: Backend, url: str) -> list[Path]:
    """A's trust root and the policy of an importer, which B gets by another way than the pack."""
    import httpx2

    first = httpx2.get(f"{url}/tuf/{ORIGIN}/1.root.json")
    if first.status_code != 200:
        raise Failed(f"the registry's index has no first root (HTTP {first.status_code})")
    root = {
        **API, "kind": "TrustRoot", "metadata": {"name": "acme"},
        "spec": {**signing.believed(), "sources": [{"origin": ORIGIN, "url": url}],
                 "tuf": {"url": f"{url}/tuf/{ORIGIN}/", "root": first.text}},
    }  # fmt: skip
    require = [("provenance", "publisher"), ("release", "registry"), ("test-result", "registry")]
    policy = {
        **API, "kind": "TrustPolicy", "metadata": {"name": "acme-packs"},
        "spec": {"namespaces": ["default"], "packs": [f"{ORIGIN}/*"], "trustRoot": "acme", "mode": signing.mode,
                 "require": [{"predicate": kind, **signing.signers(who)} for kind, who in require]},
    }  # fmt: skip
    return [a.write("root.yaml", json.dumps(root)), a.write("policy.yaml", json.dumps(policy))]


def export(shown: Demonstration, a: Organisation, trust: list[Path]) -> Path:
    """One file with the pack, the statements about it and the index."""
    with shown.step("A: seglam pack export"):
        a.pack("trust", "add", *map(str, trust))
        done = a.one("export", RELEASE, "--out", "carried.tar")
        (pack,) = done["packs"]
        shown.digest("exported", pack["digest"])
        file = a.directory / "carried.tar"
        shown.say(
            f"{pack['statements']} statements, index of {', '.join(done['indexes'])}; {file.stat().st_size} bytes"
        )
    return file


def cut(shown: Demonstration, addresses: list[tuple[str, int]]) -> None:
    """`Failed` if anything of A still answers."""
    for address in addresses:
        try:
            with socket.create_connection(address, timeout=5):
                raise Failed(f"{address[0]}:{address[1]} of A still answers")
        except OSError:
            continue
    shown.say(f"none of {len(addresses)} addresses of A answers")


def at_b(shown: Demonstration, a: Organisation, b: Organisation, carried: Carried) -> None:
    """Everything that happens at B, from the carried file alone."""
    file = b.write("carried.tar", carried.file.read_bytes())
    with shown.step("B: without trust, the file is refused"):
        refused = b.attempt("verify", file.name, "--offline", "--json")
        code = json.loads(refused.stdout)["code"]
        if refused.returncode != 1 or code != "no-policy":
            raise Failed(f"B took what nobody vouched for: {code}")
        shown.say(f"refused: {code}")
    with shown.step("B: seglam pack verify, offline"):
        b.pack("trust", "add", *map(str, carried.trust))
        cut(shown, carried.closed)
        verified = b.one("verify", file.name, "--offline")
        shown.digest("verified", verified["digest"])
        for step in verified["steps"]:
            shown.say(f"{'passed' if step['passed'] else 'ignored'}  {step['name']}: {step['words']}")
    with shown.step("B: seglam pack import; the tests run, B signs its summary"):
        done = b.one("import", file.name, "--offline", "--as", "bob@b.example")
        shown.digest("imported", done["digest"])
        shown.say(f"{done['gates']} gates passed on {len(done['engines'])} engines; summary signed by {done['signer']}")
        for each in done["procedures"]:
            shown.say(f"{each['state']}  {each['name']}")
    audit(shown, a, b)


def audit(shown: Demonstration, a: Organisation, b: Organisation) -> None:
    """Both chains, from B's own copy, and the bytes themselves."""
    with shown.step("B: seglam pack audit shows both chains"):
        found = b.one("audit", RELEASE, "--offline")
        shown.digest("audited", found["digest"])
        for check in found["checks"]:
            shown.say(f"{'holds' if check['passed'] else 'BROKEN'}  {check['link']}: {check['words']}")
        held = {check["link"] for check in found["checks"] if check["passed"]}
        if missing := [link for link in LINKS if link not in held]:
            raise Failed(f"the audit does not show {', '.join(missing)}")
        if not found["whole"] or [each["importer"] for each in found["imports"]] != ["bob@b.example"]:
            raise Failed("the audit is not whole")
    shown.digest("bytes at A", _manifest(a.directory / "first-steps.tar"))
    shown.digest("bytes at B", _manifest(b.directory / "data" / "packs"))


def _manifest(path: Path) -> str:
    """The digest of the only pack's manifest, computed here."""
    from seglam.packs.layout import ImageLayout

    with ImageLayout.open(path) as layout:
        return "sha256:" + hashlib.sha256(layout.pack().manifest).hexdigest()


def _root(a: Organisation, signing: Backend) -> list[str]:
    """The option that names A's signing services, where A signs by services."""
    believed: dict[str, Any] = signing.believed()
    if "keyless" not in believed:
        return []
    document = {**API, "kind": "TrustRoot", "metadata": {"name": "acme-signing"}, "spec": believed}
    return ["--trust-root", str(a.write("signing.yaml", json.dumps(document)))]


def address_of(url: str) -> tuple[str, int]:
    """Host and port."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    sys.exit(main())
