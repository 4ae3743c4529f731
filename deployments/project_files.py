"""Files of the project that are no modules: a wheel carries them in this package, a checkout has them at its root."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def project_file(name: str) -> Path:
    """Where `prefect.yaml` or `constraints.txt` lies. Raises `FileNotFoundError` when neither place has it."""
    for folder in (PACKAGE, PACKAGE.parent):
        if (file := folder / name).is_file():
            return file
    raise FileNotFoundError(f"{name} is neither in {PACKAGE} nor in {PACKAGE.parent}: install sourcecheck again")
