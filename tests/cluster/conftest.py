"""What the tests on a cluster share: the cluster, the images, the installed chart, namespaces, and a look at failures.

    pytest tests/cluster                               on kind or on a real node of our own
    pytest tests/cluster --kubeconfig PATH --kube-context NAME --platform-image ... --runner-image ...

In one process, or in two lanes that share the cluster: see `lanes`.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import lanes, release
from tests.cluster.choosing import Cluster, NoCluster, NotAllowed, found, given, server_version
from tests.cluster.images import Images
from tests.cluster.kubectl import Kubectl
from tests.cluster.node import NodeError

_CLUSTER = pytest.StashKey[Cluster]()
_SHARED = pytest.StashKey[ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cluster", "the cluster under test")
    group.addoption("--kubeconfig", help="take this cluster instead of one of our own")
    group.addoption("--kube-context", help="the kubeconfig's context; the current one if not given")
    group.addoption("--platform-image", help="image for a cluster that was given")
    group.addoption("--runner-image", help="image for a cluster that was given")
    group.addoption("--keep-cluster", action="store_true", help="leave a cluster of our own up at the end")
    group.addoption("--keep-release", action="store_true", help="leave the chart installed at the end")


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test of the installed chart in the other lane would find none, or one that changes under it."""
    if item.path.parent == Path(__file__).parent and _needs(item, "installed") and item.path.stem not in lanes.CHART:
        raise pytest.UsageError(
            f"{item.path.stem} has tests of the installed chart: name it in tests.cluster.lanes.CHART"
        )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> lanes.Lanes:
    """Lanes, whatever `--dist` says."""
    return lanes.Lanes(config, log)


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Each test has its turn, and so do its fixtures."""
    with lanes.turn(item):
        return (yield)


def pytest_sessionstart(session: pytest.Session) -> None:
    """With lanes, their common parent brings up what they share, and builds the images beside the first tests."""
    config = session.config
    if not getattr(config.option, "numprocesses", None) or hasattr(config, "workerinput"):
        return
    try:
        chosen = config.stash[_SHARED].enter_context(_chosen(config.option))
    except (NoCluster, NotAllowed, NodeError):
        return  # each lane says so
    config.stash[_CLUSTER] = chosen
    threading.Thread(target=_build_images, args=(chosen,), daemon=True).start()


def pytest_configure(config: pytest.Config) -> None:
    """Room for what the parent of lanes holds."""
    config.stash[_SHARED] = ExitStack()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Take away what `pytest_sessionstart` brought up."""
    session.config.stash[_SHARED].close()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a lane that its cluster ends with it."""
    chosen = node.config.stash.get(_CLUSTER, None)
    node.workerinput["cluster_ends"] = chosen is not None and chosen.ends


def _build_images(cluster: Cluster) -> None:
    with contextlib.suppress(NoCluster, NodeError):  # whoever needs them says so
        cluster.images()


@contextmanager
def _chosen(options: Any) -> Iterator[Cluster]:
    images = None
    if options.platform_image and options.runner_image:
        images = Images(options.platform_image, options.runner_image)
    named = options.kubeconfig or options.kube_context
    way = given(options.kubeconfig, options.kube_context, images) if named else found(keep=options.keep_cluster)
    with way as cluster:
        yield cluster


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The cluster under test; without one every test of the tier is skipped, with the reason."""
    with ExitStack() as stack:
        try:
            chosen = stack.enter_context(_chosen(request.config.option))
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
    ends = getattr(request.config, "workerinput", {}).get("cluster_ends", cluster.ends)
    if not request.config.option.keep_release and not ends:
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
