"""A flow of a user's own, in a process of its own: `python gated_flow.py pass|fail|serve NAME`."""

import sys

from prefect import flow
from sourcecheck import CheckFailed
from sourcecheck.prefect import require_healthy


@flow(name="load")
def load(name: str) -> str:
    """Load what the source holds, once it is healthy."""
    return f"loaded {require_healthy(name, max_age='1h').source.name}"


if __name__ == "__main__":
    what, source = sys.argv[1:]
    if what == "serve":
        load.serve(name="gated", parameters={"name": source}, pause_on_shutdown=False, limit=1)
    elif what == "pass":
        print(load(source))
        print(load(source))
    else:
        try:
            load(source)
        except CheckFailed as error:
            print(f"refused at {error.step}: {error.code}; {error.advice}")
