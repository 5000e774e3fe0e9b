"""The transcript in the README: two steps of the demo, as they are printed."""

import re
import subprocess
import sys
from typing import Final

STEPS: Final = ("A debit is previewed in a dialog, and declined", "Asked again, a person agrees")
CALL: Final = "  → "
RANDOM_ID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def demo_output() -> str:
    """What `loyalty-mcp demo` prints."""
    command = [sys.executable, "-m", "loyalty_mcp", "demo"]
    done = subprocess.run(  # noqa: S603 - our own command
        command, capture_output=True, check=True, encoding="utf-8"
    )
    return done.stdout


def transcript(output: str) -> str:
    """The steps of a debit, each up to its first answer, as a block of Markdown.

    Raises:
        ValueError: the demo has no such step.
    """
    return "\n".join(["```text", "\n\n".join(_step(output, title) for title in STEPS), "```"])


def says_the_same(one: str, other: str) -> bool:
    """Whether two transcripts differ in random ids alone."""
    return RANDOM_ID.sub("", one) == RANDOM_ID.sub("", other)


def _step(output: str, title: str) -> str:
    found = re.search(
        rf"^\d+\. {re.escape(title)}$.*?(?=^\d+\. |\Z)", output, re.MULTILINE | re.DOTALL
    )
    if found is None:
        raise ValueError(f"the demo has no step {title!r}")
    begin, *calls = found[0].split(CALL)
    return f"{begin}{CALL}{calls[0]}".rstrip()
