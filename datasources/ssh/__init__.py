"""SSH gateways: who they are (host keys), how we log in (private keys, passwords), and what they carry."""
