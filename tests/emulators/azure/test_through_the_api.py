"""Azure storage from registration to the verdict: API, Prefect, worker."""

import httpx

from tests.emulators.azure.conftest import AzureServer
from tests.emulators.azure.test_contract import AzureEngine
from tests.emulators.kit import travels


def test_all_steps(admin: httpx.Client, azurite: AzureServer) -> None:
    """Every step that the type has, in a warm process of a worker."""
    shown = travels(admin, AzureEngine(azurite).source(temp_schema="scratch/checks"))
    assert shown["temp_schema"]["message"].endswith("is writeable")
    assert shown["schema_download"]["details"]["kinds"] == {"folder": 2, "file": 1}
    assert shown["lineage_download"]["outcome"] == "skipped"
