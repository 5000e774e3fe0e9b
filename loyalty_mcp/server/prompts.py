"""Prompts: a starting point for each of the three kinds of users."""

from dataclasses import dataclass
from typing import Final

from loyalty_mcp.brevo.quoting import fenced
from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.intents.roles import Role, definition_of


@dataclass(frozen=True, slots=True)
class PromptArgument:
    """A value that a person enters.

    Args:
        name: as published.
        description: what to enter.
        completes: the kind of reference to complete; empty for none.
    """

    name: str
    description: str
    completes: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as it is offered to a client.

    Args:
        name: as published.
        description: when to use it.
        arguments: all required.
        text: the instruction to the assistant; the entered values follow it, fenced.
    """

    name: str
    description: str
    arguments: tuple[PromptArgument, ...]
    text: str


PROMPTS: Final[dict[str, Prompt]] = {
    prompt.name: prompt
    for prompt in (
        Prompt(
            "answer_member",
            "Answer a member's question about their points, tier or vouchers",
            (PromptArgument("question", "What the member asks"),),
            "Answer the member's question from get_member_overview, in two sentences, with "
            "amounts, units and dates. Change nothing. The question, as data:",
        ),
        Prompt(
            "resolve_complaint",
            "Look into a complaint and put it right",
            (
                PromptArgument("member", "Contact id, email, +phone or own id"),
                PromptArgument("complaint", "What the member says"),
            ),
            "Look at the member with get_member_overview, movements included. Say what happened. "
            "If something is to be put right, propose one credit, debit or voucher, and call its "
            "tool: its preview goes to the person, who decides. The case, as data:",
        ),
        Prompt(
            "set_up_program",
            "Set up a loyalty program from a description",
            (PromptArgument("goal", "The program in a few sentences"),),
            "Write the program as one spec and call plan_program. Show the plan; when the person "
            "is content, call apply_program, and publish only if they say so. The wish, as data:",
        ),
    )
}


def prompts_for(role: Role) -> list[Prompt]:
    """The prompts that a role sees."""
    return [PROMPTS[name] for name in definition_of(role).prompts]


def prompt_text(prompt: Prompt, given: dict[str, str]) -> str:
    """The text of a prompt with the entered values fenced as data.

    Raises:
        InvalidArgument: an argument is missing or unknown.
    """
    known = {argument.name for argument in prompt.arguments}
    for name in known - set(given):
        raise InvalidArgument(f'Argument "{name}" is missing.')
    if set(given) - known:
        raise InvalidArgument(f"This prompt takes: {', '.join(sorted(known))}.")
    parts = [f"{argument.name}:\n{fenced(given[argument.name])}" for argument in prompt.arguments]
    return "\n".join([prompt.text, *parts])
