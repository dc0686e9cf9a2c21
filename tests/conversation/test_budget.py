"""What a talk may cost: seconds and money, reserved and reconciled, within the caps of a guild and of each member."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.conversation.budget import (
    DAY_S,
    HOLD_S,
    LONGEST_MS,
    UNREPORTED_MS,
    WINDING_DOWN,
    Budget,
    Caps,
    Entry,
    Spent,
    Used,
    Verdict,
    next_day,
)
from bot.conversation.prices import (
    INPUT_TOKENS_LIMIT,
    INSTRUCTION_TOKENS,
    NOTE_TOKENS,
    OUTPUT_TOKENS_LIMIT,
    Prices,
    chat_usage,
    tokens_of,
)

pytestmark = pytest.mark.core

DAY = date(2026, 11, 21)
ALICE, BOB = 1, 2
PRICES = Prices(input=1.5, cached=0.3, output=10.0)
FREE = Prices()
NOTHING: dict[str, Any] = {}


def budget(
    caps: Caps | None = None, *, prices: Prices = FREE, spent: Spent | None = None, ends_at: float = 10_000.0
) -> Budget:
    return Budget(caps or Caps(), prices, spent or Spent(DAY), ends_at)


def turn(one: Budget, user_id: int, heard_s: float, spoken_s: float, now: float = 0.0) -> Verdict:
    """An utterance and its reply."""
    if one.may_hear(user_id, now):
        one.heard(user_id, heard_s * 1000)
    verdict = one.reserve(now)
    if verdict is not Verdict.STOP:
        one.reconcile(user_id, spoken_s * 1000, NOTHING, now)
    return verdict


# ---------------------------------------------------------------------------- seconds


def test_speech_heard_and_speech_given_both_count() -> None:
    one = budget(Caps(guild_seconds=1_000))
    turn(one, ALICE, heard_s=30, spoken_s=20)
    assert one.spent.guild.ms == 50_000
    assert one.percent == 5


def test_a_members_seconds_are_their_speech_and_the_replies_to_them() -> None:
    one = budget()
    turn(one, ALICE, heard_s=3, spoken_s=2)
    turn(one, BOB, heard_s=7, spoken_s=1)
    one.reserve(0)
    one.reconcile(None, 4_000, NOTHING, 0)
    assert one.spent.of(ALICE).ms == 5_000
    assert one.spent.of(BOB).ms == 8_000
    assert one.spent.guild.ms == 17_000


def test_what_the_guild_spent_before_counts() -> None:
    spent = Spent(DAY, {ALICE: Used(40_000, 0), 0: Used(55_000, 0)})
    one = budget(Caps(guild_seconds=100, member_seconds=40), spent=spent)
    assert not one.may_hear(ALICE, 0)
    assert one.may_hear(BOB, 0)
    assert one.reserve(0) is Verdict.WIND_DOWN


def test_two_who_spend_in_one_guild_see_each_other() -> None:
    spent = Spent(DAY)
    one, other = (budget(Caps(guild_seconds=100), spent=spent) for _ in range(2))
    turn(one, ALICE, heard_s=60, spoken_s=40)
    assert other.reserve(0) is Verdict.STOP
    assert other.is_spent(0)


# ---------------------------------------------------------------------------- verdicts


def test_at_nine_tenths_it_winds_down_once_and_at_the_cap_it_stops() -> None:
    one = budget(Caps(guild_seconds=1_000))
    verdicts = [turn(one, ALICE, heard_s=20, spoken_s=30) for _ in range(21)]
    # the eighteenth turn begins with 850 s used and has 20 s of its own: below; the nineteenth has 920
    assert verdicts == [Verdict.GO] * 18 + [Verdict.WIND_DOWN, Verdict.GO, Verdict.STOP]


def test_it_winds_down_before_a_reply_that_may_be_the_last_to_fit() -> None:
    one = budget(Caps(guild_seconds=60))
    one.heard(ALICE, 49_000)
    assert one.reserve(0) is Verdict.WIND_DOWN  # twelve seconds are reserved


def test_money_is_a_cap_as_time_is() -> None:
    one = budget(Caps(guild_seconds=86_400, guild_micros=10_000), prices=PRICES)
    verdicts = [turn(one, ALICE, heard_s=4, spoken_s=4) for _ in range(12)]
    assert verdicts[-1] is Verdict.STOP
    assert verdicts.count(Verdict.WIND_DOWN) == 1
    assert verdicts.index(Verdict.WIND_DOWN) < verdicts.index(Verdict.STOP)
    assert 10_000 <= one.spent.guild.micros < 20_000


def test_a_cap_that_an_admin_lowers_acts_at_once() -> None:
    one = budget(Caps(guild_seconds=1_000))
    turn(one, ALICE, heard_s=50, spoken_s=50)
    one.follow(Caps(guild_seconds=60))
    assert one.reserve(0) is Verdict.STOP
    assert not one.may_hear(BOB, 0)


def test_a_cap_that_an_admin_raises_gives_room_and_another_end_to_wind_down_to() -> None:
    one = budget(Caps(guild_seconds=100))
    one.heard(ALICE, 95_000)
    assert one.reserve(0) is Verdict.WIND_DOWN
    one.release()
    one.follow(Caps(guild_seconds=100))
    assert one.reserve(0) is Verdict.GO, "the same caps once more are no news"
    one.release()
    one.follow(Caps(guild_seconds=1_000))
    assert one.reserve(0) is Verdict.GO
    one.release()
    one.heard(ALICE, 850_000)
    assert one.reserve(0) is Verdict.WIND_DOWN


def test_nobody_is_heard_beyond_the_guilds_cap() -> None:
    one = budget(Caps(guild_seconds=10))
    one.heard(ALICE, 9_980)
    assert one.may_hear(ALICE, 0)
    one.heard(ALICE, 20)
    assert not one.may_hear(ALICE, 0)
    assert not one.may_hear(BOB, 0)
    assert one.take_silenced() == ()  # that is the room's to be told, not a member's


def test_a_member_over_their_cap_is_not_heard_and_told_once_while_others_are_heard() -> None:
    one = budget(Caps(guild_seconds=1_000, member_seconds=60))
    turn(one, ALICE, heard_s=40, spoken_s=20)
    assert [one.may_hear(ALICE, now) for now in range(3)] == [False] * 3
    assert one.may_hear(BOB, 3)
    assert one.take_silenced() == (ALICE,)
    one.may_hear(ALICE, 4)
    assert one.take_silenced() == ()


def test_a_members_money_is_theirs_alone() -> None:
    one = budget(Caps(member_micros=8_000), prices=PRICES)
    while one.may_hear(ALICE, 0):
        turn(one, ALICE, heard_s=2, spoken_s=5)
    assert one.spent.of(ALICE).micros >= 8_000
    assert one.may_hear(BOB, 0)
    assert one.reserve(0) is Verdict.GO


def test_a_cap_of_nothing_is_reached() -> None:
    assert budget(Caps(guild_micros=0)).reserve(0) is Verdict.STOP


def test_the_sentences_say_how_much_and_until_when() -> None:
    one = budget(Caps(guild_seconds=100))
    one.heard(ALICE, 91_000)
    assert dict(one.told()) == {"percent": 91, "at": str(int(datetime(2026, 11, 22, tzinfo=UTC).timestamp()))}


def test_the_note_asks_for_an_end_without_reproach() -> None:
    assert "no plea to stay" in WINDING_DOWN
    assert len(WINDING_DOWN) < 500


# ---------------------------------------------------------------------------- reservations


def test_a_reservation_gives_way_to_the_truth() -> None:
    one = budget(Caps(guild_seconds=1_000), prices=PRICES)
    one.reserve(0)
    assert one.held.ms > 0
    assert one.held.micros > 0
    one.reconcile(ALICE, 3_000, NOTHING, 1)
    assert one.held == Used()
    assert one.spent.held == Used()
    assert one.spent.guild.ms == 3_000


def test_a_response_that_never_comes_costs_nothing() -> None:
    one = budget(Caps(guild_seconds=1_000), prices=PRICES)
    one.reserve(0)
    one.release()
    one.release()
    assert one.spent.held == Used()
    assert one.spent.guild == Used()
    assert one.take_entries() == ()


def test_no_response_is_asked_for_where_the_one_that_it_interrupts_may_reach_the_cap() -> None:
    one = budget(Caps(guild_seconds=100))
    one.heard(ALICE, 50_000)
    assert one.reserve(0) is Verdict.GO
    assert one.reserve(1) is Verdict.STOP  # the first, cut off, has not said yet how long it was
    one.reconcile(ALICE, 900, NOTHING, 2)
    assert one.reserve(2) is Verdict.GO


def test_a_reservation_of_which_nothing_is_heard_is_not_held_for_ever() -> None:
    one = budget(Caps(guild_seconds=86_400))
    for at in range(10):
        one.reserve(at * HOLD_S)
    one.release()
    assert one.spent.held == Used()


def test_what_is_reserved_follows_the_replies_of_late_within_bounds() -> None:
    one = budget()
    held = []
    for _ in range(40):
        one.reserve(0)
        held.append(one.held.ms)
        one.reconcile(ALICE, 900_000, NOTHING, 0)
    assert all(before <= after for before, after in pairwise(held))
    assert max(held) == LONGEST_MS


def test_a_response_that_nobody_reserved_is_counted_all_the_same() -> None:
    one = budget()
    one.reconcile(None, 2_000, NOTHING, 0)
    assert one.spent.guild.ms == 2_000


# ---------------------------------------------------------------------------- prices


def test_the_talk_so_far_is_paid_again_with_every_response_at_the_cached_price() -> None:
    one = budget(prices=PRICES)
    one.heard(ALICE, 8_000)  # a hundred tokens
    one.reconcile(ALICE, 3_200, NOTHING, 0)  # a hundred too
    first = one.spent.guild.micros
    fresh = INSTRUCTION_TOKENS + 100 + NOTE_TOKENS
    assert first == fresh * 1.5 + 100 * 10
    one.reconcile(ALICE, 3_200, NOTHING, 0)
    assert one.spent.guild.micros - first == NOTE_TOKENS * 1.5 + (fresh + 100) * 0.3 + 100 * 10


def test_a_new_session_of_the_model_has_nothing_cached() -> None:
    one = budget(prices=PRICES)
    one.reconcile(ALICE, 0, NOTHING, 0)
    first = one.spent.guild.micros
    one.begin_session()
    one.reconcile(ALICE, 0, NOTHING, 0)
    assert one.spent.guild.micros == 2 * first


def an_hour(prices: Prices) -> int:
    """Half of it heard, half said, in turns of 20 s, in two sessions."""
    one = budget(prices=prices)
    for turns in range(180):
        if turns % 90 == 0:
            one.begin_session()
        turn(one, ALICE, heard_s=10, spoken_s=10)
    return one.spent.guild.micros


def test_the_sound_of_an_hour_costs_a_little_more_than_the_vendor_says() -> None:
    """10, 2 and 70 CNY a million tokens; 3.80 CNY an hour. Above it, so that a cap comes early rather than late."""
    assert 3_800_000 < an_hour(Prices(10, 0, 70)) < 1.2 * 3_800_000
    assert an_hour(Prices(10, 2, 70)) > an_hour(Prices(10, 0, 70))


def test_the_providers_own_count_is_used_where_there_is_one() -> None:
    one = budget(prices=PRICES)
    usage = {
        "total_tokens": 1_200,
        "input_tokens": 1_000,
        "output_tokens": 200,
        "input_token_details": {"text_tokens": 400, "audio_tokens": 600, "cached_tokens": 800},
    }
    one.reconcile(ALICE, 10_000, usage, 0)
    assert one.spent.guild.micros == 200 * 1.5 + 800 * 0.3 + 200 * 10


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"input_tokens": 100, "output_tokens": 20}, (100, 0, 20)),
        ({"total_tokens": 120, "output_tokens": 20}, (100, 0, 20)),
        ({"total_tokens": 120, "input_tokens": 100}, (100, 0, 20)),
        ({"total_tokens": 120}, (70, 0, 50)),
        ({"total_tokens": 30}, (0, 0, 30)),
        ({"input_tokens": 100, "output_tokens": 20, "input_token_details": {"cached_tokens": 900}}, (0, 100, 20)),
        ({"input_tokens": 100, "output_tokens": 20, "input_token_details": {"cached_tokens": -1}}, (100, 0, 20)),
        ({"input_tokens": 100, "output_tokens": 20, "input_token_details": "many"}, (100, 0, 20)),
        ({}, None),
        ({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}, None),
        ({"input_tokens": 100, "output_tokens": 0}, None),
        ({"input_tokens": True, "output_tokens": True}, None),
        ({"input_tokens": "100", "output_tokens": "20"}, None),
        ({"input_tokens": float("nan"), "output_tokens": float("inf")}, None),
        ({"input_tokens": 10**30, "output_tokens": 5}, None),
        ({"input_tokens": 100, "output_tokens": -5}, None),
        ({"input_tokens": 100, "output_tokens": OUTPUT_TOKENS_LIMIT + 1}, None),
        ({"input_tokens": 100, "total_tokens": 20}, None),
        ({"input_tokens": None, "output_tokens": [1]}, None),
    ],
)
def test_usage_is_read_as_far_as_it_can_be_believed(
    usage: dict[str, Any], tokens: tuple[float, float, float] | None
) -> None:
    assert tokens_of(usage, said=50) == tokens


words = st.sampled_from(["", "7", "many"])
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=3,
)
counts = st.integers(-5, 3 * INPUT_TOKENS_LIMIT) | junk
usages = st.fixed_dictionaries(
    {},
    optional={
        "total_tokens": counts,
        "input_tokens": counts,
        "output_tokens": counts,
        "input_token_details": st.dictionaries(st.just("cached_tokens"), counts) | junk,
        "more": junk,
    },
)


@given(usages, st.floats(0, 5_000))
def test_no_usage_of_a_provider_makes_tokens_that_cannot_be(usage: dict[str, Any], said: float) -> None:
    tokens = tokens_of(usage, said)
    if tokens is not None:
        fresh, cached, output = tokens
        assert min(tokens) >= 0
        assert fresh + cached <= INPUT_TOKENS_LIMIT
        assert output <= OUTPUT_TOKENS_LIMIT


chat_usages = st.fixed_dictionaries(
    {},
    optional={
        "prompt_tokens": counts,
        "completion_tokens": counts,
        "total_tokens": counts,
        "prompt_tokens_details": st.dictionaries(st.just("cached_tokens"), counts) | junk,
    },
)


@given(chat_usages | junk, st.text(), st.text())
def test_whatever_a_chat_service_reports_its_answer_has_tokens_that_can_be(
    reported: Any, asked: str, answered: str
) -> None:
    tokens = tokens_of(chat_usage(reported, asked, answered), 0)
    assert tokens is not None
    assert min(tokens) >= 0
    assert sum(tokens) > 0 or not (asked or answered) or isinstance(reported, dict)


# ---------------------------------------------------------------------------- entries and days


def test_entries_say_what_was_used_since_the_last_take() -> None:
    one = budget(prices=PRICES)
    turn(one, ALICE, heard_s=3, spoken_s=2)
    cost = one.spent.guild.micros
    assert one.take_entries() == (Entry(ALICE, DAY, 3_000, 2_000, 1, cost),)
    assert one.take_entries() == ()


def test_parts_of_milliseconds_are_not_lost_between_takes() -> None:
    one = budget()
    taken: list[Entry] = []
    for _ in range(30):
        one.heard(ALICE, 0.7)
        taken += one.take_entries()
    assert sum(entry.heard_ms for entry in taken) == 21


def test_another_day_begins_with_nothing_used() -> None:
    one = budget(Caps(guild_seconds=100, member_seconds=50), ends_at=500.0)
    turn(one, ALICE, heard_s=60, spoken_s=40, now=1)
    assert one.is_spent(499.9)
    assert not one.may_hear(ALICE, 499.9)
    assert one.may_hear(ALICE, 500)
    assert not one.is_spent(500)
    turn(one, ALICE, heard_s=1, spoken_s=1, now=500)
    assert [(entry.day, entry.heard_ms) for entry in one.take_entries()] == [
        (DAY, 60_000),
        (DAY + timedelta(days=1), 1_000),
    ]
    assert one.told()[1] == ("at", str(next_day(DAY + timedelta(days=1))))


def test_it_winds_down_again_on_another_day() -> None:
    one = budget(Caps(guild_seconds=100), ends_at=500.0)
    one.heard(ALICE, 95_000)
    assert one.reserve(0) is Verdict.WIND_DOWN
    one.release()
    assert one.may_hear(ALICE, 500 + 3 * DAY_S)
    one.heard(ALICE, 95_000)
    assert one.reserve(500 + 3 * DAY_S) is Verdict.WIND_DOWN
    assert [entry.day for entry in one.take_entries()] == [DAY, DAY + timedelta(days=4)]


def test_a_reply_over_midnight_is_of_the_day_that_it_ended_on() -> None:
    one = budget(Caps(guild_seconds=100), ends_at=500.0)
    one.reserve(499)
    one.reconcile(ALICE, 5_000, NOTHING, 501)
    assert one.held == Used()
    assert [entry.day for entry in one.take_entries()] == [DAY + timedelta(days=1)]


# ---------------------------------------------------------------------------- random talks


@dataclass
class Asked:
    """A response that was asked for. One that has begun always ends; one that has not may be taken back."""

    user_id: int | None
    is_started: bool = False


class RandomTalk(RuleBasedStateMachine):
    """Members talk over each other, responses are interrupted, fail, never come, and say anything of what they used; days end."""

    @initialize(
        guild_s=st.integers(20, 400) | st.just(100_000),
        member_s=st.none() | st.integers(5, 60),
        guild_micros=st.integers(1_000, 1_000_000) | st.just(10**9),
        member_micros=st.none() | st.integers(1_000, 500_000),
        prices=st.sampled_from([FREE, PRICES, Prices(10, 2, 70)]),
        ends_in=st.floats(1, 900),
    )
    def begin(
        self,
        guild_s: int,
        member_s: int | None,
        guild_micros: int,
        member_micros: int | None,
        prices: Prices,
        ends_in: float,
    ) -> None:
        self.guild_s, self.guild_micros = guild_s, guild_micros
        self.caps = Caps(guild_s, guild_micros, member_s, member_micros)
        self.budget = Budget(self.caps, prices, Spent(DAY), 1_000 + ends_in)
        self.now = 1_000.0
        self.asked: list[Asked] = []
        self.owed: set[int] = set()
        self.turns = {None: Used(), ALICE: Used(), BOB: Used(), 3: Used()}  # the dearest turn of each, of all (None)
        self.heard_since: dict[int, float] = {}
        self.verdicts: list[Verdict] = []
        self.day = DAY
        self.entries: list[Entry] = []

    def longest(self, user_id: int | None, ms: float, micros: int) -> None:
        turn = self.turns[user_id]
        turn.ms, turn.micros = max(turn.ms, ms), max(turn.micros, micros)

    @rule(users=st.sets(st.sampled_from([ALICE, BOB, 3]), min_size=1), ms=st.integers(20, 20_000))
    def speak(self, users: set[int], ms: int) -> None:
        """20 ms at a time, each in turn, as a talk feeds it."""
        for at in range(0, ms, 200):
            self.now += 0.2
            for user_id in users:
                if self.budget.may_hear(user_id, self.now):
                    self.budget.heard(user_id, min(200, ms - at))
                    self.owed.add(user_id)

    @precondition(lambda self: len(self.asked) < 2 and (not self.asked or self.asked[-1].is_started))
    @rule(is_wish=st.booleans())
    def ask(self, is_wish: bool) -> None:
        user_id = None if is_wish or not self.owed else min(self.owed)
        verdict = self.budget.reserve(self.now)
        self.verdicts.append(verdict)
        if verdict is not Verdict.STOP:
            self.owed.discard(user_id or 0)
            self.asked.append(Asked(user_id))

    @precondition(lambda self: len(self.asked) == 1)
    @rule()
    def start(self) -> None:
        self.asked[0].is_started = True

    @precondition(lambda self: bool(self.asked) and not self.asked[-1].is_started)
    @rule()
    def take_back(self) -> None:
        self.asked.pop()
        self.budget.release()

    @precondition(lambda self: bool(self.asked) and self.asked[0].is_started)
    @rule(
        spoken_ms=st.sampled_from([0.0, UNREPORTED_MS]) | st.floats(0, 10_000) | st.floats(0, 10_000),
        usage=usages | st.just({"input_tokens": INPUT_TOKENS_LIMIT, "output_tokens": OUTPUT_TOKENS_LIMIT}),
        after_s=st.floats(0, 60),
    )
    def end(self, spoken_ms: float, usage: dict[str, Any], after_s: float) -> None:
        self.now += after_s
        one = self.asked.pop(0)
        before = {None: self.budget.spent.guild.micros}
        day = self.budget.spent.day
        self.budget.reconcile(one.user_id, spoken_ms, usage, self.now)
        if self.budget.spent.day == day:
            cost = self.budget.spent.guild.micros - before[None]
        else:
            cost = self.budget.spent.guild.micros
        self.longest(None, spoken_ms, cost)
        if one.user_id is not None:
            self.longest(one.user_id, spoken_ms, cost)

    @precondition(lambda self: bool(self.asked))
    @rule()
    def lose_model(self) -> None:
        self.asked.clear()
        self.budget.release_all()
        self.budget.begin_session()

    @precondition(lambda self: not self.asked)
    @rule(seconds=st.sampled_from([1.0, 300.0, DAY_S, 3 * DAY_S]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def save(self) -> None:
        self.entries += self.budget.take_entries()

    @invariant()
    def the_guilds_caps_are_exceeded_by_one_turn_at_most(self) -> None:
        if not hasattr(self, "budget"):
            return
        used, turn = self.budget.spent.guild, self.turns[None]
        assert used.ms <= self.guild_s * 1000 + 200 + turn.ms
        assert used.micros <= self.guild_micros + turn.micros

    @invariant()
    def a_members_caps_are_exceeded_by_one_turn_and_the_reply_that_it_cut_off_at_most(self) -> None:
        if not hasattr(self, "budget"):
            return
        for user_id, used in self.budget.spent.members.items():
            if user_id:
                turn = self.turns[user_id]
                if self.caps.member_seconds is not None:
                    assert used.ms <= self.caps.member_seconds * 1000 + 200 + 2 * turn.ms
                if self.caps.member_micros is not None:
                    assert used.micros <= self.caps.member_micros + 2 * turn.micros

    @invariant()
    def nothing_is_reserved_when_nothing_is_asked_for(self) -> None:
        if not hasattr(self, "budget"):
            return
        if not self.asked:
            assert self.budget.held == Used()
            assert self.budget.spent.held == Used()
        else:
            assert self.budget.spent.held.ms > 0

    @invariant()
    def the_sum_over_members_is_the_guild(self) -> None:
        if not hasattr(self, "budget"):
            return
        spent = self.budget.spent
        assert sum(used.micros for used in spent.members.values()) == spent.guild.micros
        assert sum(used.ms for used in spent.members.values()) == pytest.approx(spent.guild.ms)

    def teardown(self) -> None:
        if not hasattr(self, "budget"):
            return
        self.save()
        today = [entry for entry in self.entries if entry.day == self.budget.spent.day]
        assert sum(entry.cost_micros for entry in today) == self.budget.spent.guild.micros
        ms = sum(entry.heard_ms + entry.spoken_ms for entry in today)
        assert ms <= self.budget.spent.guild.ms + 1e-3
        assert ms > self.budget.spent.guild.ms - 2 * 4 - 1e-3  # parts of milliseconds


RandomTalk.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestRandomTalk = RandomTalk.TestCase
