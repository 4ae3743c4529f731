"""What a reading covers, and that nothing that was told gets lost."""

from uuid import UUID

from api.jobs.following.agenda import CATALOGUE_SECONDS, TRUST_SECONDS, Agenda, Reading
from api.prefect.client import Change, Run

FIRST, SECOND = UUID(int=1), UUID(int=2)
COMPLETED = Run(state=None, started_at=None)
NOTHING = Reading(frozenset(), {}, every_job=False, every_run=False)
EVERYTHING = Reading(frozenset(), {}, every_job=True, every_run=True)


def started(*, listening: bool = True) -> Agenda:
    """An agenda whose first reading was taken at the time 0."""
    agenda = Agenda()
    agenda.listening = listening
    assert agenda.take(0.0) == EVERYTHING
    return agenda


def test_the_clock() -> None:
    """Every second the catalogue, every five seconds Prefect as well; nothing in between."""
    agenda, covered = started(), []
    for tenth in range(1, 121):
        reading = agenda.take(tenth / 10)
        covered.append((reading.every_job, reading.every_run))
    assert covered.count((True, False)) + covered.count((True, True)) == 12 / CATALOGUE_SECONDS
    assert covered.count((True, True)) == 12 // TRUST_SECONDS
    assert (False, True) not in covered


def test_without_events_prefect_is_asked_each_time() -> None:
    """While Prefect tells nothing, what it knows is asked for with each look at the catalogue."""
    agenda = started(listening=False)
    assert agenda.take(0.5) == NOTHING
    assert agenda.take(1.0) == EVERYTHING


def test_each_wish_is_taken_once() -> None:
    """And wakes the loop."""
    agenda = started()
    assert not agenda.wake.is_set()
    agenda.look_at(5)
    agenda.tell(Change(FIRST, COMPLETED))
    assert agenda.wake.is_set()
    assert agenda.take(0.1) == Reading(frozenset({5}), {FIRST: COMPLETED}, every_job=False, every_run=False)
    assert not agenda.wake.is_set()
    assert agenda.take(0.2) == NOTHING


def test_what_could_not_be_read_is_read_again() -> None:
    """What was told stays told, the newer word wins, and what was due is due at once."""
    agenda = started()
    agenda.tell(Change(FIRST, None))
    agenda.tell(Change(SECOND, None))
    reading = agenda.take(TRUST_SECONDS)
    agenda.tell(Change(SECOND, COMPLETED))
    agenda.put_back(reading)
    assert agenda.take(TRUST_SECONDS) == Reading(
        frozenset(), {FIRST: None, SECOND: COMPLETED}, every_job=True, every_run=True
    )


def test_a_gap_during_a_reading_is_not_forgotten() -> None:
    """When we begin to listen while a reading is under way, the next one asks about everything all the same."""
    agenda = started()
    agenda.take(0.1)
    agenda.want_every_run()
    assert agenda.take(0.2) == EVERYTHING


def test_a_client_that_waits_has_the_catalogue_read() -> None:
    """As long as there are events, Prefect is not asked for it."""
    agenda = started()
    agenda.want_every_job()
    assert agenda.take(0.1) == Reading(frozenset(), {}, every_job=True, every_run=False)


def test_a_run_whose_job_is_just_being_handed_over() -> None:
    """What was told of it is kept until its job is found."""
    agenda = started()
    agenda.keep_told({FIRST: COMPLETED})
    assert agenda.take(0.1).told == {FIRST: COMPLETED}
