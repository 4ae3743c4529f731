"""How a mistyped command line is answered."""

import argparse
import re
import sys
from difflib import get_close_matches
from typing import NoReturn

_UNKNOWN = re.compile(
    r"argument (?P<what>COMMAND|FROM): invalid choice: '(?P<given>.*?)' \(choose from (?P<known>.*)\)$"
)
"""How argparse says that there is no such command, before it lists all of them."""


NO_COMMAND = tuple(f"the following arguments are required: {what}" for what in ("COMMAND", "FROM"))
"""How argparse says that there is no command at all."""


class Parser(argparse.ArgumentParser):
    """argparse's parser; a command that does not exist is answered with the nearest one."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2, the usage and a sentence; without a command, with the list of them."""
        if message in NO_COMMAND:
            self.print_help(sys.stderr)
            self.exit(2)
        super().error(sentence_of(message, self.prog))


def sentence_of(message: str, program: str) -> str:
    """argparse's message as a sentence that names the nearest command and where all of them are listed."""
    found = _UNKNOWN.match(message)
    if found is None:
        return message
    close = get_close_matches(found["given"], re.findall(r"[\w-]+", found["known"]), n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"there is no command {found['given']!r}{hint}; `{program} --help` lists them all"
