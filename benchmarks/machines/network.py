"""Networks as a compose file has them, out of Linux's namespaces: a bridge each, and a namespace for each service.

Every namespace is held by a process, and so are the bridges: nothing is left when those have ended, however that was.
"""

import os
import random
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

HOLDER = 'hostname "$0"; {mounts} echo ready; exec sleep infinity'
"""Makes what a service is to see before its first process starts."""
Keep = Callable[[int], None]
"""Is told of every process that must not outlive us."""


class Machine:
    """The namespaces of one service: its network, its host name, and the files that lie elsewhere for it."""

    def __init__(self, name: str, mounts: Mapping[str, str], keep: Keep) -> None:
        """`mounts` are files by where they are seen; what is there has to exist."""
        self.name = name
        self.addresses: dict[str, str] = {}
        """Its own address in each of its networks."""
        quoted = "".join(f"mount --bind {source} {target}; " for target, source in mounts.items())
        command = ["unshare", "--net", "--uts", "--mount", "sh", "-e", "-c", HOLDER.format(mounts=quoted), name]
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        keep(self._holder.pid)
        assert self._holder.stdout is not None  # noqa: S101
        if self._holder.stdout.readline() != b"ready\n":
            raise OSError(f"no namespaces for {name}")
        self.configure("link set lo up")

    @property
    def holder(self) -> int:
        """The process that holds the namespaces."""
        return self._holder.pid

    def inside(self, command: Sequence[str]) -> list[str]:
        """The command that runs this one there."""
        return ["nsenter", f"--target={self.holder}", "--net", "--uts", "--mount", "--", *command]

    def configure(self, *lines: str) -> None:
        """Have `ip` carry out these lines in its network."""
        command = ["nsenter", f"--target={self.holder}", "--net", "--", "ip", "-batch", "-"]
        subprocess.run(command, input="\n".join(lines).encode(), check=True)

    def end(self) -> None:
        """Give the namespaces up."""
        self._holder.kill()
        self._holder.wait()


class Networks:
    """The bridges, each of which this process has an address on as well."""

    def __init__(self, names: Sequence[str], keep: Keep) -> None:
        """Needs root."""
        self._switch = Machine("switch", {}, keep)
        self._used = dict.fromkeys(names, 1)
        self._block = _free_block()
        self._ports = 0
        for number, name in enumerate(names):
            self._switch.configure(f"link add br{number} type bridge", f"link set br{number} up")
            ours = f"sc{self._block}n{number}"
            _ip(f"link add {ours} type veth peer name host{number} netns {self._switch.holder}")
            self._switch.configure(f"link set host{number} master br{number}", f"link set host{number} up")
            _ip(f"addr add {self._address(name, 1)}/24 dev {ours}", f"link set {ours} up")

    def subnet(self, name: str) -> str:
        """All addresses of this network."""
        return self._address(name, 0) + "/24"

    def reserve(self, name: str) -> str:
        """The next address of this network."""
        self._used[name] += 1
        return self._address(name, self._used[name])

    def connect(self, machine: Machine, addresses: Mapping[str, str]) -> None:
        """Give a machine these addresses, one in each of its networks, and nothing beyond: it has no way out."""
        for place, (name, address) in enumerate(addresses.items()):
            number, port, self._ports = self._number(name), f"port{self._ports}", self._ports + 1
            self._switch.configure(
                f"link add {port} type veth peer name eth{place} netns {machine.holder}",
                f"link set {port} master br{number}",
                f"link set {port} up",
            )
            machine.configure(f"addr add {address}/24 dev eth{place}", f"link set eth{place} up")
        machine.addresses = dict(addresses)

    def end(self) -> None:
        """Take the bridges away."""
        self._switch.end()

    def _number(self, name: str) -> int:
        return list(self._used).index(name)

    def _address(self, name: str, host: int) -> str:
        return f"10.{self._block}.{self._number(name)}.{host}"


def hosts_file(folder: Path, name: str, known: Mapping[str, str]) -> Path:
    """The file that says who is where for one machine."""
    file = folder / f"{name}.hosts"
    file.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {other}\n" for other, address in known.items()))
    return file


def _free_block() -> int:
    """Of the networks 10.64 to 10.127 one that nothing here uses, by chance: another run may begin now as well."""
    taken = subprocess.run(["ip", "-4", "-o", "addr"], capture_output=True, text=True, check=True).stdout
    free = [block for block in range(64, 128) if f" 10.{block}." not in taken]
    return random.SystemRandom().choice(free)


def _ip(*lines: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines).encode(), check=True)


def why_not() -> str | None:
    """Why namespaces cannot be made here; None when they can."""
    if os.geteuid() != 0:
        return "only root can make networks of its own"
    tried = subprocess.run(
        ["unshare", "--net", "--uts", "--mount", "--pid", "--fork", "ip", "link", "add", "br0", "type", "bridge"],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if tried.returncode == 0 else f"this machine has no network namespaces: {tried.stderr.strip()}"
