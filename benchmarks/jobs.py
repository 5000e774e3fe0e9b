"""Thirty jobs: twelve questions of members, ten cases of support, eight set-ups of managers.

Each has the shortest careful way through our tools, and through tools that are one endpoint each.
Both ways obtain the same facts before they change something: what our preview tells, the other
reads. Neither looks twice: what the answer to a change tells is not read again, and that nothing
moved between the look and the change, which ours makes sure of, the other is not asked to know.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from side import Side

User = Literal["member", "support", "manager"]
Json = dict[str, Any]
Script = Callable[[Side], object]
Fact = str | tuple[str, tuple[str, ...]]
"""A piece of text in both answers; or as we say it, and what the other says instead."""


@dataclass(frozen=True)
class Job:
    """One job.

    Args:
        what: as a person would ask.
        user: who asks.
        ours: the way through our tools.
        theirs: the way through the wrapping.
        facts: what both have to have read.
        member: whom role member serves.
        changes: whether it changes something.
    """

    what: str
    user: User
    ours: Script
    theirs: Script
    facts: tuple[Fact, ...]
    member: str = ""
    changes: bool = False


def the_program(talk: Side) -> str:
    """The wrapping's first step: every path needs the program's id."""
    return str(talk("list_programs")["items"][0]["id"])


def account(talk: Side, member: int) -> tuple[str, Json]:
    """The program's id and a member's account."""
    pid = the_program(talk)
    return pid, talk("get_account_info", pid=pid, contactId=member)


def contact(talk: Side, email: str) -> int:
    """The wrapping's way from an email to a contact id."""
    return int(talk("get_contact", identifier=email)["id"])


def balance_of(found: Json) -> str:
    """The id of the one balance in an account."""
    return str(found["balance"]["balances"][0]["balanceDefinitionId"])


# What members ask


def overview(talk: Side) -> object:
    """One answer has it."""
    return talk("get_member_overview")


def total(member: int) -> Script:
    """The account has totals."""
    return lambda talk: account(talk, member)


def expiring(member: int) -> Script:
    """The lots of the balance."""

    def script(talk: Side) -> object:
        pid, found = account(talk, member)
        return talk(
            "list_active_balances",
            pid=pid,
            contactId=member,
            balanceDefinitionId=balance_of(found),
            limit=100,
        )

    return script


def to_next_tier(member: int) -> Script:
    """The account, and the thresholds."""

    def script(talk: Side) -> object:
        pid, _ = account(talk, member)
        return talk("list_tiers", pid=pid, version="active")

    return script


def whole(member: int) -> Script:
    """The account, the lots, the thresholds, and the unit."""

    def script(talk: Side) -> object:
        pid, found = account(talk, member)
        talk("list_balance_definitions", pid=pid, version="active")
        talk(
            "list_active_balances",
            pid=pid,
            contactId=member,
            balanceDefinitionId=balance_of(found),
            limit=100,
        )
        return talk("list_tiers", pid=pid, version="active")

    return script


def history(member: int, **more: Any) -> Script:
    """The account for the balance's id, then its movements."""

    def script(talk: Side) -> object:
        pid, found = account(talk, member)
        return talk(
            "list_transaction_history",
            pid=pid,
            contactId=member,
            balanceDefinitionId=balance_of(found),
            limit=20,
            **more,
        )

    return script


def their_vouchers(member: int) -> Script:
    """The vouchers, used ones included, and the names of their rewards."""

    def script(talk: Side) -> object:
        pid = the_program(talk)
        talk("list_vouchers", pid=pid, contactId=member)
        return talk("list_rewards", pid=pid, version="active")

    return script


MEMBER_JOBS: Final = (
    Job(
        "How many points do I have?",
        "member",
        overview,
        total(102),
        (("135 points", ('"value":135',)),),
        member="102",
    ),
    Job(
        "Which of my points expire soon?",
        "member",
        overview,
        expiring(102),
        (("60 points expire", ('"amount":60',)),),
        member="102",
    ),
    Job(
        "What is missing to the next tier?",
        "member",
        overview,
        to_next_tier(102),
        (("165 points", ('"value":135', '"minimumValue":300')), "Silver"),
        member="102",
    ),
    Job(
        "Show me all that I have.",
        "member",
        overview,
        whole(102),
        (("135 points", ('"value":135', '"unit":"POINTS"')), "Bronze", "Silver", "VIP-102"),
        member="102",
    ),
    Job(
        "Did the bonus of November arrive?",
        "member",
        lambda talk: talk("list_transaction_history"),
        history(102),
        (('+60 points, "Autumn bonus"', ('"amount":60', "Autumn bonus", '"completed"')),),
        member="102",
    ),
    Job(
        "Is a purchase of mine still pending?",
        "member",
        lambda talk: talk("list_transaction_history", status="draft"),
        history(102, status="draft"),
        (("none", ('"count":0',)),),
        member="102",
    ),
    Job(
        "Which vouchers can I use, and until when?",
        "member",
        overview,
        total(103),
        ("TEN-C45CC7", "gold-gift", "ten-euro-voucher"),
        member="103",
    ),
    Job(
        "Did I use a voucher already, and when?",
        "member",
        lambda talk: talk("list_vouchers"),
        their_vouchers(103),
        (('"TEN-18F9A4": used 20', ("TEN-18F9A4", '"consumedAt":"20')),),
        member="103",
    ),
    Job(
        "Is my voucher code still good?",
        "member",
        lambda talk: talk("validate_voucher", code="TEN-C45CC7"),
        lambda talk: talk("validate_voucher", pid=the_program(talk), code="TEN-C45CC7"),
        (('Can be redeemed: "TEN-C45CC7"', ('"authorize":true',)),),
        member="103",
    ),
    Job(
        "Which rewards are there?",
        "member",
        lambda talk: talk("list_rewards"),
        lambda talk: talk("list_rewards", pid=the_program(talk), version="active"),
        ("free-coffee", "ten-euro-voucher", "gold-gift"),
        member="103",
    ),
    Job(
        "Can I climb any higher?",
        "member",
        overview,
        to_next_tier(103),
        ("Gold", ("No higher tier", ('"minimumValue":500', '"value":620'))),
        member="103",
    ),
    Job(
        "What happened to my points this year?",
        "member",
        lambda talk: talk("get_member_overview", include=["movements"]),
        history(103),
        (
            ("+260 points", ('"amount":260',)),
            ("−40 points", ('"amount":-40',)),
            ("620 points", ('"value":620',)),
        ),
        member="103",
    ),
)

# What support is asked

ANNA: Final = "anna.keller@example.com"
BRUNO: Final = "bruno.marchetti@example.com"


def rules(talk: Side, pid: str) -> None:
    """The unit, the caps, and what a movement does to the tier: our preview tells all three."""
    talk("list_balance_definitions", pid=pid, version="active")
    talk("list_tier_groups", pid=pid, version="active")
    talk("list_tiers", pid=pid, version="active")


def booked(talk: Side, pid: str, member: int, balance: str, amount: int, **meta: str) -> object:
    """A movement in two steps; the answer to the second tells the new balance."""
    draft = talk(
        "create_transaction",
        pid=pid,
        amount=amount,
        balanceDefinitionId=balance,
        contactId=member,
        ttl=900,
        meta=meta,
    )
    return talk("complete_transaction", pid=pid, tid=draft["id"])


def moved(email: str, amount: int, reason: str) -> Script:
    """Look at the account, the rules and what is pending already; then book it."""

    def script(talk: Side) -> object:
        member = contact(talk, email)
        pid, found = account(talk, member)
        balance = balance_of(found)
        rules(talk, pid)
        # Somebody may be at the same credit or debit; our preview warns of open drafts.
        talk(
            "list_transaction_history",
            pid=pid,
            contactId=member,
            balanceDefinitionId=balance,
            status="draft",
        )
        return booked(talk, pid, member, balance, amount, reason=reason)

    return script


def looked_up(email: str) -> Script:
    """Email to contact, then the whole picture."""
    return lambda talk: whole(contact(talk, email))(talk)


def reversed_by_hand(talk: Side) -> object:
    """Find the movement, see that nothing reversed it, look at the rules, book the opposite.

    The history tells whether it was reversed before, and what is pending.
    """
    member = contact(talk, BRUNO)
    pid, found = account(talk, member)
    balance = balance_of(found)
    past = talk(
        "list_transaction_history", pid=pid, contactId=member, balanceDefinitionId=balance, limit=20
    )
    bonus = next(t for t in past["transactionHistory"] if t["amount"] == 60)
    rules(talk, pid)
    return booked(talk, pid, member, balance, -60, reason="Given by mistake", reverses=bonus["id"])


def reversed_by_tool(talk: Side) -> object:
    """Find the movement, and have it undone."""
    past = talk("list_transaction_history", member=BRUNO)["transaction_history"]
    bonus = next(item["id"] for item in past if item["amount"] == 60)
    return talk(
        "reverse_transaction", member=BRUNO, transaction_id=bonus, reason="Given by mistake"
    )


def issued(talk: Side) -> object:
    """Whether he is a member and what he holds, the reward's id and terms, and the voucher."""
    member = contact(talk, BRUNO)
    pid, _ = account(talk, member)
    rewards = talk("list_rewards", pid=pid, version="active")["items"]
    reward = next(item["id"] for item in rewards if item["name"] == "ten-euro-voucher")
    talk("get_reward", pid=pid, rid=reward, version="active")
    return talk("create_voucher", pid=pid, rewardId=reward, contactId=member)


def redeemed(talk: Side) -> object:
    """Find the voucher, check it, see what using it up takes, redeem it in two steps."""
    pid, found = account(talk, 105)
    held = next(item for item in found["reward"] if item["code"] == "TEN-4714D2")
    talk("validate_voucher", pid=pid, code="TEN-4714D2", contactId=105)
    talk("get_reward", pid=pid, rid=held["rewardId"], version="active")
    opened = talk("redeem_voucher", pid=pid, code="TEN-4714D2", contactId=105, ttl=900)
    return talk("complete_redemption", pid=pid, tid=opened["id"])


def revoked(talk: Side) -> object:
    """Find the voucher, and take it back."""
    pid = the_program(talk)
    held = talk("list_vouchers", pid=pid, contactId=105)["contactRewards"]
    talk("validate_voucher", pid=pid, attributedRewardId=held[0]["id"])
    return talk("revoke_vouchers", pid=pid, attributedRewardIds=held[0]["id"])


def revoked_by_tool(talk: Side) -> object:
    """Find the voucher, and have it taken back."""
    held = talk("list_vouchers", member="105")["contact_rewards"]
    return talk("revoke_vouchers", voucher_ids=[held[0]["id"]])


def assigned(talk: Side) -> object:
    """The tier they have, the other's id by its name, then the assignment."""
    member = contact(talk, BRUNO)
    pid, _ = account(talk, member)
    tiers = talk("list_tiers", pid=pid, version="active")["items"]
    gold = next(tier["tierId"] for tier in tiers if tier["name"] == "Gold")
    return talk("assign_tier", pid=pid, cid=member, tid=gold)


def enrolled(talk: Side) -> object:
    """Nobody has the email; the contact is made, enrolled, and looked at."""
    found = talk("list_contacts", filter='equals(EMAIL,"nora.lind@example.com")')
    assert not found["contacts"]
    member = talk("create_contact", email="nora.lind@example.com")["id"]
    pid = the_program(talk)
    talk("create_subscription", pid=pid, contactId=member)
    talk("get_account_info", pid=pid, contactId=member)
    return talk("list_tiers", pid=pid, version="active")


SUPPORT_JOBS: Final = (
    Job(
        "Who is this, and what have they got?",
        "support",
        lambda talk: talk("get_member_overview", member=BRUNO),
        looked_up(BRUNO),
        (("135 points", ('"value":135', '"unit":"POINTS"')), "Bronze", "VIP-102"),
    ),
    Job(
        "Give Anna 50 points for the delay.",
        "support",
        lambda talk: talk("credit_points", member=ANNA, amount=50, reason="Delay"),
        moved(ANNA, 50, "Delay"),
        (("New balance: 330", ('"balance":330',)),),
        changes=True,
    ),
    Job(
        "Take 30 points from Bruno, booked twice.",
        "support",
        lambda talk: talk("debit_points", member=BRUNO, amount=30, reason="Booked twice"),
        moved(BRUNO, -30, "Booked twice"),
        (("New balance: 105", ('"balance":105',)),),
        changes=True,
    ),
    Job(
        "Undo Bruno's bonus.",
        "support",
        reversed_by_tool,
        reversed_by_hand,
        (("New balance: 75", ('"balance":75',)),),
        changes=True,
    ),
    Job(
        "Where are Anna's points of last summer from?",
        "support",
        lambda talk: talk("list_transaction_history", member=ANNA),
        lambda talk: history(contact(talk, ANNA))(talk),
        (
            ('+130 points, "Order 5008"', ('"amount":130', "Order 5008")),
            ("−50 points", ('"amount":-50',)),
        ),
    ),
    Job(
        "Give Bruno a ten euro voucher.",
        "support",
        lambda talk: talk("create_voucher", member=BRUNO, reward="ten-euro-voucher"),
        issued,
        (("(10 EUR)", ('"value":10',)), "TEN-"),
        changes=True,
    ),
    Job(
        "Member 105 is at the till with a voucher.",
        "support",
        lambda talk: talk("redeem_for_member", member="105", code="TEN-4714D2"),
        redeemed,
        ("TEN-4714D2", ("take 10 EUR off", ('"value":10', '"unit":"EUR"'))),
        changes=True,
    ),
    Job(
        "Take back the voucher of 105.",
        "support",
        revoked_by_tool,
        revoked,
        ("TEN-4714D2",),
        changes=True,
    ),
    Job(
        "Put Bruno on Gold until the matter is settled.",
        "support",
        lambda talk: talk("assign_tier", member=BRUNO, tier="Gold"),
        assigned,
        (('is on tier "Gold" now', ('"groupId"',)),),
        changes=True,
    ),
    Job(
        "Nora wants to join; she is new.",
        "support",
        lambda talk: talk("enroll_member", contact="nora.lind@example.com", create_contact=True),
        enrolled,
        ("Bronze", ("300 points", ('"minimumValue":300',))),
        changes=True,
    ),
)

# What managers set up

TEA: Final[Json] = {
    "program": {"name": "Tea Club", "description": "A leaf for each cup."},
    "balances": [
        {"name": "Leaves", "unit": "POINTS", "expires_after": {"value": 12, "unit": "month"}}
    ],
    "rewards": [{"name": "free-tea"}, {"name": "mug"}],
    "tier_groups": [
        {
            "name": "Taste",
            "tiers": [
                {"name": "Green", "minimum": {"Leaves": 0}},
                {"name": "Oolong", "minimum": {"Leaves": 200}},
                {"name": "Black", "minimum": {"Leaves": 500}, "rewards": ["mug"]},
            ],
        }
    ],
}
CASH: Final[Json] = {
    "program": {"name": "Cash Back"},
    "balances": [
        {
            "name": "Credit",
            "unit": "EUR",
            "maximum": 200,
            "limits": [
                {
                    "transaction_type": "credit",
                    "constraint_type": "amount",
                    "value": 50,
                    "per": {"value": 1, "unit": "day"},
                }
            ],
        }
    ],
}
PLATINUM: Final[Json] = {
    "program": {"name": "VIP Club"},
    "balances": [{"name": "Purchase Points", "unit": "POINTS"}],
    "tier_groups": [
        {
            "name": "Status",
            "tiers": [
                {"name": "Bronze", "minimum": {"Purchase Points": 0}},
                {"name": "Silver", "minimum": {"Purchase Points": 300}},
                {"name": "Gold", "minimum": {"Purchase Points": 500}},
                {"name": "Platinum", "minimum": {"Purchase Points": 900}},
            ],
        }
    ],
}


def parts(talk: Side, pid: str) -> list[Json]:
    """Each kind of part that a program has; the rewards."""
    talk("list_balance_definitions", pid=pid, version="draft")
    talk("list_tier_groups", pid=pid, version="draft")
    talk("list_tiers", pid=pid, version="draft")
    found: list[Json] = talk("list_rewards", pid=pid, version="draft")["items"]
    return found


def read_back(talk: Side, pid: str, spec: Json, limits: Mapping[str, str]) -> None:
    """What was made, as ours reads it back: the kinds that the description names, and limits."""
    talk("get_program", pid=pid)
    talk("list_balance_definitions", pid=pid, version="draft")
    for limit, balance in limits.items():
        talk("get_balance_limit", pid=pid, bdid=balance, blid=limit, version="draft")
    if spec.get("rewards"):
        talk("list_rewards", pid=pid, version="draft")
    if spec.get("tier_groups"):
        talk("list_tier_groups", pid=pid, version="draft")
        talk("list_tiers", pid=pid, version="draft")


def set_up_by_hand(spec: Json, *, publish: bool) -> Script:
    """Look what is there, make every part in the right order, read it back, and publish."""

    def script(talk: Side) -> object:
        names = [item["name"] for item in talk("list_programs")["items"]]
        assert spec["program"]["name"] not in names
        pid = talk("create_program", **spec["program"])["id"]
        limits: dict[str, str] = {}
        balances = {
            item["name"]: balance_by_hand(talk, pid, item, limits)
            for item in spec.get("balances", ())
        }
        rewards = {
            item["name"]: talk("create_reward", pid=pid, name=item["name"])["id"]
            for item in spec.get("rewards", ())
        }
        for group in spec.get("tier_groups", ()):
            group_by_hand(talk, pid, group, balances, rewards)
        read_back(talk, pid, spec, limits)
        return talk("publish_program", pid=pid) if publish else pid

    return script


def balance_by_hand(talk: Side, pid: str, item: Json, limits: dict[str, str]) -> str:
    """A balance with its expiry, its ceiling and its limits, whose ids are added to `limits`."""
    settings: Json = {"name": item["name"], "unit": item["unit"]}
    if "expires_after" in item:
        settings["balanceAvailabilityDurationValue"] = item["expires_after"]["value"]
        settings["balanceAvailabilityDurationUnit"] = item["expires_after"]["unit"]
        settings["balanceAvailabilityDurationModifier"] = "noModification"
    if "maximum" in item:
        settings["maxAmount"] = item["maximum"]
    made = str(talk("create_balance_definition", pid=pid, **settings)["id"])
    for limit in item.get("limits", ()):
        made_limit = talk(
            "create_balance_limit",
            pid=pid,
            bdid=made,
            constraintType=limit["constraint_type"],
            transactionType=limit["transaction_type"],
            durationValue=limit["per"]["value"],
            durationUnit=limit["per"]["unit"],
            value=limit["value"],
        )
        limits[made_limit["id"]] = made
    return made


def group_by_hand(
    talk: Side, pid: str, group: Json, balances: Mapping[str, str], rewards: Mapping[str, str]
) -> None:
    """A tier group, its tiers, and their order."""
    gid = talk("create_tier_group", pid=pid, name=group["name"])["id"]
    order = []
    for tier in group["tiers"]:
        made = talk(
            "create_tier",
            pid=pid,
            gid=gid,
            name=tier["name"],
            accessConditions=[
                {"balanceDefinitionId": balances[name], "minimumValue": least}
                for name, least in tier["minimum"].items()
            ],
            tierRewards=[{"rewardId": rewards[name]} for name in tier.get("rewards", ())],
        )
        order.append(made["tierId"])
    talk(
        "update_tier_group",
        pid=pid,
        gid=gid,
        name=group["name"],
        tierOrder=order,
        upgradeStrategy="real_time",
        downgradeStrategy="real_time",
    )


def planned_by_hand(talk: Side) -> object:
    """Read all there is, and compare by hand."""
    return parts(talk, the_program(talk))


def exported_by_hand(talk: Side) -> object:
    """All parts, and each reward as a whole, for a list has no texts."""
    pid = the_program(talk)
    return [talk("get_reward", pid=pid, rid=reward["id"]) for reward in parts(talk, pid)]


def tier_by_hand(talk: Side) -> object:
    """The ids it needs, and the tier."""
    pid = the_program(talk)
    balance = talk("list_balance_definitions", pid=pid, version="draft")["items"][0]["id"]
    group = talk("list_tier_groups", pid=pid, version="draft")["items"][0]["id"]
    conditions = [{"balanceDefinitionId": balance, "minimumValue": 900}]
    return talk("create_tier", pid=pid, gid=group, name="Platinum", accessConditions=conditions)


def ranked_by_hand(talk: Side) -> object:
    """The balance's id, then who holds it."""
    pid = the_program(talk)
    balance = talk("list_balance_definitions", pid=pid, version="active")["items"][0]["id"]
    return talk(
        "list_contact_balances",
        pid=pid,
        balanceDefinitionId=balance,
        sortField="value",
        sort="desc",
        limit=5,
    )


def renamed_by_hand(talk: Side) -> object:
    """The program's id and its texts so far, then the new one."""
    return talk("patch_program", pid=the_program(talk), description="Points for every euro.")


def raised_by_hand(talk: Side) -> object:
    """The ids it needs, and the tier replaced as a whole."""
    pid = the_program(talk)
    tiers = talk("list_tiers", pid=pid, version="draft")["items"]
    gold = next(tier for tier in tiers if tier["name"] == "Gold")
    (condition,) = gold["accessConditions"]
    return talk(
        "update_tier",
        pid=pid,
        tid=gold["tierId"],
        name="Gold",
        accessConditions=[
            {"balanceDefinitionId": condition["balanceDefinitionId"], "minimumValue": 600}
        ],
        tierRewards=[{"rewardId": item["rewardId"]} for item in gold["tierRewards"]],
    )


MANAGER_JOBS: Final = (
    Job(
        "Set up the Tea Club, and publish it.",
        "manager",
        lambda talk: talk("apply_program", spec=TEA, publish=True),
        set_up_by_hand(TEA, publish=True),
        ("Tea Club", "Oolong", "mug"),
        changes=True,
    ),
    Job(
        "Set up Cash Back with a daily limit, as a draft.",
        "manager",
        lambda talk: talk("apply_program", spec=CASH),
        set_up_by_hand(CASH, publish=False),
        ("Cash Back", "Credit", "EUR"),
        changes=True,
    ),
    Job(
        "What would a Platinum tier change?",
        "manager",
        lambda talk: talk("plan_program", spec=PLATINUM),
        planned_by_hand,
        (("Platinum", ('"name":"Gold"',)),),
    ),
    Job(
        "Add a Platinum tier to the draft.",
        "manager",
        lambda talk: talk(
            "create_tier",
            name="Platinum",
            tier_group="Status",
            access_conditions=[{"balance": "Purchase Points", "minimum_value": 900}],
        ),
        tier_by_hand,
        ("Platinum",),
        changes=True,
    ),
    Job(
        "Describe the program, so that it can be copied.",
        "manager",
        lambda talk: talk("export_program"),
        exported_by_hand,
        ("VIP Club", "Purchase Points", "Silver", "free-coffee"),
    ),
    Job(
        "Who has the most points?",
        "manager",
        lambda talk: talk("list_contact_balances", sort_field="value", sort="desc", limit=5),
        ranked_by_hand,
        (('own id "VIP-103": 620 points', ('"value":620', "VIP-103")),),
    ),
    Job(
        "Change the program's text.",
        "manager",
        lambda talk: talk("patch_program", description="Points for every euro."),
        renamed_by_hand,
        ("Points for every euro.",),
        changes=True,
    ),
    Job(
        "Raise Gold to 600 in the draft.",
        "manager",
        lambda talk: talk(
            "update_tier",
            tier="Gold",
            name="Gold",
            access_conditions=[{"balance": "Purchase Points", "minimum_value": 600}],
            tier_rewards=["gold-gift"],
        ),
        raised_by_hand,
        (('"Gold": 500 → 600 points', ('"minimumValue":600',)),),
        changes=True,
    ),
)

JOBS: Final = (*MEMBER_JOBS, *SUPPORT_JOBS, *MANAGER_JOBS)
