"""Errors in the arguments of a call, in sentences for the assistant."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from loyalty_mcp.brevo.quoting import cleaned, quoted
from loyalty_mcp.tools.argument_forms import Form, ListForm, ObjectForm
from loyalty_mcp.tools.other_words import known_name
from loyalty_mcp.tools.setup_guide_words import advice_for

SHOWN: Final = 3
"""How many invalid arguments one answer names."""

UNKNOWN: Final = "extra_forbidden"
MISSING: Final = "missing"


@dataclass(frozen=True)
class ArgumentProblems:
    """The errors in the arguments of a call.

    Args:
        text: a sentence for each of the first invalid arguments; never their values.
        argument: the name of the first one.
    """

    text: str
    argument: str


@dataclass(frozen=True)
class _Problem:
    """What is wrong in one place.

    Args:
        place: as pydantic names it.
        sentence: about it.
        meant_place: of the argument that an unknown name means.
        where: the unknown name, quoted, where nothing better can be said than what is taken.
        taken: what is taken instead; told once for all such names.
    """

    place: tuple[Any, ...]
    sentence: str
    meant_place: tuple[Any, ...] = ()
    where: str = ""
    taken: str = ""


def argument_problems(error: ValidationError, form: ObjectForm) -> ArgumentProblems:
    """The errors in the arguments of a call, unknown names first."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    unknown = [_unknown_name(item["loc"], form) for item in found if item["type"] == UNKNOWN]
    # An unknown name often stands for a missing argument, and a list with an invalid item is
    # reported as too short.
    meant = {problem.meant_place for problem in unknown}
    outer = {item["loc"][:length] for item in found for length in range(len(item["loc"]))}
    others = [
        _Problem(item["loc"], _sentence(item, form))
        for item in found
        if item["type"] != UNKNOWN
        and item["loc"] not in outer
        and not (item["type"] == MISSING and item["loc"] in meant)
    ]
    problems = [*unknown, *others]
    sentences = list(dict.fromkeys(_sentences(problems)))
    first = problems[0].place
    text = " ".join([*sentences[:SHOWN], *_example(first, form)])
    return ArgumentProblems(text, cleaned(str(first[0])) if first else "")


def _sentences(problems: Sequence[_Problem]) -> Iterator[str]:
    for problem in problems:
        same = [each.where for each in problems if problem.taken and each.taken == problem.taken]
        if len(same) < 2:
            yield problem.sentence
            continue
        more = f" and {len(same) - SHOWN} more" if len(same) > SHOWN else ""
        yield f"Arguments {', '.join(same[:SHOWN])}{more} are unknown; {problem.taken}."


def _example(place: tuple[Any, ...], form: ObjectForm) -> list[str]:
    """A correct example of the innermost object around the error that has one."""
    _, forms = _followed(place, form)
    shown = [each for each in forms if isinstance(each, ObjectForm) and each.example]
    return [f"For example: {shown[-1].example}."] if shown else []


def _unknown_name(place: tuple[Any, ...], form: ObjectForm) -> _Problem:
    path, forms = _followed(place, form)
    where, inside = quoted(_path_text(path)), forms[-1]
    if not isinstance(inside, ObjectForm):
        return _Problem(place, f"Argument {where} is unknown.")
    if (advice := advice_for(str(path[-1]), inside.fields)) is not None:
        return _Problem(place, f"Argument {where} is unknown; {advice}.")
    owner = "this tool" if inside is form else f"{_article(inside.name)} {inside.name}"
    meant = known_name(str(path[-1]), inside.fields)
    if meant is None:
        part = _part_that_takes(str(path[-1]), inside)
        if part is not None:
            return _Problem(place, f"Argument {where} is unknown; {part}.")
        known = f": {', '.join(inside.fields)}" if inside.fields else " no arguments"
        taken = f"{owner} takes{known}"
        return _Problem(place, f"Argument {where} is unknown; {taken}.", (), where, taken)
    expected = inside.fields[meant].expected
    sentence = f"Argument {where} is unknown; {owner} calls it {meant}: {expected}."
    return _Problem(place, sentence, (*place[:-1], meant))


def _part_that_takes(name: str, inside: ObjectForm) -> str | None:
    """What to do with a name that only a part of an argument beside it takes; None if none does."""
    for field, form in inside.fields.items():
        item = form.item if isinstance(form, ListForm) else form
        meant = known_name(name, item.fields) if isinstance(item, ObjectForm) else None
        if meant is not None:
            return f"give {meant} in {'each of ' if isinstance(form, ListForm) else ''}{field}"
    return None


def _sentence(problem: Any, form: ObjectForm) -> str:
    path, forms = _followed(problem["loc"], form)
    where = f"Argument {quoted(_path_text(path))}" if path else "The arguments"
    kind = problem["type"]
    if kind == MISSING:
        return f"{where} is missing: {forms[-1].expected}."
    if kind == "value_error":
        message = problem["msg"].removeprefix("Value error, ")
        return f"{where} {message}." if message.startswith("must ") else f"{where}: {message}."
    return f"{where} must be {forms[-1].expected}."


def _followed(places: Sequence[Any], form: Form) -> tuple[list[Any], list[Form]]:
    """The parts of an error's location that are ours, with the form at each.

    Pydantic also includes names of branches and types in a location; these are skipped.
    """
    path: list[Any] = []
    forms: list[Form] = [form]
    for number, place in enumerate(places):
        inner = forms[-1].part(place)
        if inner is not None:
            path.append(place)
            forms.append(inner)
        elif number == len(places) - 1 and isinstance(forms[-1], ObjectForm):
            path.append(place)
    return path, forms


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _path_text(path: Sequence[Any]) -> str:
    return ".".join(str(place) for place in path)
