"""What the tests on a cluster share: the cluster, the images, the installed chart, namespaces, and a look at failures.

    pytest tests/cluster                               on kind or on a real node of our own
    pytest tests/cluster --kubeconfig PATH --kube-context NAME --platform-image ... --runner-image ...

Run them in one process: they share one cluster.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster import release
from tests.cluster.choosing import Cluster, NoCluster, NotAllowed, found, given, server_version
from tests.cluster.images import Images
from tests.cluster.kubectl import Kubectl
from tests.cluster.node import NodeError

_CLUSTER = pytest.StashKey[Cluster]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cluster", "the cluster under test")
    group.addoption("--kubeconfig", help="take this cluster instead of one of our own")
    group.addoption("--kube-context", help="the kubeconfig's context; the current one if not given")
    group.addoption("--platform-image", help="image for a cluster that was given")
    group.addoption("--runner-image", help="image for a cluster that was given")
    group.addoption("--keep-cluster", action="store_true", help="leave a cluster of our own up at the end")
    group.addoption("--keep-release", action="store_true", help="leave the chart installed at the end")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the installed chart come last, and at the very end its removal: others bring an operator of their own.

    The time limit is for tests alone: what they share may have to build Kubernetes and two images first.
    """
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(900, func_only=True))
    items.sort(key=lambda item: (_needs(item, "installed"), item.path.stem == "test_uninstall"))


def _needs(item: pytest.Item, fixture: str) -> bool:
    return fixture in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The cluster under test; without one every test of the tier is skipped, with the reason."""
    options = request.config.option
    images = None
    if options.platform_image and options.runner_image:
        images = Images(options.platform_image, options.runner_image)
    named = options.kubeconfig or options.kube_context
    with ExitStack() as stack:
        try:
            way = given(options.kubeconfig, options.kube_context, images) if named else found(keep=options.keep_cluster)
            chosen = stack.enter_context(way)
        except NoCluster as problem:
            pytest.skip(f"no cluster: {problem}")
        except (NotAllowed, NodeError) as problem:
            pytest.exit(str(problem), returncode=4)
        request.config.stash[_CLUSTER] = chosen
        print(f"\ncluster: {chosen.origin}, {chosen.kubectl.context}, Kubernetes {server_version(chosen.kubectl)}")
        yield chosen


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Kubectl:
    """kubectl as the cluster's administrator."""
    return cluster.kubectl


@pytest.fixture(scope="session")
def kubeconfig(cluster: Cluster) -> Path:
    """The administrator's kubeconfig."""
    return cluster.kubeconfig


@pytest.fixture(scope="session")
def images(cluster: Cluster) -> Images:
    """The project's images, made from this tree, in the cluster."""
    try:
        return cluster.images()
    except NoCluster as problem:
        pytest.skip(str(problem))


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace of the test's own, gone when it ends."""
    name = f"seglam-test-{secrets.token_hex(4)}"
    release.ensure_namespace(kubectl, name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture(scope="session")
def installed(request: pytest.FixtureRequest, cluster: Cluster, images: Images) -> Iterator[Cluster]:
    """The cluster with the chart installed, from the images of this tree."""
    release.install(cluster, release.values_of(images))
    yield cluster
    if not request.config.option.keep_release:
        release.uninstall(cluster)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[None]:  # a generator, as pluggy wants it
    """After a failure, add what the cluster says to the report."""
    report = yield
    chosen = item.config.stash.get(_CLUSTER, None)
    if report is not None and report.failed and chosen is not None:
        report.sections.append(("the cluster", _diagnosis(chosen.kubectl)))
    return report


def _diagnosis(kubectl: Kubectl) -> str:
    """Events, pods, objects of seglam and the last words of the platform's and the runners' pods."""
    seen = []
    for command in (
        ("get", "events", "-A", "--sort-by=.lastTimestamp"),
        ("get", "pods", "-A", "-o", "wide"),
        ("get", "rp,rprev,rpr,rpc,rpool", "-A", "-o", "wide"),
        ("logs", "-n", release.SYSTEM, "-l", "app.kubernetes.io/component=operator", "--tail=60", "--prefix"),
        ("logs", "-n", release.SYSTEM, "-l", "app.kubernetes.io/component=gateway", "--tail=60", "--prefix"),
        ("logs", "-n", release.COMPILE, "-l", "seglam.dev/component=compile", "--tail=60", "--prefix"),
    ):
        done = kubectl.attempt("--request-timeout=10s", *command)
        seen.append(f"$ kubectl {' '.join(command)}\n" + "\n".join((done.stdout + done.stderr).splitlines()[-60:]))
    return "\n\n".join(seen)
