"""The process in which `lineage_apart` parses texts, within limits that the operating system enforces."""

import resource
import sys

import msgspec

from datasources.databases.separate import limit_memory
from datasources.databases.view_lineage.apart import APART_SECONDS, READY, Texts
from datasources.databases.view_lineage.lineage import lineage_of


def main() -> None:
    """Report that the process is ready, parse the texts, and write their lineage."""
    resource.setrlimit(resource.RLIMIT_CPU, (APART_SECONDS, APART_SECONDS))
    limit_memory()
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    texts = msgspec.json.decode(sys.stdin.buffer.read(), type=Texts)
    sys.stdout.buffer.write(msgspec.json.encode(lineage_of(texts.views, dict(texts.columns), texts.dialect)))


if __name__ == "__main__":
    main()
