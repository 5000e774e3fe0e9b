"""Names: compared as people read them, and never guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_mcp.brevo.name_matching import Candidate, choose, folded
from loyalty_mcp.brevo.quoting import cleaned
from loyalty_mcp.errors import AmbiguousReference, UnknownReference

GOLD, SILVER = Candidate("id-gold", "Gold"), Candidate("id-silver", "Silver")


def refusal(kind: str, said: str | None, *candidates: Candidate) -> str:
    """The error message for a reference."""
    with pytest.raises((UnknownReference, AmbiguousReference)) as caught:
        choose(kind, said, candidates)
    return str(caught.value)


@pytest.mark.parametrize(
    "said", ["Gold", "gold", "GOLD", " gold ", "id-gold", " id-gold", "ID-GOLD"]
)
def test_name_or_id(said: str) -> None:
    """An object is named by its id or by its name, in any case."""
    assert choose("tier", said, [SILVER, GOLD]) == GOLD


@pytest.mark.parametrize(
    ("said", "name"),
    [
        pytest.param("Cafe\u0301 Club", "Café Club", id="decomposed accent"),
        pytest.param("Café Club", "Cafe\u0301 Club", id="decomposed in the program"),
        pytest.param("Café\u00a0Club", "Café Club", id="no-break space"),
        pytest.param("Café  Club", "Café Club", id="two blanks"),
        pytest.param("Café\tClub\n", "Café Club", id="tab and line break"),
        pytest.param("STRASSEN-BONUS", "Straßen-Bonus", id="sharp s"),
        pytest.param("\uff27\uff4f\uff4c\uff44", "Gold", id="full-width letters"),
        pytest.param("\ufb01rst", "First", id="ligature"),
        pytest.param("Go\u200bld", "Gold", id="zero-width space"),
        pytest.param("Gold\ufeff", "Gold", id="byte order mark"),
        pytest.param("I\u0307stanbul", "\u0130stanbul", id="dotted capital i"),
    ],
)
def test_names_are_compared_as_people_read_them(said: str, name: str) -> None:
    """Spellings that look the same are the same name."""
    assert choose("program", said, [SILVER, Candidate("1", name)]).id == "1"


@pytest.mark.parametrize(
    ("said", "name"), [("Cafe", "Café"), ("Gold 1", "Gold 11"), ("Go1d", "Gold")]
)
def test_names_that_differ_are_not_taken_for_one_another(said: str, name: str) -> None:
    """Names that look alike but are different are refused."""
    assert "No program is called" in refusal("program", said, Candidate("1", name))


def test_an_id_wins_over_a_name() -> None:
    """An object that is named like the id of another does not hide it."""
    mimic = Candidate("id-mimic", "id-gold")

    assert choose("tier", "id-gold", [mimic, GOLD]) == GOLD


def test_nothing_said_means_the_only_one() -> None:
    """If there is only one object, it need not be named."""
    assert choose("program", None, [GOLD]) == GOLD


def test_nothing_said_of_several() -> None:
    """If there are several, the error lists them; none is guessed."""
    text = refusal("program", None, GOLD, SILVER)

    assert text == 'There are several; give program: "Gold", "Silver".'


def test_nothing_said_of_none() -> None:
    """If there is none, the error says so."""
    assert refusal("program", None) == "There is no program yet."


def test_several_of_one_name_are_told_apart_by_id() -> None:
    """Of several with the same name, none is chosen; the error gives their ids."""
    text = refusal("tier", "gold", GOLD, Candidate("id-other", "GOLD"), SILVER)

    assert "id-gold" in text
    assert "id-other" in text
    assert "id-silver" not in text


def test_unknown_name_is_answered_with_the_nearest() -> None:
    """For a misspelled name, the error suggests only the similar name."""
    assert refusal("tier", "Silber", GOLD, SILVER) == (
        'No tier is called "Silber". Nearest: "Silver".'
    )


@pytest.mark.parametrize(
    ("said", "nearest"),
    [
        ("VIP", '"VIP Club", "VIP Lounge"'),
        ("lounge", '"VIP Lounge"'),
        ("club", '"VIP Club", "Tea Club", "Book Club"'),
    ],
)
def test_every_near_name_is_a_candidate(said: str, nearest: str) -> None:
    """Part of a name matches every name that contains it."""
    names = ("VIP Club", "VIP Lounge", "Tea Club", "Book Club")
    text = refusal("program", said, *(Candidate(name, name) for name in names))

    assert text == f'No program is called "{said}". Nearest: {nearest}.'


def test_equal_names_are_each_a_candidate() -> None:
    """Two objects of one name count twice."""
    twins = (Candidate("1", "Twin"), Candidate("2", "Twin"))

    assert 'Nearest: "Twin", "Twin".' in refusal("tier", "Twim", *twins)


def test_unlike_name_is_answered_with_what_there_is() -> None:
    """If no name is similar, the error lists the first names and the number of the others."""
    many = [Candidate(str(number), f"Tier {number}") for number in range(9)]
    text = refusal("tier", "xyz", *many)

    assert '"Tier 0", "Tier 1", "Tier 2", "Tier 3", "Tier 4" and 4 more.' in text


def test_unknown_name_where_there_is_nothing() -> None:
    """If there is no object at all, the error says so."""
    assert refusal("tier", "Gold") == 'No tier is called "Gold". There is none yet.'


@given(st.text(max_size=20_000), st.lists(st.text(max_size=300), max_size=8))
def test_any_text_is_chosen_or_refused_in_a_line(said: str, names: list[str]) -> None:
    """For any input, the result is a matching candidate or one short, clean line."""
    candidates = [Candidate(str(number), name) for number, name in enumerate(names)]
    try:
        found = choose("tier", said, candidates)
    except (UnknownReference, AmbiguousReference) as error:
        text = str(error)
        assert len(text) < 700
        assert text == cleaned(text)
    else:
        assert folded(said) in {folded(found.id), folded(found.name)}
