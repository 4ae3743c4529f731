"""An SSH gateway that forwards everything, as a program: prints its port and its key, and serves until it is ended."""

import asyncio
import sys

import asyncssh

USER, PASSWORD = "bench", "bench"


class Gateway(asyncssh.SSHServer):
    """Lets one user in with one password, and forwards anywhere."""

    def begin_auth(self, username: str) -> bool:
        """Everybody has to log in."""
        return True

    def password_auth_supported(self) -> bool:
        """With a password."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """The one that is known."""
        return (username, password) == (USER, PASSWORD)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """Forward."""
        return True


async def main() -> None:
    """Serve."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    listener = await asyncssh.listen("127.0.0.1", 0, server_factory=Gateway, server_host_keys=[key])
    sys.stdout.write(f"{listener.get_port()} {key.export_public_key().decode().strip()}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
