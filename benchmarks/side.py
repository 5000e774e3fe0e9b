"""One way to do a job, and what it costs: tool calls, upstream requests, tokens."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from conversation import Conversation

from loyalty_mcp.cli.menu_size import count_tokens

COMPACT: Final = (",", ":")


@dataclass
class Spent:
    """What a job cost.

    Args:
        calls: of tools.
        requests: upstream.
        menu: tokens of name, description and input schema of all tools.
        said: tokens of the calls.
        answered: tokens of the text of the answers.
    """

    calls: int = 0
    requests: int = 0
    menu: int = 0
    said: int = 0
    answered: int = 0

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.menu + self.said + self.answered

    def __add__(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(
            self.calls + other.calls,
            self.requests + other.requests,
            self.menu + other.menu,
            self.said + other.said,
            self.answered + other.answered,
        )


@dataclass
class Side:
    """One way to do a job: a server, and what was spent and read on it.

    Args:
        server: to speak to.
        menu: tokens of its menu.
        spent: so far, in this job.
        read: the text of all answers of this job.
    """

    server: Conversation
    menu: int
    spent: Spent = field(default_factory=Spent)
    read: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """A new conversation: its menu is paid for, and nothing is remembered."""
        self.spent, self.read = Spent(menu=self.menu), []

    def __call__(self, tool: str, **arguments: Any) -> Any:
        """Call a tool; its answer as data."""
        result = self.server.call(tool, **arguments)
        text = "\n".join(block["text"] for block in result["content"])
        self.read.append(text)
        self.spent.calls += 1
        said = json.dumps({"name": tool, "arguments": arguments}, separators=COMPACT)
        self.spent.said += count_tokens(said)
        self.spent.answered += count_tokens(text)
        return result.get("structuredContent") or (json.loads(text) if text else {})
