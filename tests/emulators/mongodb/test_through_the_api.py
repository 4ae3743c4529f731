"""MongoDB from registration to the verdict: API, Prefect, worker."""

import httpx

from tests.emulators.kit import travels
from tests.emulators.mongodb.conftest import MongoServer
from tests.emulators.mongodb.test_contract import MongoEngine


def test_all_steps(admin: httpx.Client, mongodb: MongoServer) -> None:
    """Every step that the type has, in a warm process of a worker."""
    shown = travels(admin, MongoEngine(mongodb).source(temp_schema="scratch"))
    assert shown["temp_schema"]["message"].endswith("is writeable")
    assert shown["schema_download"]["details"]["kinds"] == {"collection": 3, "view": 2}
    assert shown["lineage_download"]["outcome"] == "success"
