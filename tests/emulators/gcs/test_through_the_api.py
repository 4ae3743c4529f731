"""Google Cloud Storage from registration to the verdict: API, Prefect, worker."""

import httpx

from tests.emulators.gcs.conftest import GcsServer
from tests.emulators.gcs.test_contract import GcsEngine
from tests.emulators.kit import travels


def test_all_steps(admin: httpx.Client, gcs: GcsServer) -> None:
    """Every step that the type has, in a warm process of a worker."""
    shown = travels(admin, GcsEngine(gcs).source(temp_schema="scratch"))
    assert shown["temp_schema"]["message"].endswith("is writeable")
    assert shown["schema_download"]["details"]["kinds"] == {"folder": 2, "file": 1}
    assert shown["lineage_download"]["outcome"] == "skipped"
