"""The service's part of the command `sourcecheck`: makes sure that Python found our own packages, then adds to it.

The packages have everyday names (`api`, `tasks`, …). A package of the same name, in a folder that Python searches
first or in another distribution, would take the place of ours. Until that is known, only the standard library is
imported here; the client, whose command it is, imports nothing of those names.
"""

import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from hashlib import sha256
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGES = ("api", "datasources", "deployments", "flows", "tasks")
HOME = Path(__file__).resolve().parent


def add_commands(commands: Any) -> None:
    """Add the service's commands to those of the client (an argparse subparsers action).

    Ends the program with code 2 when a package is not ours.
    """
    refuse_foreign_packages()
    from deployments.cli import main, try_source

    main.add_commands(commands)
    try_source.add_commands(commands)


def main() -> None:
    """Run the service's commands by themselves (`python -m deployments.cli`); exit code 2 for a foreign package."""
    refuse_foreign_packages()
    from deployments.cli.main import main as run

    run()


def refuse_foreign_packages() -> None:
    """End the program with a sentence and code 2 when a package is not ours."""
    if problem := foreign_package():
        print(f"sourcecheck: {problem}", file=sys.stderr)
        sys.exit(2)


def foreign_package() -> str | None:
    """One sentence about the first package that is not ours; None when all are."""
    return misplaced(HOME, find_spec) or overwritten(HOME, recorded())


def misplaced(home: Path, find: Callable[[str], ModuleSpec | None]) -> str | None:
    """What is wrong when Python would import one of our packages from elsewhere than `home`."""
    for name in PACKAGES:
        spec = find(name)
        ours = home / name / "__init__.py"
        if spec is None:
            return f"the package {name!r} is missing from {home}; install sourcecheck again."
        place = spec.origin or next(iter(spec.submodule_search_locations or ()), "nowhere")
        if Path(place).resolve() != ours:
            return (
                f"Python finds the package {name!r} at {place}, and sourcecheck's own is {ours.parent}; rename or "
                "move the other one, start from another folder, or take its folder out of PYTHONPATH."
            )
    return None


def overwritten(home: Path, hashes: Iterable[tuple[str, str]]) -> str | None:
    """What is wrong when the first file of a package is no longer the one that the wheel brought."""
    for path, expected in hashes:
        digest = urlsafe_b64encode(sha256((home / path).read_bytes()).digest()).rstrip(b"=").decode()
        if digest != expected:
            return (
                f"{home / path} is not the file that sourcecheck installed: another distribution has a package of that "
                "name; install sourcecheck into an environment of its own."
            )
    return None


def recorded() -> list[tuple[str, str]]:
    """The path and SHA-256 of each package's first file, as the installed wheel recorded them; none in a checkout."""
    try:
        files = distribution("sourcecheck").files or []
    except PackageNotFoundError:
        return []
    firsts = {f"{name}/__init__.py" for name in PACKAGES}
    return [
        (str(file), file.hash.value)
        for file in files
        if str(file) in firsts and file.hash and Path(str(file.locate())).resolve() == HOME / file
    ]


if __name__ == "__main__":
    main()
