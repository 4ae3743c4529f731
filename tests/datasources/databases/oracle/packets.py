"""Packets of Oracle's protocol."""


def packet(kind: int, body: bytes = b"", width: int = 2) -> bytes:
    """A packet of the protocol."""
    return (8 + len(body)).to_bytes(width, "big") + bytes(4 - width) + bytes([kind, 0, 0, 0]) + body
