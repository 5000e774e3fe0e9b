"""Carrying out a plan step by step, so that an interrupted one can be continued."""

from typing import Final

from loyalty_mcp.brevo.operations.programs import Program, publish_program
from loyalty_mcp.errors import LoyaltyError, OutcomeUnknown, Refused
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration, with_reply
from loyalty_mcp.tools.programs.limit_creation import send_new_limit
from loyalty_mcp.tools.programs.plan import plan
from loyalty_mcp.tools.programs.plan_step import Step, changing_steps
from loyalty_mcp.tools.programs.program_reading import (
    described_reward_names,
    is_live,
    read_described_parts,
    read_named_program,
)
from loyalty_mcp.tools.programs.reward_steps import differing_rewards
from loyalty_mcp.tools.programs.spec import ProgramSpec
from loyalty_mcp.tools.programs.spec_part import name_key
from loyalty_mcp.tools.progress import report
from loyalty_mcp.tools.send_window import Sender

CONTINUE: Final = "call apply_program again: it continues where it stopped"


def plan_requests(spec: ProgramSpec, existing: ProgramConfiguration, *, publish: bool) -> int:
    """Return the maximum number of requests of a plan, including its checks.

    The draft is read again before publishing; if the answer is lost, both versions are read
    afterwards.
    """
    steps = changing_steps(plan(spec, existing))
    limits = [step for step in steps if step.kind == "limit" and step.action == "create"]
    follow_ups = sum(step.follow_up is not None for step in steps)
    readings = 4 if publish else 1
    sent = len(steps) + follow_ups + 2 * len(limits)
    return sent + readings * _reading_requests(existing, spec) + publish


def _reading_requests(existing: ProgramConfiguration, spec: ProgramSpec) -> int:
    """Return the number of requests to read everything once, when all objects exist."""
    limits = sum(len(balance.limits) for balance in spec.balances)
    return 5 + len(spec.rewards) + max(limits, len(existing.limits))


async def carry_out_plan(
    brevo: Sender, spec: ProgramSpec, existing: ProgramConfiguration | None = None
) -> ProgramConfiguration:
    """Turn a program into what is described; matching parts are not touched.

    Each step depends on what exists. After a lost answer, everything is read again, and a missing
    object is not created a second time while the first request may still arrive.

    Args:
        brevo: the upstream client.
        spec: the wanted state.
        existing: the current objects, if just read.

    Returns:
        the objects afterwards, read again and compared with the spec.

    Raises:
        OutcomeUnknown: an answer was lost, and its effect is not visible yet.
        Refused: a part was done; apply_program can continue with the rest.
        LoyaltyError: nothing was changed.
    """
    existing = existing or await _read_spec(brevo, spec)
    done: list[Step] = []
    while steps := changing_steps(plan(spec, existing)):
        step = steps[0]
        await report(len(done), len(done) + len(steps), step.text)
        if any(step.identity == each.identity for each in done):
            raise Refused(
                f"Brevo accepted the request to {step.text}, but it still differs: {step.details}."
            )
        try:
            existing = await _carry_out_step(brevo, existing, step)
        except OutcomeUnknown as lost:
            existing = await _read_after_lost_answer(brevo, spec, step, lost, done)
        except LoyaltyError as error:
            found = await _read_after_refusal(brevo, spec, step)
            if found is None and not done:
                raise
            if found is None:
                raise Refused(
                    f"Could not {step.text}: {error.cause} {_done_so_far(done)}"
                ) from None
            existing = found
        done.append(step)
    return await _verify(brevo, spec, existing, done) if done else existing


async def _read_spec(brevo: Sender, spec: ProgramSpec) -> ProgramConfiguration:
    return await read_named_program(brevo, spec.program.name, described_reward_names(spec))


def _done_so_far(done: list[Step]) -> str:
    return f"{_steps_before(done)} done, and what they made stays; {CONTINUE}."


def _steps_before(done: list[Step]) -> str:
    return "1 step before it was" if len(done) == 1 else f"{len(done)} steps before it were"


async def _carry_out_step(
    brevo: Sender, existing: ProgramConfiguration, step: Step
) -> ProgramConfiguration:
    """Send one step; return the objects afterwards, according to the API's answer."""
    if step.request is None:
        raise AssertionError(f"the first step has all that it needs: {step.identity}")
    if step.limit is not None:
        return await _create_limit(brevo, existing, step)
    reply = await brevo.send(step.request)
    existing = with_reply(existing, reply)
    if step.follow_up is None:
        return existing
    return with_reply(existing, await brevo.send(step.follow_up(existing, reply)))


async def _create_limit(
    brevo: Sender, existing: ProgramConfiguration, step: Step
) -> ProgramConfiguration:
    if existing.program is None or step.limit is None or step.request is None:
        raise AssertionError("a limit belongs to a program")
    balance, limit = step.limit
    program, created = await send_new_limit(brevo, existing.program, balance, limit, step.request)
    return with_reply(with_reply(existing, program), created)


async def _read_after_lost_answer(
    brevo: Sender, spec: ProgramSpec, step: Step, lost: OutcomeUnknown, done: list[Step]
) -> ProgramConfiguration:
    """Return the objects after the answer to a step was lost, if the step was carried out.

    Raises:
        OutcomeUnknown: its effect is not visible, or cannot be read; it may still arrive.
    """
    try:
        existing = await _read_spec(brevo, spec)
        left = changing_steps(plan(spec, existing))
    except LoyaltyError as error:
        raise OutcomeUnknown(
            f"{lost} The request was to {step.text}, and its effect cannot be read now: "
            f"{error.cause} "
            f"{_next_steps(done)}"
        ) from None
    if any(each.identity == step.identity for each in left):
        raise OutcomeUnknown(
            f"{lost} The request was to {step.text}, and its effect does not show yet. "
            f"{_next_steps(done)}"
        )
    return existing


async def _read_after_refusal(
    brevo: Sender, spec: ProgramSpec, step: Step
) -> ProgramConfiguration | None:
    """Return the objects after a step was refused but carried out; None if it was not.

    A gateway may return an error although the API carried out the request.
    """
    try:
        existing = await _read_spec(brevo, spec)
        left = changing_steps(plan(spec, existing))
    except LoyaltyError:
        return None
    return None if any(each.identity == step.identity for each in left) else existing


def _next_steps(done: list[Step]) -> str:
    return (
        f"{_steps_before(done)} done. check_intent tells in a moment what is left; "
        "then apply_program continues where it stopped."
    )


async def _verify(
    brevo: Sender, spec: ProgramSpec, before: ProgramConfiguration, done: list[Step]
) -> ProgramConfiguration:
    """Read back everything described, and compare it.

    Raises:
        OutcomeUnknown: it cannot be read.
        Refused: it does not match the spec.
    """
    created = {name_key(step.name) for step in done if step.kind == "reward"}
    try:
        existing = await read_described_parts(brevo, spec, before, created)
        left = [
            *changing_steps(plan(spec, existing)),
            *differing_rewards(spec, existing, created),
        ]
    except LoyaltyError as error:
        raise OutcomeUnknown(
            f"All steps were sent, but they cannot be read back now: {error.cause}"
        ) from None
    if left:
        listed = "; ".join(f"{step.text}: {step.details}" for step in left)
        raise Refused(f"All steps were sent, but what was read back differs: {listed}.")
    return existing


async def publish_applied_draft(brevo: Sender, program: Program) -> None:
    """Publish a draft that matches the spec.

    Raises:
        OutcomeUnknown: the answer was lost, and the program is not shown as live.
        Refused: the draft matches the spec, but was not published.
    """
    try:
        await brevo.send(publish_program(program.id))
    except OutcomeUnknown as lost:
        try:
            live = await is_live(brevo, program.id)
        except LoyaltyError:
            live = False
        if not live:
            raise OutcomeUnknown(
                f"{lost} The draft is as described; it does not show as published yet. "
                "check_intent tells in a moment."
            ) from None
    except LoyaltyError as error:
        raise Refused(
            f"The draft is as described, but it was not published: {error.cause} Call "
            "apply_program again, or publish_program."
        ) from None
