"""Schemas and lineage as tests of a source have found them: kept by versions, compared, read (docs/schemas.md)."""
