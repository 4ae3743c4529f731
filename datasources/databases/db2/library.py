"""ibm_db, with what it would look up and try by itself switched off.

It reads two files of settings wherever the environment says, or else beside itself; a setting of theirs may send the
password in clear, write traces, or lead elsewhere. And it has a broken connection made again, for minutes, at the
addresses that the server has named before: client reroute, which only the environment switches off for all databases.
"""

import os
import threading
from pathlib import Path
from typing import Any

HERE = str(Path(__file__).parent)
"""A folder that has none of those files."""
SETTINGS = {
    "DB2DSDRIVER_CFG_PATH": HERE,
    "DB2CLIINIPATH": HERE,
    "DB2_MAX_CLIENT_CONNRETRIES": "0",
    "DB2_CONNRETRIES_INTERVAL": "0",
}
_lock = threading.Lock()


def driver() -> Any:
    """The driver's module: it reads these settings once, when it connects for the first time in a process."""
    with _lock:
        os.environ.update(SETTINGS)
        import ibm_db_dbi

        return ibm_db_dbi
