# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server with its etcd on this machine's loopback."""

import http.client
import shutil
import ssl
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tests.lab.apiserver.arguments import ETCD_ENVIRONMENT, apiserver_command, etcd_command
from tests.lab.apiserver.authorization import Authorizer
from tests.lab.apiserver.background import BackgroundProcess, free_ports
from tests.lab.apiserver.binaries import Binaries
from tests.lab.apiserver.certificates import ADMIN, Authority, User
from tests.lab.apiserver.client import CRD_PATH, STATE_PATH, Client, Collection, Json
from tests.lab.apiserver.etcd import compact, revision
from tests.lab.apiserver.kubeconfig import write_kubeconfig
from tests.lab.process import LabError
from tests.lab.progress import Progress

LOOPBACK = "127.0.0.1"
#: How a guest of QEMU's user network reaches the host's loopback.
SEEN_FROM_QEMU = "10.0.2.2"
#: Seconds until a server answers; some two are usual, emulators beside it take their share.
START_PATIENCE = 90.0
MANIFESTS = Path(__file__).parents[3] / "packaging/kubernetes"
CRD_FILE = MANIFESTS / "crd.yaml"
NODE_STATE_FILE = MANIFESTS / "crd-node-state.yaml"
CRD_NAME = "vrfrouteconfigurations.network.schiff.telekom.de"
NODE_STATE_NAME = "vrfnodestates.network.schiff.telekom.de"


class ApiServer:
    """etcd and an API server, from `start` (or entering `with`) to `close`.

    Certificates, ports and data stay the same over `stop` and `start`.
    """

    def __init__(
        self, binaries: Binaries, *, authorizer: Authorizer | None = None,
        addresses: tuple[str, ...] = (LOOPBACK, SEEN_FROM_QEMU), options: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """Prepare a server whose certificate is good for `addresses`; it listens on 127.0.0.1.

        `authorizer` decides about users other than system:masters, where the binaries know
        no RBAC; without one they are refused. `options` are added to the API server's own.
        """
        self._binaries = binaries
        self._authorizer = authorizer
        self._options = options
        self.directory = Path(tempfile.mkdtemp(prefix="netop-apiserver-"))
        self.authority = Authority(self.directory, addresses)
        self.port, self._etcd_port, self._peer_port = free_ports(3)
        self._etcd: BackgroundProcess | None = None
        self._apiserver: BackgroundProcess | None = None

    @classmethod
    def found(cls, progress: Progress, authorizer: Authorizer | None = None) -> "ApiServer":
        """A server made of what this machine has or can build; raises LabError with the reason."""
        return cls(Binaries.find(progress), authorizer=authorizer)

    def __enter__(self) -> "ApiServer":
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    @property
    def complete(self) -> bool:
        """Whether it is a whole kube-apiserver, with RBAC and the core group."""
        return self._binaries.complete

    def client(self, user: User = ADMIN) -> Client:
        """A client with that user's certificate."""
        made = self.authority.client(user)
        tls = ssl.create_default_context(cafile=str(self.authority.certificate))
        tls.load_cert_chain(made.certificate, made.key)
        return Client(LOOPBACK, self.port, tls)

    def routes(self, user: User = ADMIN) -> Collection:
        """The VRFRouteConfigurations as that user sees them."""
        return Collection(self.client(user))

    def states(self, user: User = ADMIN) -> Collection:
        """The VRFNodeStates as that user sees them."""
        return Collection(self.client(user), STATE_PATH)

    def kubeconfig(self, host: str = LOOPBACK, user: User = ADMIN) -> Path:
        """A kubeconfig that holds all it needs, for a client that knows this machine as `host`."""
        made = self.authority.client(user)
        return write_kubeconfig(
            self.directory / f"{made.certificate.stem}-{host}.kubeconfig",
            f"https://{host}:{self.port}", self.authority.certificate, made,
        )  # fmt: skip

    def apply_crd(self) -> Json:
        """Create or update the CRDs and wait until they are served; returns that of routes."""
        client = self.client()
        for path in (CRD_FILE, NODE_STATE_FILE):
            Collection(client, CRD_PATH).apply(path.read_text(encoding="utf-8"))
        self._await_served(client)
        return client.request("GET", f"{CRD_PATH}/{CRD_NAME}")

    def start(self) -> None:
        """Start what does not run, and wait until it is ready. Raises LabError."""
        if self._etcd is None:
            command = etcd_command(self._binaries, self.directory, self._etcd_port, self._peer_port)
            self._etcd = BackgroundProcess(command, self.directory / "etcd.log", ETCD_ENVIRONMENT)
        self._await_etcd(self._etcd)
        if self._apiserver is None:
            command = apiserver_command(
                self._binaries, self.directory, self.authority, self.port, self._etcd_port,
                self._authorization_kubeconfig(),
                policies=bool(self._authorizer and self._authorizer.registration.manifests),
            )  # fmt: skip
            self._apiserver = BackgroundProcess(
                [*command, *self._options], self.directory / "apiserver.log"
            )
        self._await_ready(self._apiserver)

    def stop(self) -> None:
        """End the API server: connections are closed, new ones refused. The data stays."""
        if self._apiserver is not None:
            self._apiserver.end()
            self._apiserver = None

    def pause(self) -> None:
        """Freeze the API server: connections stay open, and nothing answers."""
        if self._apiserver is None:
            raise LabError("the API server does not run")
        self._apiserver.pause()

    def resume(self) -> None:
        """Let a frozen API server go on."""
        if self._apiserver is not None:
            self._apiserver.resume()

    def close(self) -> None:
        """End everything and remove its directory."""
        self.stop()
        if self._etcd is not None:
            self._etcd.end()
            self._etcd = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def compact(self) -> int:
        """Forget etcd's history up to now, as happens every five minutes; returns the revision.

        The API server goes on answering from its own memory; see `expire`.
        """
        return compact(self._etcd_port)

    def expire(self) -> None:
        """Make all resource versions known so far too old, the present one included.

        Compaction alone does not: the API server remembers events itself, so it is restarted.
        """
        self.advance()
        self.compact()
        self.stop()
        self.start()

    def advance(self) -> None:
        """Raise the resource version without touching a VRFRouteConfiguration.

        In a cluster that happens all the time. Only then does an idle watch get a bookmark,
        two seconds before its end or after a minute.
        """
        change = {"metadata": {"annotations": {"lab/advanced": str(time.time_ns())}}}
        Collection(self.client(), CRD_PATH).patch(CRD_NAME, change)

    def log(self) -> str:
        """What the API server has written so far."""
        return (self.directory / "apiserver.log").read_text(encoding="utf-8", errors="replace")

    def _authorization_kubeconfig(self) -> Path:
        """The server's way to whoever decides for it; itself, where nobody does."""
        if self._authorizer is None:
            return self.kubeconfig()
        return self._authorizer.kubeconfig(self.directory)

    def _await_etcd(self, etcd: BackgroundProcess) -> None:
        await_success(etcd, lambda: revision(self._etcd_port) > 0)

    def _await_ready(self, apiserver: BackgroundProcess) -> None:
        client = self.client()
        # Its informers ask for kinds of the core group, which only a complete server has.
        but = {} if self.complete else {"exclude": "informer-sync"}

        def ready() -> bool:
            return client.request("GET", "/readyz", query=but, timeout=5).get("message") == "ok"

        await_success(apiserver, ready)
        if CRD_NAME in Collection(client, CRD_PATH).names():
            self._await_served(client)

    def _await_served(self, client: Client) -> None:
        """Wait until routes can be listed and watched, and the states of nodes listed."""
        crds = Collection(client, CRD_PATH)
        routes = Collection(client)

        def served() -> bool:
            made = [is_true(crds.get(name), "Established") for name in (CRD_NAME, NODE_STATE_NAME)]
            Collection(client, STATE_PATH).names()
            version = routes.listing()["metadata"]["resourceVersion"]
            # After a start, lists work a moment before watches do.
            return all(made) and all(
                event["type"] == "BOOKMARK" for event in routes.watch(version, seconds=1)
            )

        if self._apiserver is not None:
            await_success(self._apiserver, served)


def await_success(process: BackgroundProcess, works: Callable[[], bool]) -> None:
    """Wait until the process does what it should; raises LabError if it ends or takes too long."""
    deadline = time.monotonic() + START_PATIENCE
    problem: Exception | None = None
    while time.monotonic() < deadline:
        process.check()
        try:
            if works():
                return
        except (OSError, http.client.HTTPException, LabError) as error:
            problem = error
        time.sleep(0.05)
    raise LabError(f"{process.name} is not ready after {START_PATIENCE:.0f} s: {problem}")


def is_true(resource: Json, condition: str) -> bool:
    """Whether a resource's status has this condition as true."""
    conditions = resource.get("status", {}).get("conditions") or ()
    return any(one["type"] == condition and one["status"] == "True" for one in conditions)
