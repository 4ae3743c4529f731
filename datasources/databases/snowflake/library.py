"""Snowflake's connector, with what it would ask and read by itself switched off.

At a login it asks which cloud it runs in: the metadata services of Amazon, Azure and Google, and, where the environment
has credentials of Amazon's, that cloud's token service with them. Neither goes through the proxy that it is given. And
it takes a configuration file, log files and, inside Snowflake's containers, a token for any server that it is led to.
"""

import os
import threading
from pathlib import Path
from typing import Any

SETTINGS = {
    "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",
    "SNOWFLAKE_HOME": str(Path(__file__).parent),  # a folder that has no configuration file
}
WITHOUT = (
    "SNOWFLAKE_RUNNING_INSIDE_SPCS",
    "SNOWFLAKE_TROUBLESHOOTING_ENABLED",
    "SNOWFLAKE_TROUBLESHOOTING_REPORT_PATH",
)
_lock = threading.Lock()


def connector() -> Any:
    """The connector's module: it reads some of these variables when it is imported, and the others when it connects."""
    with _lock:
        os.environ.update(SETTINGS)
        for name in WITHOUT:
            os.environ.pop(name, None)
        import snowflake.connector

        return snowflake.connector
