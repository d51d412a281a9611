"""The chart as the real Helm renders it: what it consists of, what it refuses, and the least rights of every part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.charts import CHART, LOADER, NAMESPACE, RELEASE, ROOT, helm, named, render, run_helm

Object = dict[str, Any]
ROLES = ("Role", "ClusterRole")
DIGEST = "sha256:" + "ab" * 32
MONITORS = {"monitoring": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}}
EVERYTHING: Object = {
    **MONITORS,
    "imagePullSecrets": ["registry"],
    "images": {"platform": {"digest": DIGEST}, "runner": {"digest": DIGEST}},
    "model": {"name": "m-1", "baseUrl": "https://models.example/v1", "secretName": "model"},
    "admission": {"restorers": ["system:serviceaccount:velero:velero"]},
    "operator": {
        "gitopsAuthors": ["system:serviceaccount:argocd:*"],
        "priorityClassName": "high",
        "podLabels": {"a": "b"},
    },
    "gateway": {
        "anonymousTenant": "trial",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "podAnnotations": {"a": "b"},
    },
    "tenants": {"identities": [{"subject": "system:serviceaccount:web:*", "tenant": "shop"}]},
    "openai": {"passThrough": True, "models": ["gpt-5*", "o4*"], "secretName": "pass", "unstored": True},
}
DEFAULTS = """
ClusterRole seglam-approver seglam-editor seglam-gateway seglam-operator seglam-restorer seglam-trust-editor
ClusterRole seglam-uninstall seglam-viewer
ClusterRoleBinding seglam-gateway seglam-operator seglam-uninstall
ConfigMap seglam-tenants
CustomResourceDefinition procedurecompilations.seglam.dev procedurereviews.seglam.dev procedurerevisions.seglam.dev
CustomResourceDefinition reasoningprocedures.seglam.dev runnerpools.seglam.dev packimports.seglam.dev
CustomResourceDefinition trustpolicies.seglam.dev trustroots.seglam.dev procedurecounterexamples.seglam.dev
Deployment seglam-gateway seglam-operator
Job seglam-uninstall
MutatingAdmissionPolicy seglam-authors
MutatingAdmissionPolicyBinding seglam-authors
Namespace seglam-compile
NetworkPolicy seglam-compile seglam-gateway seglam-operator
Pod seglam-test
PodDisruptionBudget seglam-gateway seglam-operator
Role seglam-compile seglam-operator seglam-operator seglam-uninstall
RoleBinding seglam-compile seglam-operator seglam-operator seglam-uninstall
Service seglam-gateway seglam-operator
ServiceAccount seglam-compile seglam-gateway seglam-operator seglam-uninstall
ValidatingAdmissionPolicy seglam-authors seglam-compilations seglam-compile-job seglam-operator-only
ValidatingAdmissionPolicy seglam-imports seglam-operator-reach seglam-reviews seglam-counterexamples
ValidatingAdmissionPolicyBinding seglam-authors seglam-compilations seglam-compile-job seglam-operator-only
ValidatingAdmissionPolicyBinding seglam-imports seglam-operator-reach seglam-reviews seglam-counterexamples
"""


@pytest.fixture(scope="module")
def defaults() -> list[Object]:
    return render()


@pytest.fixture(scope="module")
def everything() -> list[Object]:
    return render(EVERYTHING)


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Name and spec of every pod that the objects make."""
    for each in objects:
        if each["kind"] == "Pod":
            yield each["metadata"]["name"], each["spec"]
        elif each["kind"] in ("Deployment", "Job"):
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def environment(objects: list[Object], name: str) -> dict[str, str]:
    """Plain environment variables of a Deployment's container."""
    [container] = named(objects, "Deployment", name)["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def test_lint_is_content() -> None:
    for values in ({}, EVERYTHING):
        done = run_helm("lint", "--strict", str(CHART), values=values)
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_chart_consists_of(defaults: list[Object]) -> None:
    wanted = sorted((line.split()[0], name) for line in DEFAULTS.split("\n") if line for name in line.split()[1:])
    assert sorted((each["kind"], each["metadata"]["name"]) for each in defaults) == wanted


def test_everything_is_labelled_as_ours(everything: list[Object]) -> None:
    for each in everything:
        if each["kind"] != "CustomResourceDefinition":
            labels = each["metadata"]["labels"]
            assert labels["app.kubernetes.io/part-of"] == "seglam", each["metadata"]["name"]
            assert labels["app.kubernetes.io/instance"] == RELEASE


def test_pods_ask_for_nothing_that_the_restricted_profile_refuses(everything: list[Object]) -> None:
    seen = dict(pods(everything))
    assert sorted(seen) == ["seglam-gateway", "seglam-operator", "seglam-test", "seglam-uninstall"]
    for name, spec in seen.items():
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True and context["runAsUser"] == 65532, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert all({"secret", "configMap", "emptyDir"} & volume.keys() for volume in spec.get("volumes", []))
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"] and container["resources"]["limits"]["memory"]
            assert container["image"] == f"localhost/seglam-platform@{DIGEST}"
        assert spec["imagePullSecrets"] == [{"name": "registry"}]


def test_deployments_survive_disruptions(defaults: list[Object]) -> None:
    for name in ("seglam-operator", "seglam-gateway"):
        deployment = named(defaults, "Deployment", name)
        assert deployment["spec"]["replicas"] == 2
        selector = deployment["spec"]["selector"]["matchLabels"]
        budget = named(defaults, "PodDisruptionBudget", name)["spec"]
        assert budget == {"maxUnavailable": 1, "selector": {"matchLabels": selector}}
        template = deployment["spec"]["template"]
        assert selector.items() <= template["metadata"]["labels"].items()
        [spread] = template["spec"]["topologySpreadConstraints"]
        assert spread["labelSelector"]["matchLabels"] == selector
        [container] = template["spec"]["containers"]
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
    single = render({"operator": {"replicas": 1}, "gateway": {"replicas": 1}})
    assert not [each for each in single if each["kind"] == "PodDisruptionBudget"]


def test_the_gateway_has_time_to_drain() -> None:
    objects = render({"gateway": {"drainSeconds": 20, "graceSeconds": 60}})
    spec = named(objects, "Deployment", "seglam-gateway")["spec"]
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= 20 + 60
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


# Rights


def rules(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Name of the role, and each of its rules."""
    for each in objects:
        if each["kind"] in ROLES:
            for rule in each["rules"]:
                yield each["metadata"]["name"], rule


def test_no_role_holds_a_wildcard(defaults: list[Object]) -> None:
    for name, rule in rules(defaults):
        listed = [word for values in rule.values() for word in values]
        assert "*" not in "".join(listed), name
        assert not {"escalate", "bind", "impersonate"} & set(listed), name


def test_secrets_are_named(defaults: list[Object]) -> None:
    """Creating cannot be limited to a name; everything else is. The policy seglam-operator-reach limits where."""
    for name, rule in rules(defaults):
        if "secrets" in rule.get("resources", []):
            assert rule["verbs"] == ["create"] or rule["resourceNames"], name
            assert name in ("seglam-operator", "seglam-uninstall")


def test_nobody_but_the_operator_writes_status_or_revisions(defaults: list[Object]) -> None:
    writing = {"create", "update", "patch", "delete", "deletecollection"}
    for name, rule in rules(defaults):
        if name in ("seglam-operator", "seglam-restorer") or not writing & set(rule["verbs"]):
            continue
        assert not [each for each in rule["resources"] if each.endswith("/status") or each == "procedurerevisions"], (
            name
        )


def test_the_verbs_of_reviewing_are_granted_apart(defaults: list[Object]) -> None:
    holders = {
        verb: {name for name, rule in rules(defaults) if verb in rule["verbs"]} for verb in ("approve", "restore")
    }
    assert holders == {"approve": {"seglam-approver"}, "restore": {"seglam-restorer"}}
    aggregated = {
        each["metadata"]["name"]: sorted(label for label in each["metadata"]["labels"] if "aggregate-to" in label)
        for each in defaults
        if each["kind"] == "ClusterRole"
    }
    base = "rbac.authorization.k8s.io/aggregate-to-"
    assert aggregated.pop("seglam-viewer") == [base + "admin", base + "edit", base + "view"]
    assert aggregated.pop("seglam-editor") == [base + "admin", base + "edit"]
    assert not any(aggregated.values())
    assert not [
        label
        for each in render({"rbac": {"aggregate": False}})
        for label in each["metadata"].get("labels", {})
        if "aggregate-to" in label
    ]


def test_what_has_a_token_has_a_use_for_it(defaults: list[Object]) -> None:
    accounts = {name: spec.get("serviceAccountName") for name, spec in pods(defaults)}
    assert accounts.pop("seglam-test") is None
    assert all(name == account for name, account in accounts.items())
    assert dict(pods(defaults))["seglam-test"]["automountServiceAccountToken"] is False
    assert named(defaults, "ServiceAccount", "seglam-compile")["automountServiceAccountToken"] is False


# Network


def egress(objects: list[Object], name: str) -> list[Object]:
    found: list[Object] = named(objects, "NetworkPolicy", name)["spec"]["egress"]
    return found


def test_compile_jobs_reach_the_gateway_and_the_api_server_only() -> None:
    objects = render({"apiServer": {"cidrs": ["10.0.0.5/32"], "ports": [6443]}, **EVERYTHING})
    policy = named(objects, "NetworkPolicy", "seglam-compile")
    assert policy["metadata"]["namespace"] == "seglam-compile"
    assert policy["spec"]["podSelector"] == {} and "ingress" not in policy["spec"]
    gateway, api = policy["spec"]["egress"]
    assert gateway["ports"] == [{"protocol": "TCP", "port": 8443}]
    [peer] = gateway["to"]
    labels = named(objects, "Deployment", "seglam-gateway")["spec"]["template"]["metadata"]["labels"]
    assert peer["podSelector"]["matchLabels"].items() <= labels.items()
    assert peer["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}
    assert api == {"to": [{"ipBlock": {"cidr": "10.0.0.5/32"}}], "ports": [{"protocol": "TCP", "port": 6443}]}


def test_the_internet_is_reached_by_the_gateway_and_only_for_a_model(
    defaults: list[Object], everything: list[Object]
) -> None:
    open_to_all = {"ipBlock": {"cidr": "0.0.0.0/0"}}
    for name in ("seglam-operator", "seglam-gateway", "seglam-compile"):
        assert not [rule for rule in egress(defaults, name) if open_to_all in rule["to"]]
    assert [rule["ports"] for rule in egress(everything, "seglam-gateway") if open_to_all in rule["to"]] == [
        [{"protocol": "TCP", "port": 443}]
    ]
    limited = render({"model": {"name": "m", "cidrs": ["192.0.2.0/24"], "port": 8000}})
    assert {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"protocol": "TCP", "port": 8000}]} in egress(
        limited, "seglam-gateway"
    )
    passing = egress(
        render({"openai": {"passThrough": True, "baseUrl": "https://m/v1", "port": 8443}}), "seglam-gateway"
    )
    assert [rule["ports"] for rule in passing if open_to_all in rule["to"]] == [[{"protocol": "TCP", "port": 8443}]]
    passing = egress(render({"openai": {"passThrough": True}, "model": {"cidrs": ["192.0.2.0/24"]}}), "seglam-gateway")
    assert {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"protocol": "TCP", "port": 443}]} in passing


def test_network_policies_can_be_left_out() -> None:
    assert not [each for each in render({"networkPolicies": {"enabled": False}}) if each["kind"] == "NetworkPolicy"]


# The kinds


def test_the_kinds_are_those_of_the_models() -> None:
    ours, theirs = ROOT / "crds", CHART / "files" / "crds"
    assert {path.name: path.read_text() for path in ours.glob("*.yaml")} == {
        path.name: path.read_text() for path in theirs.glob("*.yaml")
    }, "run `make crds`"


@pytest.mark.parametrize("keep", [True, False])
def test_the_kinds_pass_through_helm_unharmed(keep: bool) -> None:
    """Numbers above a million stay integers, and nothing but the annotation is added."""
    policy = {"helm.sh/resource-policy": "keep"}
    rendered = {}
    for each in render({"crds": {"keep": keep}}):
        if each["kind"] == "CustomResourceDefinition":
            assert each["metadata"].pop("annotations", None) == (policy if keep else None)
            rendered[each["metadata"]["name"]] = each
    files = [yaml.load(path.read_text(), Loader=LOADER) for path in (ROOT / "crds").glob("*.yaml")]
    assert rendered == {each["metadata"]["name"]: each for each in files}
    assert len(rendered) == 9


def test_the_kinds_can_be_left_out() -> None:
    assert not [each for each in render({"crds": {"enabled": False}}) if each["kind"] == "CustomResourceDefinition"]


# Admission


def stamps(*arguments: str, stamp: str = "auto") -> set[str]:
    objects = render({"admission": {"stamp": stamp}}, *arguments)
    return {each["apiVersion"] for each in objects if each["kind"].startswith("MutatingAdmissionPolicy")}


def test_authors_are_stamped_where_the_cluster_can() -> None:
    v1, beta = "admissionregistration.k8s.io/v1", "admissionregistration.k8s.io/v1beta1"
    old = ("--kube-version=1.31.0",)
    connected = (*old, "--api-versions=v1/Namespace")
    assert stamps("--kube-version=1.36.0") == {v1}
    assert stamps(*old) == set()
    assert stamps(*old, f"--api-versions={v1}/MutatingAdmissionPolicy") == {v1}
    assert stamps(*old, f"--api-versions={beta}/MutatingAdmissionPolicy") == {beta}
    assert stamps("--kube-version=1.36.0", "--api-versions=v1/Namespace") == set(), "a cluster that turned it off"
    assert stamps(*connected, stamp="always") == {v1}
    assert stamps("--kube-version=1.36.0", stamp="never") == set()


def test_whatever_is_left_out_the_checks_stay() -> None:
    names = {"authors", "reviews", "operator-only", "compilations", "compile-job", "imports", "operator-reach"}
    names.add("counterexamples")
    objects = render({"admission": {"stamp": "never"}, "networkPolicies": {"enabled": False}})
    for each in objects:
        if each["kind"] == "ValidatingAdmissionPolicyBinding":
            assert each["spec"]["validationActions"] == ["Deny"]
            assert "matchResources" not in each["spec"]
            names.remove(each["spec"]["policyName"].removeprefix("seglam-"))
        if each["kind"] == "ValidatingAdmissionPolicy":
            assert each["spec"]["failurePolicy"] == "Fail"
    assert names == set()


def test_identities_follow_the_namespace_of_the_release() -> None:
    shown = run_helm("template", "other", str(CHART), "--namespace", "elsewhere")
    assert "system:serviceaccount:elsewhere:seglam-operator" in shown.stdout
    assert "seglam-system" not in shown.stdout


# Values


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"operatr": {}}, "operatr"),
        ({"gateway": {"replica": 2}}, "replica"),
        ({"gateway": {"replicas": "2"}}, "/gateway/replicas"),
        ({"images": {"platform": {"digest": "latest"}}}, "/images/platform/digest"),
        ({"images": {"pullPolicy": "Sometimes"}}, "/images/pullPolicy"),
        ({"admission": {"stamp": True}}, "/admission/stamp"),
        ({"admission": {"restorers": ["a' || true || 'b"]}}, "/admission/restorers/0"),
        ({"apiServer": {"cidrs": ["10.0.0.5"]}}, "/apiServer/cidrs/0"),
        ({"tenants": {"identities": [{"subject": "system:serviceaccount:web:*"}]}}, "/tenants/identities/0"),
        ({"model": {"baseUrl": "models.example"}}, "/model/baseUrl"),
        ({"operator": {"requiredApprovals": 0}}, "/operator/requiredApprovals"),
        ({"gateway": {"anonymousTenant": "Not A Namespace"}}, "/gateway/anonymousTenant"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_that_cannot_be_meant_are_refused(values: Object, where: str) -> None:
    done = run_helm("template", RELEASE, str(CHART), values=values)
    assert done.returncode != 0
    assert where in done.stderr.replace("'", "").replace(".", "/"), done.stderr


def test_every_value_is_explained_and_known_to_the_schema() -> None:
    """A comment stands above each value or above the group of values that it belongs to."""
    lines = (CHART / "values.yaml").read_text(encoding="utf-8").splitlines()
    above, unexplained = False, []
    for line in lines:
        if line.lstrip().startswith("#"):
            above = True
        elif not line.strip():
            above = False
        elif not above and not line.lstrip().startswith(("-", "requests", "limits")) and not line.endswith(":"):
            unexplained.append(line)
    assert unexplained == []
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    assert list(_loose(schema)) == []
    assert set(yaml.safe_load("\n".join(lines))) <= schema["properties"].keys()


def _loose(schema: Any, path: str = "") -> Iterator[str]:
    """Objects with named members that take others too."""
    if isinstance(schema, dict):
        if "properties" in schema and "type" in schema and schema.get("additionalProperties") is not False:
            yield path
        for name, member in schema.items():
            yield from _loose(member, f"{path}/{name}")


def test_settings_reach_the_processes() -> None:
    objects = render(
        EVERYTHING | {"runners": {"memoryMiB": 1048576}, "compile": {"recordingsConfigMaps": ["a", "b"]}},
    )
    operator = environment(objects, "seglam-operator")
    assert operator["SEGLAM_GITOPS_AUTHORS"] == "system:serviceaccount:argocd:*"
    assert operator["SEGLAM_RUNNER_MEMORY_MIB"] == "1048576"
    assert operator["SEGLAM_COMPILE_RECORDINGS"] == "a,b"
    assert operator["SEGLAM_RUNNER_IMAGE"] == f"localhost/seglam-runner@{DIGEST}"
    gateway = environment(objects, "seglam-gateway")
    assert gateway["SEGLAM_ANONYMOUS_TENANT"] == "trial"
    assert gateway["OPENAI_BASE_URL"] == "https://models.example/v1"
    assert gateway["SEGLAM_COMPILE_TOKENS"] == "400000"
    assert gateway["SEGLAM_PASS_THROUGH"] == gateway["SEGLAM_OPENAI_UNSTORED"] == "1"
    assert gateway["SEGLAM_OPENAI_MODELS"] == "gpt-5*,o4*"
    assert environment(render(), "seglam-gateway")["SEGLAM_PASS_THROUGH"] == "0"
    assert "SEGLAM_UPSTREAM_KEY" not in gateway
    assert "OPENAI_API_KEY" not in {**gateway, **operator}
    tenants = yaml.safe_load(named(objects, "ConfigMap", "seglam-tenants")["data"]["tenants.yaml"])
    assert tenants == {"identities": [{"subject": "system:serviceaccount:web:*", "tenant": "shop"}]}


def test_the_processes_know_every_setting() -> None:
    """A variable that no code reads is a setting that does nothing."""
    sources = [*(ROOT / "runtime").rglob("*.py"), *(ROOT / "operator").rglob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    objects = render(EVERYTHING)
    for name in ("seglam-operator", "seglam-gateway"):
        known = [
            f'"{each}"' in code or f'"{each.removeprefix("SEGLAM_")}"' in code for each in environment(objects, name)
        ]
        unread = [each for each, is_known in zip(environment(objects, name), known, strict=True) if not is_known]
        assert unread == [], name


def test_extra_objects_are_templates() -> None:
    plain = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "plain"},
        "data": {"in": "{{ .Release.Namespace }}"},
    }
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: text-of-{{ .Release.Name }}\n"
    objects = render({"extraObjects": [plain, text]})
    assert named(objects, "ConfigMap", "plain")["data"] == {"in": NAMESPACE}
    assert named(objects, "ConfigMap", f"text-of-{RELEASE}")


def test_notes_say_what_to_do(tmp_path: Any) -> None:
    """Notes are rendered where a release is installed; a client-side dry run needs no cluster."""

    def notes(values: Object, *arguments: str) -> str:
        command = ["install", RELEASE, str(CHART), "--namespace", NAMESPACE, "--dry-run=client", *arguments]
        done = run_helm(*command, values=values)
        assert done.returncode == 0, done.stderr
        return done.stdout.partition("NOTES:")[2]

    helm()
    plain = notes({})
    assert "kubectl -n shop get rpr" in plain and "No model is set" in plain
    assert "apiServer.cidrs" in plain and "authors are not stamped" not in plain
    unstamped = notes({"admission": {"stamp": "never"}})
    assert "seglam.dev/authors: |-" in unstamped
    settled = notes(EVERYTHING | {"apiServer": {"cidrs": ["10.0.0.5/32"], "ports": [6443]}})
    assert "No model is set" not in settled and "apiServer.cidrs" not in settled and "by tag" not in settled
    assert "tenant trial" in settled


@pytest.mark.parametrize(("stamp", "stated"), [("always", "0"), ("never", "1")])
def test_the_operator_clears_authors_only_where_a_policy_stamps_them(stamp: str, stated: str) -> None:
    objects = render({"admission": {"stamp": stamp}})
    assert environment(objects, "seglam-operator")["SEGLAM_STATED_AUTHORS"] == stated
