"""Fixtures for real services live in `tests/fix_*.py`; this file only names them."""

pytest_plugins = [
    "tests.fix_database",
    "tests.fix_service",
    "tests.fix_ssh",
    "tests.fix_acceptance",
    "tests.fix_catalogue",
]
