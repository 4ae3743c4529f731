"""MongoDB's errors as ours, once: by the number of an answer, and the driver's own by their types."""

from collections.abc import Iterator
from contextlib import contextmanager

from datasources.databases.refusal import Refusal
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

GRANT = "Grant the user a role that has this right, as docs/databases/mongodb.md does."
SECONDARY = "Name the host of the primary: a secondary takes no writes."
CODES: dict[int, Refusal] = {
    **dict.fromkeys((11, 18, 334, 8000), Refusal(ErrorCode.AUTHENTICATION_FAILED)),  # 8000: what Atlas says
    13: Refusal(ErrorCode.PERMISSION_DENIED, GRANT),
    **dict.fromkeys((50, 89, 202, 262), Refusal(ErrorCode.TIMEOUT)),
    73: Refusal(ErrorCode.SCHEMA_NOT_FOUND, "Write the name of a database as MongoDB takes it."),
    **dict.fromkeys((10058, 10107, 13435), Refusal(ErrorCode.PERMISSION_DENIED, SECONDARY)),
    **dict.fromkeys(
        (6, 7, 91, 189, 9001, 11600, 11602, 13436), Refusal(ErrorCode.CONNECTION_ERROR, transient=True)
    ),  # shutting down, stepping down, recovering
}
"""By MongoDB's error_codes.yml; every other number is a fault of what was asked."""
TEXT_LIMIT = 1000


@contextmanager
def translated(stage: str, prefix: str = "", *, kind: type[CheckError] = CheckError) -> Iterator[None]:
    """Raise `CheckError`, or the `kind` of it that is named, for anything that the driver raises."""
    from bson.errors import BSONError
    from pymongo import errors

    try:
        yield
    except errors.OperationFailure as error:
        said = (error.details or {}).get("errmsg") or str(error)
        refusal = CODES.get(error.code or 0, Refusal(ErrorCode.QUERY_ERROR))
        raise refusal.error(
            prefix + str(said)[:TEXT_LIMIT], {"stage": stage, "mongodb_error": error.code}, kind
        ) from error
    except (errors.NetworkTimeout, errors.ServerSelectionTimeoutError, errors.ExecutionTimeout) as error:
        raise kind(ErrorCode.TIMEOUT, f"{prefix}No answer in time (stage: {stage})", {"stage": stage}) from error
    except errors.ConnectionFailure as error:
        message = f"{prefix}The server ended the connection"
        raise kind(ErrorCode.CONNECTION_ERROR, message, {"stage": stage, "reason": type(error).__name__}) from error
    except errors.InvalidName as error:
        raise kind(ErrorCode.SCHEMA_NOT_FOUND, f"{prefix}{error}", {"stage": stage}) from error
    except (errors.PyMongoError, BSONError, ValueError, LookupError, TypeError, AssertionError) as error:
        message = f"{prefix}The server's answer breaks the protocol ({type(error).__name__})"
        raise kind(ErrorCode.PROTOCOL_ERROR, message, {"stage": stage, "reason": type(error).__name__}) from error
