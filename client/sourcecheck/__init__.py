"""A typed client of the sourcecheck service: is every data source reachable, and ready for the work you want to do?

    from sourcecheck import Client

    with Client("http://127.0.0.1:8000", api_key="…") as client:
        job = client.test(client.find("Shop").id)   # waits for the verdict
        job.raise_for_verdict()                     # CheckFailed says which step, why, and what to do

`AsyncClient` has the same methods with `await`.
"""

from sourcecheck.async_client import AsyncClient
from sourcecheck.client import Client
from sourcecheck.errors import (
    ApiError,
    CheckFailed,
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    QuestionOpen,
    ServiceUnavailable,
    ServiceUnreachable,
    SourcecheckError,
    TestCancelled,
    TooManyRequests,
    Unauthorized,
)
from sourcecheck.models import (
    ApiKey,
    Applied,
    Exported,
    FieldChange,
    Health,
    HealthCheck,
    HostKey,
    Job,
    JobStatus,
    LastTest,
    NewApiKey,
    Organization,
    Question,
    Result,
    Schedule,
    Source,
    SourceChange,
    SourceType,
    Step,
)
from sourcecheck.people import Alert, Invitation, Member

__all__ = [
    "Alert",
    "ApiError",
    "ApiKey",
    "Applied",
    "AsyncClient",
    "CheckFailed",
    "Client",
    "Conflict",
    "Exported",
    "FieldChange",
    "Forbidden",
    "Health",
    "HealthCheck",
    "HostKey",
    "InvalidRequest",
    "Invitation",
    "Job",
    "JobStatus",
    "LastTest",
    "Member",
    "NewApiKey",
    "NotFound",
    "Organization",
    "Question",
    "QuestionOpen",
    "Result",
    "Schedule",
    "ServiceUnavailable",
    "ServiceUnreachable",
    "Source",
    "SourceChange",
    "SourceType",
    "SourcecheckError",
    "Step",
    "TestCancelled",
    "TooManyRequests",
    "Unauthorized",
]
