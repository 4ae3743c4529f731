"""The fork server: imports everything once, and forks warm processes from then on.

It stays single-threaded, with no event loop and no connection, so that forking it is safe. It is told what to do over
a socket it inherits: each byte comes with one end of another socket, and asks for a process that serves it. It answers
with lines: `born PID`, in the order of the asking, and `died PID CODE`. When its worker is gone, so are it and every
process it has forked.
"""

import ctypes
import gc
import importlib
import os
import selectors
import signal
import socket
import sys

from deployments.worker.processes.environment import told

PR_SET_PDEATHSIG = 1


def main() -> None:
    """`FD MODULE...`: preload the modules, then fork on demand; returns in a process that has served.

    The settings come by the standard input.
    """
    control, modules = int(sys.argv[1]), sys.argv[2:]
    with told(sys.stdin.buffer):
        for name in modules:
            importlib.import_module(name)
        from deployments.worker._prefect import Clients, complete_models, import_for_first_run
        from deployments.worker.processes.process import work

        import_for_first_run()
        complete_models()
        clients = Clients()
    gc.collect()
    gc.freeze()  # the collector does not touch, and so does not copy, what all processes share
    work(Server(socket.socket(fileno=control)).serve(), clients)


class Server:
    """Forks and reaps."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._alive: set[int] = set()
        self._wake_reader, self._wake_writer = socket.socketpair()

    def serve(self) -> socket.socket:
        """Fork until the worker is gone. Returns in the forked process only: its end of the line."""
        for number in (signal.SIGTERM, signal.SIGINT):  # meant for the worker, who then hangs up
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._wake_writer.setblocking(False)
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._wake_reader:
                        self._wake_reader.recv(4096)
                        self._reap()
                    elif line := self._fork():
                        return line

    def _fork(self) -> socket.socket | None:
        _, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
        if not descriptors:
            self._end()
        server = os.getpid()
        if pid := os.fork():
            os.close(descriptors[0])
            self._alive.add(pid)
            self._say(f"born {pid}")
            return None
        become_a_process(server)
        self._control.close()
        signal.set_wakeup_fd(-1)
        self._wake_reader.close()
        self._wake_writer.close()
        return socket.socket(fileno=descriptors[0])

    def _reap(self) -> None:
        while self._alive:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._alive.discard(pid)
            self._say(f"died {pid} {os.waitstatus_to_exitcode(status)}")

    def _say(self, words: str) -> None:
        try:
            self._control.sendall(f"{words}\n".encode())
        except OSError:
            self._end()

    def _end(self) -> None:
        for pid in self._alive:
            kill_group(pid)
        os._exit(0)


def become_a_process(server: int) -> None:
    """Lead a process group, and die with the fork server: nothing runs unseen."""
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)


def kill_group(pid: int) -> None:
    """End a process and everything that it has started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        try:
            os.kill(pid, signal.SIGKILL)  # it was forked a moment ago, and does not lead its group yet
        except ProcessLookupError:
            return


if __name__ == "__main__":
    main()
