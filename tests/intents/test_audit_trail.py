"""The audit trail: whoever alters, deletes, adds or swaps an entry is found, and where."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_mcp.intents.audit_trail import (
    START,
    Entry,
    Head,
    Trail,
    broken,
    fingerprint,
    masked_arguments,
    next_entry,
)

STEPS = ("proposed", "approved", "sent", "applied")
TEXTS = ("at", "intent", "step", "caller", "tool", "details", "previous", "fingerprint")


def trail(length: int) -> tuple[list[Entry], Head]:
    """A whole trail of so many entries, and its head."""
    entries: list[Entry] = []
    head = Head()
    for number in range(length):
        entry = next_entry(
            head,
            at=f"2026-03-01T12:00:{number:02}+00:00",
            intent=f"{number // 4:032x}",
            step=STEPS[number % 4],
            caller="local",
            tool="debit_points",
            details=json.dumps({"amount": number}),
        )
        entries.append(entry)
        head = Head(entry.number, entry.fingerprint)
    return entries, head


lengths = st.integers(1, 12)


def as_trail(entries: list[Entry], head: Head) -> Trail:
    """A trail of which nothing was pruned."""
    return Trail(tuple(entries), head)


@pytest.mark.parametrize("length", [0, 1, 7])
def test_whole_trail_has_no_problem(length: int) -> None:
    """A trail as it was written is whole; an empty one too."""
    assert broken(as_trail(*trail(length))) == []


def test_entries_are_chained() -> None:
    """Each entry holds the fingerprint of the one before, the first that of nothing."""
    entries, head = trail(3)

    assert entries[0].previous == START
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert [entry.previous for entry in entries[1:]] == [e.fingerprint for e in entries[:-1]]
    assert head == Head(3, entries[-1].fingerprint)


@given(lengths, st.data(), st.sampled_from(TEXTS), st.text(max_size=20))
def test_altered_entry_is_named(length: int, data: Any, field: str, value: str) -> None:
    """Whatever field of whatever entry is changed, that entry is named."""
    entries, head = trail(length)
    place = data.draw(st.integers(0, length - 1))
    changed = replace(entries[place], **{field: value})
    if changed == entries[place]:
        return
    entries[place] = changed

    assert f"entry {place + 1} was altered" in broken(as_trail(entries, head))


@given(lengths, st.data())
def test_altered_entry_with_a_fresh_fingerprint_is_found(length: int, data: Any) -> None:
    """Who alters an entry and computes its fingerprint anew breaks the one that follows."""
    entries, head = trail(length)
    place = data.draw(st.integers(0, length - 1))
    old = entries[place]
    content = (old.number, old.at, old.intent, old.step, "mallory", old.tool, old.details)
    entries[place] = replace(old, caller="mallory", fingerprint=fingerprint(*content, old.previous))
    last = place == length - 1

    assert broken(as_trail(entries, head)) == [
        f"entry {length} is not the last that was written"
        if last
        else f"entry {place + 2} does not follow the one before it"
    ]


@given(lengths, st.data())
def test_deleted_entries_are_named(length: int, data: Any) -> None:
    """Whatever run of entries is taken out, the gap is named; the end is no exception."""
    entries, head = trail(length)
    first = data.draw(st.integers(1, length))
    last = data.draw(st.integers(first, length))
    del entries[first - 1 : last]
    gap = str(first) if first == last else f"{first} to {last}"

    assert broken(as_trail(entries, head)) == [f"entry {gap} is missing"]


@given(st.integers(2, 12), st.data())
def test_swapped_entries_are_found(length: int, data: Any) -> None:
    """Two entries that changed places are found at the first of them."""
    entries, head = trail(length)
    one = data.draw(st.integers(0, length - 2))
    other = data.draw(st.integers(one + 1, length - 1))
    entries[one], entries[other] = entries[other], entries[one]
    problems = broken(as_trail(entries, head))

    assert problems
    assert str(one + 1) in problems[0]


@given(st.integers(2, 12), st.data())
def test_swapped_contents_are_found(length: int, data: Any) -> None:
    """Entries that exchange what they say, and keep their numbers, are both named."""
    entries, head = trail(length)
    one = data.draw(st.integers(0, length - 2))
    other = data.draw(st.integers(one + 1, length - 1))
    a, b = entries[one], entries[other]
    entries[one], entries[other] = replace(a, details=b.details), replace(b, details=a.details)

    assert broken(as_trail(entries, head)) == [
        f"entry {one + 1} was altered",
        f"entry {other + 1} was altered",
    ]


@given(lengths)
def test_added_entry_is_found(length: int) -> None:
    """An entry that was never written by us is not the last that was."""
    entries, head = trail(length)
    entries.append(
        next_entry(head, at="", intent="", step="applied", caller="", tool="", details="{}")
    )

    assert broken(as_trail(entries, head)) == [
        f"entry {length + 1} is not the last that was written"
    ]


@given(lengths, st.data())
def test_repeated_entry_is_found(length: int, data: Any) -> None:
    """An entry that stands twice is a problem."""
    entries, head = trail(length)
    place = data.draw(st.integers(0, length - 1))
    entries.insert(place, entries[place])

    assert broken(as_trail(entries, head))


def test_another_trail_does_not_pass() -> None:
    """A whole trail in the place of another does not fit its head."""
    _, head = trail(3)
    other = [next_entry(Head(), at="", intent="", step="sent", caller="", tool="", details="{}")]

    assert broken(as_trail(other, head)) == ["entry 2 to 3 is missing"]


def test_fields_cannot_be_shifted_into_one_another() -> None:
    """The end of one field and the beginning of the next are not confused."""
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        ({"member": "anna.keller@example.com"}, {"member": "a***"}),
        ({"member": "+491511000101"}, {"member": "+***"}),
        ({"member": "own:VIP-101"}, {"member": "o***"}),
        ({"member": "101"}, {"member": "101"}),
        ({"members": ["101", "a@b.c"]}, {"members": ["101", "a***"]}),
        (
            {"email": "a@b.c", "phone": "+1", "contact": "x@y"},
            dict.fromkeys(("email", "phone", "contact")),
        ),
        ({"code": "TEN-ABC123"}, {"code": "T***"}),
        ({"own_id": "VIP"}, {"own_id": "V***"}),
        ({"amount": 5, "program": "VIP Club"}, {"amount": 5, "program": "VIP Club"}),
        ({"meta": {"name": "Anna"}}, {}),
        ({}, {}),
    ],
)
def test_what_names_a_person_is_masked(given_: dict[str, Any], shown: dict[str, Any]) -> None:
    """Contact ids and amounts stay, to be of use; addresses, codes and `meta` do not."""
    found = masked_arguments(given_)
    expected = {
        name: f"{given_[name][0]}***" if value is None else value for name, value in shown.items()
    }

    assert found == expected
