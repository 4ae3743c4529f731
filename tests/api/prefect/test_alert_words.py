"""What an alert is in Prefect."""

from uuid import uuid4

from prefect.events import EventTrigger

from api.prefect.alert_words import ORGANIZATION_LABEL, automation_of, organization_of, source_of, try_event
from datasources.model.alerts import Alert


def test_an_alert_is_about_its_own_organization() -> None:
    """Prefect sends it for events of that organization's sources, and for the event that tries it."""
    made = automation_of(Alert("team", "webhook", "https://a.example/", None, 7), uuid4())
    assert isinstance(made.trigger, EventTrigger)
    assert made.trigger.match.get(ORGANIZATION_LABEL) == ["7"]
    assert (organization_of(made), source_of(made)) == (7, None)
    assert try_event(made).resource[ORGANIZATION_LABEL] == "7"
    everybodys = automation_of(Alert("team", "webhook", "https://a.example/", 3), uuid4())
    assert (organization_of(everybodys), source_of(everybodys)) == (None, 3)
    assert made.name != everybodys.name
