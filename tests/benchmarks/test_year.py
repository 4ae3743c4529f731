"""The simulated year writes what the service writes, and the service's own retention removes it."""

import msgspec

from benchmarks.year import live_through
from tests.fixtures.catalogue import make_catalogue
from tests.fixtures.servers.database import Server


async def test_a_few_days(embedded: Server) -> None:
    """Tables have grown, and what was to be kept for a day is gone after three."""
    settings = msgspec.structs.replace(make_catalogue(embedded, "catalogue_of_a_year"), keep_records_days=1)
    _, after, spent = await live_through(settings, sources=2, days=3)
    assert all(after[name] > 0 for name in ("jobs", "health_records", "health_rollups", "sweeps"))
    assert spent > 0
    with embedded.connect(dbname="catalogue_of_a_year") as session:
        (records,) = session.execute("SELECT count(*) FROM health_records").fetchone() or (0,)
        (hours,) = session.execute("SELECT count(*) FROM health_rollups").fetchone() or (0,)
    assert records == 2 * 288
    assert hours == 2 * 3 * 24
