"""What is wrong with the arguments of a call, in sentences for the assistant."""

from typing import Any

from pydantic import ValidationError

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.tools.argument_model import Arguments

SHOWN = 3
"""How many wrong arguments one answer names."""


def argument_errors(error: ValidationError, model: type[Arguments]) -> str:
    """What is wrong with the first arguments that are wrong; never their values."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return " ".join(_problem(problem, model) for problem in problems[:SHOWN])


def _problem(problem: Any, model: type[Arguments]) -> str:
    path = [part for part in problem["loc"] if not _is_branch(part)]
    where = quoted(".".join(str(part) for part in path))
    if problem["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields)
        return f"Argument {where} is unknown; this tool takes: {known or 'no arguments'}."
    if problem["type"] == "missing":
        return f"Argument {where} is missing."
    message = problem["msg"].removeprefix("Value error, ")
    return f"Argument {where}: {message[0].lower()}{message[1:]}."


def _is_branch(part: Any) -> bool:
    """Whether a part of an error's place is pydantic's own word for a branch, not a field."""
    return isinstance(part, str) and ("[" in part or part in {"str", "none"})
