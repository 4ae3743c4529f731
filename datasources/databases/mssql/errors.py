"""SQL Server's errors as ours: by its numbers, which Azure SQL, Synapse and Fabric share."""

from typing import Any

from datasources.databases.refusal import Refusal
from datasources.databases.warehouse.errors import Refused
from datasources.model.vocabulary import ErrorCode

LEAST_SEVERITY = 11
"""Of an error; below are messages."""
FATAL = 20
"""From here on the server ends the connection."""

AUTHENTICATION = ErrorCode.AUTHENTICATION_FAILED
PERMISSION = ErrorCode.PERMISSION_DENIED
DATABASE = ErrorCode.DATABASE_NOT_FOUND
AWAY = ErrorCode.CONNECTION_ERROR
FULL = ErrorCode.TOO_MANY_CONNECTIONS
LATE = ErrorCode.TIMEOUT

FIREWALL = (
    "Allow the worker's address: in the server's networking settings, or EXECUTE sp_set_firewall_rule N'worker', "
    "'<first address>', '<last address>' in its master database."
)
MAPPED = "CREATE USER [<user>] FOR LOGIN [<login>] in that database, and GRANT CONNECT TO [<user>]."
MUST_CHANGE = "The password has to be changed first: ALTER LOGIN [<login>] WITH PASSWORD = '<password>'."
SHARED_NAME = "Name the server's own host, <server>.database.windows.net, or the user as user@server."
SCHEMA_RIGHTS = "CREATE SCHEMA [<schema>], and GRANT ALTER ON SCHEMA::[<schema>] TO [<user>]."
VIEW_STATE = "GRANT VIEW DATABASE STATE TO [<user>], from SQL Server 2022 on VIEW DATABASE PERFORMANCE STATE."

NUMBERS: dict[int, Refusal] = {
    18456: Refusal(
        AUTHENTICATION,
        "Check the user, its password, and that the server takes SQL logins (mixed mode): the server's error log has "
        "the state that says why.",
    ),
    18452: Refusal(AUTHENTICATION, "Use a login of SQL Server: those of a Windows domain are not supported."),
    18470: Refusal(AUTHENTICATION, "ALTER LOGIN [<login>] ENABLE."),
    18486: Refusal(AUTHENTICATION, "ALTER LOGIN [<login>] WITH PASSWORD = '<password>' UNLOCK."),
    18487: Refusal(AUTHENTICATION, "The password has expired: ALTER LOGIN [<login>] WITH PASSWORD = '<password>'."),
    18488: Refusal(AUTHENTICATION, MUST_CHANGE),
    40531: Refusal(AUTHENTICATION, SHARED_NAME),
    40532: Refusal(AUTHENTICATION, SHARED_NAME),
    18401: Refusal(AWAY, transient=True),
    18451: Refusal(AWAY, transient=True),
    18461: Refusal(
        FULL, "The server is in single-user mode: ALTER DATABASE [<database>] SET MULTI_USER, or restart it."
    ),
    17809: Refusal(FULL, transient=True),
    17142: Refusal(AWAY, "The server is paused: continue its service.", transient=True),
    4060: Refusal(DATABASE, f"Check dbname, or: {MAPPED}"),
    4064: Refusal(DATABASE, "ALTER LOGIN [<login>] WITH DEFAULT_DATABASE = [<database>], or name a dbname."),
    911: Refusal(DATABASE),
    942: Refusal(DATABASE, "ALTER DATABASE [<database>] SET ONLINE."),
    916: Refusal(PERMISSION, MAPPED),
    921: Refusal(AWAY, transient=True),
    922: Refusal(AWAY, transient=True),
    927: Refusal(AWAY, transient=True),
    976: Refusal(AWAY, "Name the primary replica or the listener: this secondary may not be read."),
    978: Refusal(AWAY, "Set always_on: this secondary takes connections that only read."),
    983: Refusal(AWAY, transient=True),
    4221: Refusal(AWAY, transient=True),
    40143: Refusal(AWAY, transient=True),
    40166: Refusal(AWAY, transient=True),
    40197: Refusal(AWAY, transient=True),
    40540: Refusal(AWAY, transient=True),
    40613: Refusal(AWAY, transient=True),
    42108: Refusal(AWAY, "Resume the SQL pool."),
    42109: Refusal(AWAY, transient=True),
    40615: Refusal(PERMISSION, FIREWALL),
    40914: Refusal(PERMISSION, "Allow the worker's virtual network: a virtual network rule of the server."),
    47073: Refusal(PERMISSION, "Use the private endpoint, or enable public network access of the server."),
    10928: Refusal(FULL, transient=True),
    10929: Refusal(FULL, transient=True),
    10936: Refusal(FULL, transient=True),
    40501: Refusal(FULL, transient=True),
    49918: Refusal(FULL, transient=True),
    49919: Refusal(FULL, transient=True),
    49920: Refusal(FULL, transient=True),
    229: Refusal(PERMISSION),
    230: Refusal(PERMISSION),
    262: Refusal(PERMISSION),
    297: Refusal(PERMISSION, VIEW_STATE),
    300: Refusal(PERMISSION, VIEW_STATE),
    15151: Refusal(PERMISSION),
    15247: Refusal(PERMISSION),
    2760: Refusal(ErrorCode.SCHEMA_NOT_FOUND, SCHEMA_RIGHTS),
    3906: Refusal(ErrorCode.QUERY_NOT_READ_ONLY, "ALTER DATABASE [<database>] SET READ_WRITE, or name another one."),
    1222: Refusal(LATE),
    8645: Refusal(LATE),
    1205: Refusal(ErrorCode.QUERY_ERROR, transient=True),
    102: Refusal(ErrorCode.QUERY_ERROR),
    207: Refusal(ErrorCode.QUERY_ERROR),
    208: Refusal(ErrorCode.QUERY_ERROR),
    2714: Refusal(ErrorCode.QUERY_ERROR),
}
"""Every other number is a fault of the query, or of the server where it ends the connection.

By Microsoft's "Database Engine events and errors", and "Troubleshoot connectivity issues" of Azure SQL.
"""

STATES: dict[int, Refusal] = {
    2: Refusal(AUTHENTICATION, "There is no such login: CREATE LOGIN [<login>] WITH PASSWORD = '<password>'."),
    5: Refusal(AUTHENTICATION, "There is no such login: CREATE LOGIN [<login>] WITH PASSWORD = '<password>'."),
    6: Refusal(AUTHENTICATION, "Use a login of SQL Server: those of a Windows domain are not supported."),
    7: Refusal(AUTHENTICATION, "ALTER LOGIN [<login>] ENABLE, and check the password."),
    8: Refusal(AUTHENTICATION, "The password is wrong."),
    9: Refusal(AUTHENTICATION, "The password is wrong."),
    11: Refusal(AUTHENTICATION, "GRANT CONNECT SQL TO [<login>]."),
    12: Refusal(AUTHENTICATION, "GRANT CONNECT SQL TO [<login>]."),
    18: Refusal(AUTHENTICATION, MUST_CHANGE),
    38: Refusal(DATABASE, f"Check dbname, or: {MAPPED}"),
    40: Refusal(DATABASE, "ALTER LOGIN [<login>] WITH DEFAULT_DATABASE = [<database>], or name a dbname."),
    46: Refusal(DATABASE, f"Check dbname, or: {MAPPED}"),
    58: Refusal(AUTHENTICATION, "The server takes only Windows logins: set its authentication mode to mixed."),
}
"""Of 18456. Most servers tell every client state 1, and write the other one into their error log."""


def refusal_of(error: Any) -> Refused:
    """What an error of the driver's means that the server sent: it has `number`, `severity`, `state` and `text`."""
    number, severity, state = int(error.number), int(error.severity), int(error.state)
    default = Refusal(AWAY if severity >= FATAL else ErrorCode.QUERY_ERROR)
    meaning = NUMBERS.get(number, default)
    if number == 18456:
        meaning = STATES.get(state, meaning)
    details = {"mssql_error": number, "severity": severity, "state": state}
    if meaning.transient:
        details["transient"] = True
    return Refused(meaning.code, str(error.text), details, meaning.advice)
