"""The databases: a new one is one file (or one package) and one name in `AnySource` and in `_ALL`."""

from datasources.databases.athena import Athena
from datasources.databases.athena.model import AthenaSource
from datasources.databases.azure import Azure
from datasources.databases.azure.model import AzureSource
from datasources.databases.base import Database
from datasources.databases.bigquery import Bigquery
from datasources.databases.bigquery.model import BigquerySource
from datasources.databases.clickhouse import Clickhouse
from datasources.databases.clickhouse.model import ClickhouseSource
from datasources.databases.cockroachdb import Cockroachdb
from datasources.databases.cockroachdb.model import CockroachSource
from datasources.databases.databricks import Databricks
from datasources.databases.databricks.model import DatabricksSource
from datasources.databases.db2 import Db2
from datasources.databases.db2.model import Db2Source
from datasources.databases.dremio import Dremio
from datasources.databases.dremio.model import DremioSource
from datasources.databases.duckdb import Duckdb
from datasources.databases.duckdb.model import DuckdbSource
from datasources.databases.gcs import Gcs
from datasources.databases.gcs.model import GcsSource
from datasources.databases.mongodb import Mongodb
from datasources.databases.mongodb.model import MongodbSource
from datasources.databases.mssql import AzureSynapse, MicrosoftFabric, Mssql
from datasources.databases.mssql.model import AzureSynapseSource, MicrosoftFabricSource, MssqlSource
from datasources.databases.mysql import Mariadb, Mysql
from datasources.databases.mysql.model import MariadbSource, MysqlSource
from datasources.databases.netezza import Netezza
from datasources.databases.netezza.model import NetezzaSource
from datasources.databases.oracle import Oracle
from datasources.databases.oracle.model import OracleSource
from datasources.databases.postgres import Postgres
from datasources.databases.postgres.model import PgSource
from datasources.databases.rds import Aurora, Rds
from datasources.databases.rds.model import AuroraSource, RdsSource
from datasources.databases.redshift import Redshift
from datasources.databases.redshift.model import RedshiftSource
from datasources.databases.s3 import S3
from datasources.databases.s3.model import S3Source
from datasources.databases.sap_hana import SapHana
from datasources.databases.sap_hana.model import HanaSource
from datasources.databases.snowflake import Snowflake
from datasources.databases.snowflake.model import SnowflakeSource
from datasources.databases.sqlite import Sqlite
from datasources.databases.sqlite.model import SqliteSource
from datasources.databases.teradata import Teradata
from datasources.databases.teradata.model import TeradataSource
from datasources.databases.trino import Starburst, Trino
from datasources.databases.trino.model import StarburstSource, TrinoSource
from datasources.databases.vertica import Vertica
from datasources.databases.vertica.model import VerticaSource
from datasources.model.source import Source

AnySource = (
    PgSource
    | AuroraSource
    | RdsSource
    | CockroachSource
    | SqliteSource
    | DuckdbSource
    | MysqlSource
    | MariadbSource
    | ClickhouseSource
    | MongodbSource
    | S3Source
    | GcsSource
    | AzureSource
    | TrinoSource
    | StarburstSource
    | SnowflakeSource
    | RedshiftSource
    | BigquerySource
    | AthenaSource
    | DatabricksSource
    | DremioSource
    | OracleSource
    | MssqlSource
    | AzureSynapseSource
    | MicrosoftFabricSource
    | VerticaSource
    | NetezzaSource
    | HanaSource
    | TeradataSource
    | Db2Source
)
"""The union of everything that can be registered; msgspec tells the members apart by `type`."""
_ALL: tuple[type[Database], ...] = (
    Postgres,
    Aurora,
    Rds,
    Cockroachdb,
    Sqlite,
    Duckdb,
    Mysql,
    Mariadb,
    Clickhouse,
    Mongodb,
    S3,
    Gcs,
    Azure,
    Trino,
    Starburst,
    Snowflake,
    Redshift,
    Bigquery,
    Athena,
    Databricks,
    Dremio,
    Oracle,
    Mssql,
    AzureSynapse,
    MicrosoftFabric,
    Vertica,
    Netezza,
    SapHana,
    Teradata,
    Db2,
)

DATABASES: dict[str, type[Database]] = {kind.word(): kind for kind in _ALL}
"""Every database by its published word."""

ALIASES: dict[str, str] = {word: kind.word() for kind in _ALL for word in kind.words() if word != kind.word()}
"""Other words that clients may send, to the published ones."""


def database_of(source: Source) -> type[Database]:
    """How this source is reached."""
    return DATABASES[str(source.__struct_config__.tag)]
