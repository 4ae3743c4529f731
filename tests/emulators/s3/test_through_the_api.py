"""Amazon S3 from registration to the verdict: API, Prefect, worker."""

import httpx

from tests.emulators.kit import travels
from tests.emulators.s3.conftest import MotoServer
from tests.emulators.s3.test_contract import S3Engine


def test_all_steps(admin: httpx.Client, moto_s3: MotoServer) -> None:
    """Every step that the type has, in a warm process of a worker."""
    shown = travels(admin, S3Engine(moto_s3).source(temp_schema="scratch"))
    assert shown["temp_schema"]["message"].endswith("is writeable")
    assert shown["schema_download"]["details"]["kinds"] == {"folder": 2, "file": 1}
    assert shown["lineage_download"]["outcome"] == "skipped"
