"""A step without Prefect: for a test in the terminal, with the same verdicts (`sourcecheck try`)."""

import logging

from datasources.model.results import Published
from tasks.context import StepContext
from tasks.judge import judge, publish

logger = logging.getLogger(__name__)


async def perform(name: str, check: StepContext) -> Published:
    """Carry out one step in this process, and record what it found."""
    result, carried_out = await judge(name, check, logger.error)
    return publish(name, check, result, carried_out=carried_out)
