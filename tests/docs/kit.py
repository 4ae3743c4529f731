"""The documents of the project."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "client", "benchmarks", "tests")
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *(file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.md"))),
]
