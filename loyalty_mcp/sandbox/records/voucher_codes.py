"""The code of a new voucher: given, from a pool, shared, or generated."""

from collections.abc import Callable
from typing import Final

from loyalty_mcp.sandbox.errors import NotAllowed
from loyalty_mcp.sandbox.records import codes
from loyalty_mcp.sandbox.records.vouchers import vouchers_by_code
from loyalty_mcp.sandbox.rules.code_patterns import generated_code
from loyalty_mcp.sandbox.rules.entities import Item, Program
from loyalty_mcp.sandbox.store import UnitOfWork

_TRIES: Final = 20


def choose_code(
    unit: UnitOfWork, program: Program, item: Item, asked: str | None
) -> tuple[str, codes.PooledCode | None]:
    """Return the code of a new voucher, and the pooled code it uses, if any.

    Raises:
        NotAllowed: Another voucher has the requested code, or no code is available.
    """
    if asked is not None:
        if vouchers_by_code(unit, program.id, asked):
            raise NotAllowed(
                "Another voucher of this program has that code.", code="duplicate_parameter"
            )
        return asked, None
    if pool := item.body.get("codePoolId"):
        return _code_from_pool(unit, program, pool)
    if shared := item.body.get("code"):
        return shared, None
    pattern = (item.body.get("generator") or {}).get("pattern")
    for _ in range(_TRIES):
        text = generated_code(pattern, _drawing(unit))
        if not vouchers_by_code(unit, program.id, text):
            return text, None
    raise NotAllowed("The generator of this reward has no new codes.")


def _code_from_pool(
    unit: UnitOfWork, program: Program, pool_id: str
) -> tuple[str, codes.PooledCode]:
    code = codes.next_code(unit, pool_id)
    while code is not None and vouchers_by_code(unit, program.id, code.text):
        # A voucher was issued with this code explicitly: it is used up.
        codes.use_code(unit, code, vouchers_by_code(unit, program.id, code.text)[0].seq)
        code = codes.next_code(unit, pool_id)
    if code is None:
        raise NotAllowed("The code pool of this reward is empty.")
    return code.text, code


def _drawing(unit: UnitOfWork) -> Callable[[int], int]:
    # Derived from an id, so that fixed ids give fixed codes; an id has 122 random bits.
    bits = int(unit.new_id().replace("-", ""), 16)

    def draw(below: int) -> int:
        nonlocal bits
        if bits < below:
            bits = int(unit.new_id().replace("-", ""), 16)
        bits, drawn = divmod(bits, below)
        return drawn

    return draw
