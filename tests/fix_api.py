"""The API alone, on a catalogue of its own: Prefect's server does not answer, and there is no worker.

It runs in an event loop of its own, in another thread, and its connections belong there: a test asks the catalogue by
`session_scope(client.app.state.settings)`, or runs in that loop by `client.blocking_portal`.
"""

from collections.abc import AsyncIterator
from itertools import count

import pytest
import pytest_asyncio
from cryptography.fernet import Fernet
from litestar import Litestar
from litestar.testing import AsyncTestClient
from prefect.settings import PREFECT_API_URL, temporary_settings

from datasources.catalogue.organizations.accounts import add_member, create_key, create_organization, create_user
from datasources.catalogue.engine import session_scope
from tests.fix_catalogue import make_catalogue
from tests.fix_database import Server, free_port

Client = AsyncTestClient[Litestar]
_numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def lone_api(embedded: Server) -> AsyncIterator[Client]:
    """A client of the API, with the key of a member; its catalogue is its own, for it ends every job there."""
    from api.app import create_app

    settings = make_catalogue(embedded, f"catalogue_of_lone_api_{next(_numbers)}")
    async with session_scope(settings) as session:
        organization, user = await create_organization(session, "The API alone"), await create_user(session, "Someone")
        await add_member(session, organization.id, user.id)
        _, key = await create_key(session, user.id, organization.id, "of the tests")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SOURCECHECK_DATABASE_URL", settings.database_url or "")
        environment.setenv("SOURCECHECK_SECRET_KEYS", Fernet.generate_key().decode())
        app = create_app()
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
        async with AsyncTestClient(app, raise_server_exceptions=False) as client:
            client.headers["Authorization"] = f"Key {key}"
            yield client
