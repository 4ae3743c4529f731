"""What is answered of kept schemas and lineage; nothing here changes them."""
