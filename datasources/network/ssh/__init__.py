"""SSH gateways: verify the host key, log in, forward one port, and tell faults apart."""
