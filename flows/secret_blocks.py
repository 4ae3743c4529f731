"""The secrets that a source refers to, resolved for one run; Prefect's blocks among them."""

from typing import Any

import msgspec
from prefect.client.utilities import get_or_create_client
from prefect.exceptions import ObjectNotFound, PrefectException

from datasources.catalogue.jobs.work import Work
from datasources.model.errors import SourceUnreachable
from datasources.model.inputs.secret_references import rules
from datasources.model.settings import Settings
from datasources.secrecy.references import LOCAL, Resolver, resolve


async def with_secrets(settings: Settings, work: Work) -> Work:
    """The work with every secret of its source, or with the reason why a secret is unavailable."""
    if not work.source.secret_references:
        return work
    try:
        allowed = rules(settings.secret_references)
        source = await resolve(work.source, work.organization_id, allowed, RESOLVERS)
    except SourceUnreachable as error:
        return msgspec.structs.replace(work, unreachable=error)
    return msgspec.structs.replace(work, source=source)


async def from_block(path: str) -> str:
    """The value of a Secret, or a field of any block. Raises `LookupError`."""
    kind, name, *fields = path.split("/")
    client, _ = get_or_create_client()
    try:
        document = await client.read_block_document_by_name(name, kind, include_secrets=True)
    except ObjectNotFound as error:
        raise LookupError("Prefect has no such block") from error
    except (PrefectException, OSError) as error:
        raise LookupError(f"Prefect does not answer ({type(error).__name__})") from error
    found: Any = document.data
    for field in fields or ["value"]:
        found = found.get(field) if isinstance(found, dict) else None
    if not isinstance(found, str):
        raise LookupError("the block has no text there")
    return found


RESOLVERS: dict[str, Resolver] = {**LOCAL, "prefect-block": from_block}
