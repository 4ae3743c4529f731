"""`python -m benchmarks.installs`: how many MB each extra adds to an install, with everything that it brings."""

from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rich.console import Console
from rich.table import Table

MEGABYTE = 1_000_000
OURS = "sourcecheck"


def main() -> None:
    """Print the core and each extra. Sizes are of the files that are installed here, without compiled bytecode."""
    core = closure([OURS], frozenset())
    table = Table("what", "MB", "packages", title="Size of an install")
    table.add_row(f"{OURS} without extras", f"{size(core) / MEGABYTE:.0f}", str(len(core)))
    for extra in distribution(OURS).metadata.get_all("Provides-Extra") or []:
        added = closure([OURS], frozenset([extra])) - core
        missing = [name for name in added if found(name) is None]
        shown = f"not installed: {', '.join(sorted(missing))}" if missing else f"{size(added) / MEGABYTE:.1f}"
        table.add_row(f"+ {extra}", shown, str(len(added)))
    Console(width=100).print(table)


def found(name: str) -> Distribution | None:
    """The package, where it is installed."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def closure(names: Iterable[str], extras: frozenset[str]) -> set[str]:
    """These packages and whatever they need; `extras` are those of the first ones."""
    seen: set[tuple[str, str]] = set()
    left = [(canonicalize_name(name), extra) for name in names for extra in ("", *extras)]
    while left:
        name, extra = left.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        package = found(name)
        for text in (package.requires or []) if package else []:
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                left += [(canonicalize_name(wanted.name), each) for each in ("", *wanted.extras)]
    return {name for name, _ in seen}


def size(names: Iterable[str]) -> int:
    """Bytes of the files of these packages."""
    files = (file for name in names if (package := found(name)) for file in package.files or [])
    paths = {Path(str(file.locate())) for file in files if file.suffix != ".pyc"}
    return sum(path.stat().st_size for path in paths if path.is_file())


if __name__ == "__main__":
    main()
