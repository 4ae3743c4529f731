"""The published options of PostgreSQL at Amazon: PostgreSQL's, and where its log is kept."""

from typing import Annotated, ClassVar

from msgspec import Meta

from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.network.pem import pem_field

BUNDLE_LENGTH = 262144
"""The bundle of all regions has some 170,000 characters, that of one region about 8,000."""
Word = Annotated[str, Meta(min_length=1, max_length=1024, pattern=r"^[\x21-\x7e]+$(?!\n)")]
Group = Annotated[str, Meta(min_length=1, max_length=512, pattern=r"^[\w./#-]+$(?!\n)")]
Region = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9-]+$(?!\n)")]
BUNDLE = pem_field("Root certificates (PEM): Amazon's bundle of the region", max_length=BUNDLE_LENGTH)
NO_IAM = (
    "`aws_access_key_id` is only for aws_cloudwatch_log_group: logins by IAM are not supported. Leave the aws_ fields "
    "out, and give the user a password"
)


class RdsOptions(PgOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to log in: by user and password. The keys are for the log group alone."""

    secret_fields: ClassVar = (*PgOptions.secret_fields, "aws_secret_access_key")
    destination_fields: ClassVar = (*PgOptions.destination_fields, "aws_access_key_id", "aws_region")
    harmless_fields: ClassVar = (*PgOptions.harmless_fields, "aws_cloudwatch_log_group", "keep_alive")

    rootcert: Annotated[str, BUNDLE] | None = None
    keep_alive: Annotated[int, Meta(title="Keep-alive in seconds; empty: off", ge=0, le=86400)] | None = None
    """Taken, and not used: every connection of ours asks after 5 s whether the server is still there."""
    aws_access_key_id: Annotated[Word, Meta(title="AWS access key ID")] | None = None
    aws_secret_access_key: Annotated[str, Meta(title="AWS secret access key", max_length=4096)] | None = None
    aws_region: Annotated[Region, Meta(title="AWS region")] | None = None
    aws_cloudwatch_log_group: Annotated[Group, Meta(title="CloudWatch log group")] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.aws_access_key_id and not self.aws_cloudwatch_log_group:
            raise ValueError(NO_IAM)


class RdsSource(PgSource, kw_only=True, frozen=True, tag="postgres_aws_rds"):
    """A database of an RDS instance."""

    options: RdsOptions


class AuroraSource(PgSource, kw_only=True, frozen=True, tag="postgres_aurora"):
    """A database of an Aurora cluster."""

    options: RdsOptions
