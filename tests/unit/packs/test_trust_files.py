"""Trust as files: what is read, and that half a policy is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from seglam.packs.trust.files import TrustFileInvalid, config_dir, load, read
from seglam.packs.trust.keys import key_id, read_public
from seglam.packs.trust.signing.key import KeySigner

KEY = KeySigner.generate().public
HEAD = "apiVersion: seglam.dev/v1alpha1\n"
ROOT = f"""{HEAD}kind: TrustRoot
metadata: {{name: acme}}
spec:
  keys:
    - id: {KEY.id}
      pem: |
{"".join(f"        {line}" for line in KEY.pem.splitlines(keepends=True))}
  sources:
    - {{origin: registry.acme.example, url: https://registry.acme.example}}
"""
POLICY = f"""{HEAD}kind: TrustPolicy
metadata: {{name: acme}}
spec:
  namespaces: [default]
  packs: ["registry.acme.example/*"]
  trustRoot: acme
  mode: Key
  require:
    - {{predicate: release, keys: [{KEY.id}], threshold: 1, maxAge: 90d}}
"""
PROVENANCE = POLICY.replace("predicate: release", "predicate: provenance")


def test_policies_and_roots_of_a_directory(tmp_path: Path) -> None:
    assert load(tmp_path).policies == (), "a directory that is not there trusts nobody"
    for folder, text in (("roots", ROOT), ("policies", PROVENANCE.replace(", maxAge: 90d", ""))):
        (tmp_path / "trust" / folder).mkdir(parents=True)
        (tmp_path / "trust" / folder / "acme.yaml").write_text(text)
    trust = load(tmp_path)
    assert [each.name for each in trust.policies] == ["acme"] and list(trust.roots) == ["acme"]
    assert trust.roots["acme"].source("registry.acme.example") == "https://registry.acme.example"
    assert trust.roots["acme"].keys == {KEY.id: KEY.pem}
    assert trust.policies[0].spec.require[0].threshold == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ROOT.replace("kind: TrustRoot", "kind: TrustRoots"), "write apiVersion"),
        (ROOT.replace("v1alpha1", "v1"), "write apiVersion"),
        (ROOT + "status: {}\n", "unknown fields: status"),
        (ROOT.replace("spec:\n", "spec:\n  kyes: []\n"), "spec.kyes"),
        (ROOT.replace("spec:\n", "spec:\n  keys: []\n"), "keys is given twice"),
        (POLICY.replace("namespaces: [default]", "namespaces: [&a default, *a]"), "an alias stands there"),
        (POLICY, "maxAge needs mode Keyless"),
        (POLICY.replace("mode: Key", "mode: Keyless"), "needs identities"),
        (POLICY.replace("threshold: 1", "threshold: 2"), "is never met"),
        ("", "it is empty"),
        ("a: [", "it is no YAML"),
    ],
)
def test_a_faulty_file_is_refused_as_a_whole(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "trust.yaml"
    file.write_text(text)
    with pytest.raises(TrustFileInvalid, match=words) as refused:
        read([file])
    assert str(file) in refused.value.where


def test_two_files_cannot_state_one_name(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(ROOT)
    with pytest.raises(TrustFileInvalid, match="is stated by"):
        read([tmp_path / "a.yaml", tmp_path / "b.yaml"])


def test_where_the_files_are() -> None:
    assert config_dir({"SEGLAM_CONFIG_DIR": "/a", "XDG_CONFIG_HOME": "/b"}) == Path("/a")
    assert config_dir({"XDG_CONFIG_HOME": "/b"}) == Path("/b/seglam")
    assert config_dir({"XDG_CONFIG_HOME": "relative"}) == Path("~/.config/seglam").expanduser()


def test_the_examples_can_be_used() -> None:
    examples = Path(__file__).resolve().parents[3] / "examples" / "packs" / "trust"
    trust = read(sorted(examples.glob("*.yaml")))
    assert {each.spec.mode for each in trust.policies} == {"Key", "Keyless"}
    root = trust.roots["acme-keys"]
    assert {key_id(read_public(pem)): pem for pem in root.keys.values()} == root.keys
