"""What PostgreSQL's refusals mean at Amazon, where only Amazon edits pg_hba.conf and signs the certificates.

By the server's and libpq's own words: these refusals share their SQLSTATE (28000) or have none.
"""

from datasources.databases.refusal import Refusal
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

BUNDLE = "https://truststore.pki.rds.amazonaws.com/REGION/REGION-bundle.pem"
UNKNOWN_SIGNER = Refusal(
    ErrorCode.TLS_ERROR,
    f"Amazon signs these certificates itself: give the text of {BUNDLE} as rootcert, with the region's name twice.",
)
OWN_DATABASE = Refusal(ErrorCode.PERMISSION_DENIED, "Only Amazon can use rdsadmin: name one of your own databases.")
IAM = Refusal(
    ErrorCode.AUTHENTICATION_FAILED,
    "The user has the role rds_iam, so it logs in with IAM tokens, which sourcecheck does not make: "
    "REVOKE rds_iam FROM the user, and give it a password.",
)
NO_WAY_IN = Refusal(
    ErrorCode.AUTHENTICATION_FAILED,
    "Amazon's login rules refuse this: use sslmode require or higher where rds.force_ssl is on, and check the "
    "names of the user and the database.",
)
READER = Refusal(
    ErrorCode.PERMISSION_DENIED,
    "The endpoint leads to a reader or a read replica: name the writer's endpoint (Aurora: without `-ro`) for "
    "temp_schema.",
)
WORDS = (
    ("certificate verify failed", UNKNOWN_SIGNER),
    ('database "rdsadmin"', OWN_DATABASE),
    ("PAM authentication failed", IAM),
    ("pg_hba.conf", NO_WAY_IN),
)
STANDBY = "25006"
"""SQLSTATE of a write where none may be."""


def meaning_of(error: CheckError) -> Refusal | None:
    """What it means at Amazon, if not the same as elsewhere."""
    if error.details.get("sqlstate") == STANDBY and error.code is ErrorCode.PERMISSION_DENIED:
        return READER
    return next((refusal for words, refusal in WORDS if words in error.message), None)
