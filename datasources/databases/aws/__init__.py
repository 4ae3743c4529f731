"""Requests to services of AWS that speak JSON: signed with the source's own key, and with no other."""
