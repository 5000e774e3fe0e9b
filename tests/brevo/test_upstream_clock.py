"""The upstream's time: its own dates, plus the time elapsed on a clock that cannot jump."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty_mcp.brevo.upstream_clock import UpstreamClock, elapsed_seconds

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_HEADER = "Sun, 01 Mar 2026 12:00:00 GMT"


class Clocks:
    """A wall clock and a monotonic one, each set by hand."""

    def __init__(self) -> None:
        self.wall = NOON + timedelta(hours=5)
        self.elapsed = 1_000.0

    def upstream(self) -> UpstreamClock:
        """A clock of the upstream, read off these two."""
        return UpstreamClock(lambda: self.wall, lambda: self.elapsed)


def test_before_any_answer_our_own_clock_is_used() -> None:
    """Without an answer, only our own time is known."""
    clocks = Clocks()
    upstream = clocks.upstream()

    assert upstream.now() == clocks.wall
    assert upstream.skew is None


def test_time_goes_on_from_the_last_date() -> None:
    """The upstream's time is its last date plus what has passed since."""
    clocks = Clocks()
    upstream = clocks.upstream()
    upstream.observe(NOON_HEADER)
    clocks.elapsed += 90

    assert upstream.now() == NOON + timedelta(seconds=90)


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(hours=-1), timedelta(days=3)])
def test_a_jump_of_the_wall_clock_changes_nothing(jump: timedelta) -> None:
    """Setting our clock changes the skew, but not the upstream's time."""
    clocks = Clocks()
    upstream = clocks.upstream()
    upstream.observe(NOON_HEADER)
    clocks.wall += jump
    clocks.elapsed += 1

    assert upstream.now() == NOON + timedelta(seconds=1)
    assert upstream.skew == timedelta(hours=5) + jump - timedelta(seconds=1)


def test_a_later_date_replaces_an_earlier_one() -> None:
    """Each new date corrects the estimate, forwards and backwards."""
    clocks = Clocks()
    upstream = clocks.upstream()
    upstream.observe(NOON_HEADER)
    clocks.elapsed += 60
    upstream.observe("Sun, 01 Mar 2026 12:00:58 GMT")

    assert upstream.now() == NOON + timedelta(seconds=58)


def test_later_answers_of_the_same_second_add_nothing() -> None:
    """The first answer of a second is the most precise."""
    clocks = Clocks()
    upstream = clocks.upstream()
    upstream.observe(NOON_HEADER)
    clocks.elapsed += 0.75
    upstream.observe(NOON_HEADER)

    assert upstream.now() == NOON + timedelta(seconds=0.75)


@pytest.mark.parametrize(
    "header",
    ["", "soon", "Sun, 99 Mar 2026 12:00:00 GMT", "0", "Sun, 01 Mar 2026 12:00:00 +999999999999"],
)
def test_a_date_that_cannot_be_read_is_ignored(header: str) -> None:
    """The last good date stays in use."""
    clocks = Clocks()
    upstream = clocks.upstream()
    upstream.observe(NOON_HEADER)
    upstream.observe(header)

    assert upstream.now() == NOON


def test_a_date_without_a_zone_is_utc() -> None:
    """HTTP dates are in UTC, even without a zone."""
    upstream = Clocks().upstream()
    upstream.observe("Sun, 01 Mar 2026 12:00:00 -0000")

    assert upstream.now() == NOON


def test_the_real_clock_moves_forward() -> None:
    """Two readings of the clock that counts sleep are in order."""
    first = elapsed_seconds()

    assert elapsed_seconds() >= first
