"""What a source is, whatever its type, and what a check of it found.

Fields and their names are the published ones (contract section 1). What enters is a tagged union over `type`,
put together in `datasources.databases`; each database's file brings its own options.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from datasources.ssh.host_keys import HostKey
from datasources.words import Code, ErrorCode, JobStatus, Outcome

Port = Annotated[int, Meta(ge=1, le=65535)]
Host = Annotated[str, Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:%\-]+$(?!\n)")]
"""A host name or an address; no `/`, `,`, `@` or blank, which drivers would read as something else."""


class Masked(Struct, kw_only=True, frozen=True):
    """A struct whose repr shows no secret. Subclasses name theirs in `secret_fields`."""

    secret_fields: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={'***' if name in self.secret_fields and value else repr(value)}"
            for name, value in ((name, getattr(self, name)) for name in self.__struct_fields__)
        )
        return f"{type(self).__name__}({shown})"

    def secrets(self) -> dict[str, str]:
        """The secret fields that are set, by name."""
        return {name: value for name in self.secret_fields if (value := getattr(self, name))}

    def public(self) -> dict[str, Any]:
        """Every field but the secret ones, as plain data."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in fields.items() if name not in self.secret_fields}


class SshTunnel(Masked, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A gateway through which the source is reached."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password", "private_key", "passphrase")

    host: Host
    username: Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
    port: Port = 22
    password: Annotated[str, Meta(max_length=4096)] | None = None
    private_key: Annotated[str, Meta(max_length=65536)] | None = None
    """PEM text: OpenSSH, PKCS#1, SEC1 or PKCS#8; Ed25519, ECDSA or RSA."""
    passphrase: Annotated[str, Meta(max_length=4096)] | None = None
    host_key: Annotated[str, Meta(max_length=16384)] | None = None
    """The gateway's pinned key: a public key line (`ssh-ed25519 AAAA… [comment]`) or a fingerprint (`SHA256:…`)."""

    def __post_init__(self) -> None:
        if self.host_key is not None:
            try:
                HostKey.parse(self.host_key)
            except ValueError as error:
                raise ValueError(f"`host_key` is {error}") from error


class StepResult(Struct, kw_only=True, frozen=True):
    """What one step found: contract section 1, "A step". Code, message and outcome are never null."""

    code: Code
    message: str
    outcome: Outcome
    error_code: ErrorCode | None = None
    remediation: str | None = None
    duration_ms: int | None = None
    details: dict[str, Any] = {}


class Finding(Struct, kw_only=True, frozen=True):
    """What a step returns when its answer is not no."""

    message: str
    details: dict[str, Any] = {}
    outcome: Outcome = Outcome.success


class Published(Struct, kw_only=True, frozen=True):
    """One finished task of a job, as it is written into Prefect's run metadata and read back."""

    job_id: int
    task: str
    result: StepResult
    carried_out: bool = True
    ended_at: datetime | None = None

    @property
    def status(self) -> JobStatus:
        """A verdict, even a "no", is `done`; what could not be carried out is `failed` (contract, "A step")."""
        if self.carried_out:
            return JobStatus.done
        return JobStatus.cancelled if self.result.code is Code.SKIP else JobStatus.failed
