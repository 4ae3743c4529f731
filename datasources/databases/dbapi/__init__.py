"""Drivers that block and dial for themselves (DB-API 2): threads, a way out of ours, and no limit of their own."""
