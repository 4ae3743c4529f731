"""Our own words in the messages of steps: what is ours stays legible, although a password may be one of them.

A secret is masked wherever a server may have said it. Inside one of these phrases no server spoke, and the phrase is
the same for every source, so that it tells nothing of any secret.
"""

import re

COUNT = r"\d+ (?:new|gone|renamed|changed)"
CHANGES = rf"(?: \({COUNT}(?:, {COUNT})*\))?"
"""What has changed since the last download, in numbers."""
PHRASES = re.compile(
    "|".join(
        (
            r"\AConnected to the database\Z",
            rf"\ALineage fetched{CHANGES}",
            rf"\ADiscovered \d+ tables?{CHANGES}",
            r"\ANo temporary schema is configured\Z",
            r"\ASchema (?=\")|(?<=\") is writeable\Z",
            r"\AUnable to (?:create|write to|read|drop|commit) table(?= \")",
            r": it does not hold what was written\Z",
            r"\AQuery answered in \d+ ms",
            r"\AThe server asks for a password\Z",
            r"\AThe test query is a statement that writes\Z",
            r"\ANo answer within [\d.]+ s \(stage: \w+\)\Z",
            r"\AThe time for this test ran out (?:before|during) \w+",
            r"\ANot run, because (?:the connection failed|the question was not answered): ",
            r"\AHost (?=\S+ not found)|(?<=\S) not found(?= \(|\Z)",
            r"\AThe address of (?=\S+ is not allowed)|(?<=\S) is not allowed\Z",
            r"\AThe SSH gateway (?:refused|requires|closed the connection)",
        )
    )
)
"""Each with what stands before or behind it: the same word in a server's sentence is none of ours."""


def own_spans(text: str) -> list[tuple[int, int]]:
    """The stretches of a message that are our own words."""
    return [found.span() for found in PHRASES.finditer(text)]
