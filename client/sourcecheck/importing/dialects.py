"""Where a kind of connection has words of its own: what they say in the words of `Facts` and in our options.

Each function takes out of `more` what it carries over; what stays there is named as left out. None makes TLS weaker
than the client that the connection is from: an unknown word, or a variable in its place, is a reason to refuse.
"""

import re
from collections.abc import Mapping
from typing import Any

from sourcecheck.files.exported import Placeholder
from sourcecheck.importing.found import Facts, NoSource, present

WHOLE_ADDRESS = re.compile(r"[^\w.:\[\]-]")
"""No host has such a sign; a connect descriptor, `tcps://…` and `userkey=…` have."""
AMAZON = re.compile(
    r"[^.]+\.(?:(?P<cluster>cluster(?:-ro|-custom)?)-)?(?!proxy-)[a-z0-9]+\.[a-z0-9-]+\.rds\.amazonaws\.com(?:\.cn)?",
    re.IGNORECASE,
)
"""An endpoint of Amazon's, but for a proxy's."""
YES, NO = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})


def amazon(facts: Facts) -> str | None:
    """The type of PostgreSQL at Amazon that the host's name tells; an instance of Aurora is called like one of RDS."""
    found = AMAZON.fullmatch(str(facts.host))
    return found and ("postgres_aurora" if found["cluster"] else "postgres_aws_rds")


def oracle(facts: Facts) -> dict[str, Any]:
    """A service or a SID; the address of SQLAlchemy has a SID. Aliases and descriptors are read by the client alone."""
    more = facts.more
    for word in ("database", "dbname"):
        more.pop(word, None)  # dbt's, which is only shown
    service, sid = more.pop("service_name", None), more.pop("sid", None) or facts.database
    for word in ("connection_string", "dsn", "tns_name"):
        decides = {"connection_string": True, "dsn": not (service or sid), "tns_name": not facts.host}[word]
        if more.get(word) and decides:
            raise NoSource(f"its {word} is read by its own client: name a host, a port and a service")
    _check_host(facts)
    if service and sid:
        raise NoSource("it names a service and a SID")
    if not service and not sid:
        raise NoSource("it names neither a service nor a SID, so its host may be an alias")
    facts.database = service or sid
    protocol = _word(more, "protocol", {"": False, "tcp": False, "tcps": True})
    return {"database_type": "service" if service else "sid"} | ({"ssl": True} if protocol else {})


def db2(facts: Facts) -> dict[str, Any]:
    """Keywords of Db2's connection string, in any case: beside the others, after the database, or in dbt's one text."""
    database, *behind = _semicolons(facts.database)
    text = facts.more.get("extra_connect_opts")
    behind += _semicolons(facts.more.pop("extra_connect_opts")) if _is_plain(text) else []
    facts.database = database
    for part in filter(None, behind):
        name, _, value = part.partition("=")
        facts.more[name.strip()] = value.strip()
    words = {name.lower(): name for name in facts.more}
    for name in ("security", "protocol", "sslservercertificate", "currentschema"):
        if name in words:
            facts.more[name] = facts.more.pop(words[name])
    _word(facts.more, "protocol", {"": None, "tcpip": None})
    ssl = _word(facts.more, "security", {"": False, "ssl": True})
    return {"ssl": True} if ssl else {}


def vertica(facts: Facts) -> dict[str, Any]:
    """Modes as vertica-python has them; `ssl` is its older word. The type has no mode below `prefer`."""
    more = facts.more
    old = _switch(more, "ssl")
    modes = {"": None, "disable": "prefer", "allow": "prefer", "prefer": "prefer", "require": "require"}
    mode = _word(more, "tlsmode", modes | {"verify-ca": "verify-ca", "verify-full": "verify-full"})
    mode = mode or ("require" if old else None)
    if mode == "verify-ca" and not more.get("tls_cafile"):
        mode = "verify-full"  # without an authority of its own, the type wants the name to be right as well
    return {"sslmode": mode} if mode else {}


def netezza(facts: Facts) -> dict[str, Any]:
    """nzpy's levels: 0 and 1 begin without TLS, 2 and 3 with it. Without a level the type's own rule stays: TLS."""
    levels = {"": None, "0": False, "1": False, "2": True, "3": True}
    tls = _word(facts.more, "securityLevel", levels)
    return {} if tls is None else {"tls": tls}


def hana(facts: Facts) -> dict[str, Any]:
    """hdbcli's: at 443 it always encrypts, elsewhere by `encrypt`; a certificate is validated unless told otherwise."""
    more = facts.more
    _check_host(facts)
    if facts.database or more.get("databaseName"):
        raise NoSource("it names a tenant by its database: name the tenant's own port, and no database")
    facts.port = facts.port or 30015
    encrypt, validated = _switch(more, "encrypt"), _switch(more, "sslValidateCertificate")
    may_be_443 = str(facts.port) == "443" or isinstance(facts.port, Placeholder)
    options: dict[str, Any] = {} if encrypt or may_be_443 else {"tls": False}
    if validated is False:
        options["ssl_verification"] = "none"
    if str(more.get("sslTrustStore", "")).lower().endswith((".pse", ".jks")):
        more["sslTrustStore (no PEM)"] = more.pop("sslTrustStore")
    return options


def teradata(facts: Facts) -> dict[str, Any]:
    """teradatasql's modes. `allow` and `prefer` have no like here: they are left out, and named."""
    more = facts.more
    facts.database = more.pop("database", None) or facts.database or facts.schema
    dbs, https = more.pop("dbs_port", None), more.pop("https_port", None)
    if str(more.get("sslmode", "")).lower() in ("allow", "prefer"):
        more["sslmode (of allow and prefer, without TLS)"] = more.pop("sslmode")
    modes = {"": None, "disable": None, "require": "none", "verify-ca": "ca", "verify-full": "full"}
    verification = _word(more, "sslmode", modes)
    if verification is None:
        facts.port = facts.port or dbs
        return {}
    facts.port = https
    return {"tls": True, "ssl_verification": verification}


def _check_host(facts: Facts) -> None:
    """Raises `NoSource` for what is more than a host."""
    if _is_plain(facts.host) and WHOLE_ADDRESS.search(facts.host):
        raise NoSource("its host holds more than the name of a host")


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Placeholder)


def _semicolons(value: Any) -> list[Any]:
    return value.split(";") if _is_plain(value) else [value]


def _word(more: dict[str, Any], name: str, meanings: Mapping[str, Any]) -> Any:
    """What a word means, taken out. Raises `NoSource` for another word, and for a variable."""
    value = more.pop(name, None)
    said = "" if value is None else str(value).lower()
    if isinstance(value, Placeholder):
        raise NoSource(f"its {name} is a variable, and the option here takes other words")
    if said not in meanings:
        allowed = ", ".join(present({meaning: meaning for meaning in meanings}))
        raise NoSource(f"its {name} is not one of {allowed}")
    return meanings[said]


def _switch(more: dict[str, Any], name: str) -> bool | None:
    """Yes, no, or not said. Raises `NoSource` for anything else."""
    return _word(more, name, {"": None} | dict.fromkeys(YES, True) | dict.fromkeys(NO, False))  # type: ignore[no-any-return]
