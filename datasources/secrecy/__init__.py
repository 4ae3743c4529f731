"""Secrets: encrypted at rest, and scrubbed from every text that leaves a process."""
