"""All services of the compose file, started in the order that it says, until the end of the block."""

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from benchmarks.machines.compose import COMPLETED, HEALTHY, Service
from benchmarks.machines.container import Container
from benchmarks.machines.images import program_of
from benchmarks.machines.network import Keep, Machine, Networks, hosts_file

END_SECONDS = 180.0


class Cluster:
    """The services that run, by name; of several replicas each is a container, as `worker-1`, `worker-2`."""

    def __init__(self, services: Mapping[str, Service], folder: Path, networks: Networks, keep: Keep) -> None:
        self.services = services
        self.folder = folder
        self.networks = networks
        self.containers: dict[str, Container] = {}
        self._keep = keep
        self._addresses = {
            name: {network: networks.reserve(network) for network in service.networks}
            for service in services.values()
            for name in replicas(service)
        }

    def __getitem__(self, name: str) -> Container:
        return self.containers[name]

    def start(self) -> None:
        """Start everything. Raises what the first service that failed raised."""
        started: dict[str, Future[None]] = {}
        with ThreadPoolExecutor(len(self.services)) as threads:
            for name in self.services:
                started[name] = threads.submit(self._start_after, name, started)
        for future in started.values():
            future.result()

    def end(self) -> None:
        """Kill everything: what it has kept is removed anyway."""
        for container in self.containers.values():
            container.end()
            container.machine.end()

    def address(self, name: str, network: str | None = None) -> str:
        """Where a container is."""
        found = self._addresses[name]
        return found[network] if network else next(iter(found.values()))

    def names_in(self, networks: tuple[str, ...]) -> dict[str, str]:
        """Every name that is known in one of these networks, and where it leads."""
        found: dict[str, str] = {}
        for service in self.services.values():
            for name in replicas(service):
                shared = [address for network, address in self._addresses[name].items() if network in networks]
                if shared:
                    found[name] = shared[0]
                    found.setdefault(service.name, shared[0])
        return found

    def _start_after(self, name: str, started: Mapping[str, Future[None]]) -> None:
        service = self.services[name]
        for needed, condition in service.needs.items():
            while needed not in started:  # it is being put there
                time.sleep(0.01)
            started[needed].result(END_SECONDS)
            if condition == COMPLETED and (code := self.containers[needed].wait(END_SECONDS)) != 0:
                raise RuntimeError(f"{needed} ended with {code}; see {self.containers[needed].log}")
            if condition == HEALTHY and (health := self.services[needed].health):
                self.containers[needed].wait_until_healthy(health)
        for replica in replicas(service):
            self._run(service, replica)

    def _run(self, service: Service, name: str) -> None:
        program = program_of(service, self.folder / name)
        hosts = hosts_file(self.folder, name, self.names_in(service.networks))
        machine = Machine(name, {**program.mounts, "/etc/hosts": str(hosts)}, self._keep)
        self.networks.connect(machine, self._addresses[name])
        log = self.folder / f"{name}.log"
        container = Container(name, program, machine, log, restarts=service.restarts, keep=self._keep)
        self.containers[name] = container
        container.start()


def replicas(service: Service) -> list[str]:
    """The names of its containers."""
    if service.replicas == 1:
        return [service.name]
    return [f"{service.name}-{number + 1}" for number in range(service.replicas)]
