"""Which of the products answers: SERVERPROPERTY('EngineEdition') tells, whatever the type of the source says."""

import re

from msgspec import Struct

DEDICATED, SERVERLESS = 6, 11
EDITIONS = {
    5: "Azure SQL Database",
    DEDICATED: "Azure Synapse Analytics",
    8: "Azure SQL Managed Instance",
    9: "Azure SQL Edge",
    SERVERLESS: "Azure Synapse serverless SQL pool or Microsoft Fabric",
    12: "SQL database in Microsoft Fabric",
}
"""Learn, SERVERPROPERTY; all others are SQL Server's own."""
YEARS = {
    "9.": "2005", "10.0": "2008", "10.5": "2008 R2", "11.": "2012", "12.": "2014", "13.": "2016", "14.": "2017",
    "15.": "2019", "16.": "2022", "17.": "2025",
}  # fmt: skip
LONGEST = 40


class Product(Struct, frozen=True):
    """Version and edition of an engine."""

    version: str
    edition: int

    @property
    def words(self) -> str:
        """Like `SQL Server 2022 (16.0.4115.5)`, or `Azure SQL Database 12.0.2000.8`."""
        version = re.sub(r"[^\w.-]", "", self.version)[:LONGEST]
        if self.edition in EDITIONS:
            return f"{EDITIONS[self.edition]} {version}"
        year = next((year for begin, year in YEARS.items() if version.startswith(begin)), None)
        return f"SQL Server {year} ({version})" if year else f"SQL Server {version}"

    @property
    def is_classic(self) -> bool:
        """Whether it is SQL Server's own engine: DDL in transactions, comments, references, Query Store."""
        return self.edition not in (DEDICATED, SERVERLESS)
