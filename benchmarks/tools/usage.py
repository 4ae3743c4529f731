"""CPU time and memory of trees of processes."""

from collections.abc import Iterator
from contextlib import suppress

import psutil
from msgspec import Struct

MEGABYTE = 2**20
ROLES = {"prefect-server": "prefect", "worker": "worker", "serve": "api"}
"""Words of our own command line, and whose process it is."""


class Trees(Struct):
    """Root process by role."""

    roots: dict[str, int]

    @classmethod
    def of_stack(cls) -> "Trees":
        """The stack that this process has started."""
        roots: dict[str, int] = {}
        for child in psutil.Process().children():
            with suppress(psutil.Error):
                words = child.cmdline()
                role = next((role for word, role in ROLES.items() if word in words), None)
                role = "postgres" if words and words[0].endswith("/postgres") else role
                if role:
                    roots.setdefault(role, child.pid)
        return cls(roots)

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU used so far, by role; `processes` are those in which the worker has flows run."""
        used = {role: seconds(members, ended=True) for role, members in self._members()}
        if "worker" in self.roots:
            root = [psutil.Process(self.roots["worker"])]
            used["worker"] = seconds(root, ended=False)
            used["processes"] += seconds(root, ended=True) - used["worker"]
        return used

    def memory(self) -> dict[str, tuple[float, float]]:
        """Resident memory and its proportional share (PSS), in MB, by role."""
        return {role: memory(members) for role, members in self._members()}

    def role_of(self, pid: int) -> str:
        """Whose process this is."""
        return next((role for role, members in self._members() if any(m.pid == pid for m in members)), "other")

    def _members(self) -> Iterator[tuple[str, list[psutil.Process]]]:
        for role, pid in self.roots.items():
            with suppress(psutil.NoSuchProcess):
                root = psutil.Process(pid)
                children = root.children(recursive=True)
                if role == "worker":
                    yield "worker", [root]
                    yield "processes", children
                else:
                    yield role, [root, *children]


def seconds(processes: list[psutil.Process], *, ended: bool) -> float:
    """User and system time; with that of their ended children, if wanted."""
    total = 0.0
    for process in processes:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
            if ended:
                total += times.children_user + times.children_system
    return total


def memory(processes: list[psutil.Process]) -> tuple[float, float]:
    """RSS counts shared pages once for each process; PSS divides them. MB; PSS is 0 where the system has none."""
    rss = pss = 0.0
    for process in processes:
        with suppress(psutil.Error):
            full = process.memory_full_info()
            rss += full.rss / MEGABYTE
            pss += getattr(full, "pss", 0) / MEGABYTE
    return rss, pss
