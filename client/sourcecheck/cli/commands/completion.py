"""The command `completion`, and what answers a shell that asks how a line may go on."""

import argparse
import os
from typing import Any

from sourcecheck.cli.command import Invocation, add_command

SHELLS = ("bash", "zsh", "fish")


def add_commands(commands: Any) -> None:
    """Add the command of this module."""
    command = add_command(
        commands,
        "completion",
        _completion,
        "print a script that makes a shell complete commands and options",
        'eval "$(sourcecheck completion bash)"    # in ~/.bashrc\n'
        'eval "$(sourcecheck completion zsh)"     # in ~/.zshrc, after compinit\n'
        "sourcecheck completion fish | source    # in ~/.config/fish/config.fish",
    )
    command.add_argument("shell", choices=SHELLS, help="the shell that runs the script")


def complete(root: argparse.ArgumentParser) -> None:
    """When a shell asks, answer how the line may go on, and end the program."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(root, always_complete_options="long")


def _completion(call: Invocation) -> int:
    from argcomplete.shell_integration import shellcode

    print(shellcode(["sourcecheck"], shell=call.given.shell))
    return 0
