"""The registry of calls: joining, leaving, agreement, personas and the end of the process, over fakes of the seams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from types import SimpleNamespace
from typing import Any, ClassVar

import discord
import pytest
from fakes import FakeModel, FakeVoice, settle

from bot.attendance import may_talk
from bot.conversation.calls import CallOptions, Calls, CallServices
from bot.errors import KithError, ModelFault, StorageError, VoiceError, VoiceFault
from bot.personas.persona import Persona, parse_persona
from bot.realtime.events import ModelLost, ModelReady, TurnMode
from bot.settings import Settings
from bot.storage.guilds import GuildSettings
from bot.voice.events import VoiceClosed

pytestmark = pytest.mark.shell

GUILD, ME, ALICE, BOB = 1, 99, 11, 12
DJ = 70

PERSONA = """
languages = ["en"]
identity = "{name} is a friend."
background = "None."
traits = ["kind"]
voice = {{ local = "en-us", stepfun = "wenrou" }}
name = {{ en = "{name}" }}
tagline = {{ en = "A friend." }}
about = {{ en = "A friend." }}
manner = {{ en = "Brief." }}
greeting = {{ en = "Say hello." }}
[boundaries]
tease = "a"
firm = "b"
leave_subject = "c"
leave_channel = "d"
"""


def persona(name: str) -> Persona:
    return parse_persona(PERSONA.format(name=name), f"{name.lower()}.toml")


class House:
    """One guild with two voice channels, and everything that `Calls` needs."""

    def __init__(self) -> None:
        self.guild: Any = SimpleNamespace(id=GUILD, me=SimpleNamespace(id=ME), preferred_locale="en-US")
        self.channel = self.make_channel(7)
        self.other = self.make_channel(8)
        self.alice = self.make_member(ALICE, "Alice")
        self.bob = self.make_member(BOB, "Bob")
        self.channel.members = [self.alice, self.bob, self.make_member(50, "Music", bot=True)]
        self.agreed: set[int] = set()
        self.model = FakeModel(reply_ms=100)
        self.voices: list[FakeVoice] = []
        self.let_in: list[set[int]] = []  # for whom the gate was open when each of them began
        self.settings = GuildSettings(guild_id=GUILD)
        self.told: list[str] = []
        self.told_in: list[Any] = []
        self.log: list[tuple[str, str]] = []
        self.refusal: VoiceError | None = None
        self.is_log_broken = False
        self.calls = Calls(
            CallServices(
                allowed=lambda guild_id, user_id: user_id in self.agreed,
                persona=self._persona,
                tell=self._tell,
                connect_voice=self._connect,
                open_model=self.model,
                call_log=self,
                settings=self._settings,
                may_talk=may_talk,
            ),
            CallOptions(provider="stepfun"),
        )

    def make_channel(self, channel_id: int) -> Any:
        return SimpleNamespace(id=channel_id, guild=self.guild, members=[])

    def make_member(self, user_id: int, name: str, *, bot: bool = False) -> Any:
        return SimpleNamespace(id=user_id, display_name=name, bot=bot, roles=[], guild=self.guild)

    async def _persona(self, guild_id: int, channel_id: int, people: tuple[int, ...]) -> Persona:
        return persona("Kith")

    async def _settings(self, guild_id: int) -> GuildSettings:
        return self.settings

    async def _tell(self, channel: Any, key: str, values: dict[str, Any]) -> None:
        self.told.append(key)
        self.told_in.append(channel)

    async def _connect(self, channel: Any, allowed: Iterable[int]) -> FakeVoice:
        if self.refusal is not None:
            raise self.refusal
        self.voices.append(FakeVoice(channel.id))
        self.let_in.append(set(allowed))
        return self.voices[-1]

    async def started(self, guild_id: int, channel_id: int) -> str:
        if self.is_log_broken:
            raise StorageError("no disk")
        self.log.append(("started", str(channel_id)))
        return "call"

    async def ended(self, guild_id: int, call_id: str, reason: str) -> None:
        self.log.append(("ended", reason))

    # ------------------------------------------------------------------------ what happens

    @property
    def voice(self) -> FakeVoice:
        return self.voices[-1]

    async def join(self, channel: Any = None) -> Any:
        text_channel: Any = SimpleNamespace()
        status = await self.calls.join(channel or self.channel, text_channel=text_channel)
        await settle()
        return status

    def move(self, member: Any, before: Any, after: Any) -> None:
        states: list[Any] = [SimpleNamespace(channel=channel) for channel in (before, after)]
        self.calls.on_voice_state(member, *states)

    async def hear(self, ms: int) -> None:
        for _ in range(ms // 20):
            self.voice.let_hear(20)
            await settle(2)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    before = asyncio.all_tasks()
    house = House()
    yield house
    await house.calls.close(0.05)
    assert asyncio.all_tasks() <= before | {asyncio.current_task()}


async def test_joining_brings_the_people_of_the_channel_and_opens_the_gate_for_who_agreed(house: House) -> None:
    house.agreed = {ALICE}
    status = await house.join()
    assert status.is_new
    assert (status.heard, status.present, status.persona_name) == (("Alice",), 2, "Kith")
    assert house.voice.allowed == {ALICE}
    assert "Name: Kith" in house.model.link.config.instructions
    assert house.model.link.config.voice == "wenrou"
    assert house.log == [("started", "7")]


async def test_who_agreed_and_has_no_role_to_be_heard_is_not_heard_from_the_first_packet_on(house: House) -> None:
    house.agreed = {ALICE, BOB}
    house.settings = GuildSettings(guild_id=GUILD, user_role_ids=frozenset({DJ}))
    house.bob.roles = [SimpleNamespace(id=DJ)]
    status = await house.join()
    assert house.let_in == [{BOB}]
    assert house.voice.allowed == {BOB}
    assert status.heard == ("Bob",)


async def test_who_loses_the_role_in_mid_call_is_heard_no_more_when_discord_shows_it(house: House) -> None:
    house.agreed = {ALICE, BOB}
    house.settings = GuildSettings(guild_id=GUILD, user_role_ids=frozenset({DJ}))
    house.bob.roles = [SimpleNamespace(id=DJ)]
    await house.join()
    house.bob.roles = []
    house.move(house.bob, house.channel, house.channel)  # muted, say
    assert house.voice.allowed == set()


async def test_joining_where_we_are_says_so(house: House) -> None:
    await house.join()
    assert not (await house.join()).is_new
    assert len(house.voices) == 1


async def test_people_elsewhere_are_not_left_for_somebody_elses_call(house: House) -> None:
    await house.join()
    with pytest.raises(KithError) as refused:
        await house.join(house.other)
    assert refused.value.key == "error-other-channel"


async def test_an_empty_channel_is_left_for_who_calls(house: House) -> None:
    house.channel.members = []
    await house.join()
    house.other.members = [house.alice]
    assert (await house.join(house.other)).channel_id == 8
    assert house.voices[0].is_disconnected


async def test_a_refused_connection_leaves_nothing_behind(house: House) -> None:
    house.refusal = VoiceError("full", VoiceFault.CHANNEL_FULL)
    with pytest.raises(VoiceError):
        await house.join()
    assert house.calls.get(GUILD) is None
    house.refusal = None
    assert (await house.join()).is_new


async def test_agreeing_and_taking_it_back_act_on_the_running_call(house: House) -> None:
    await house.join()
    assert house.model.links == []
    house.agreed = {BOB}
    await house.calls.consent_changed(GUILD, BOB, True)
    await settle()
    assert house.voice.allowed == {BOB}
    assert house.model.link.is_running
    house.agreed = set()
    await house.calls.consent_changed(GUILD, BOB, False)
    await settle()
    assert house.voice.allowed == set()
    assert house.model.link.is_closed


async def test_agreeing_from_outside_of_the_channel_opens_nothing(house: House) -> None:
    await house.join()
    await house.calls.consent_changed(GUILD, 4711, True)
    await house.calls.consent_changed(2, ALICE, True)
    assert house.voice.allowed == set()


async def test_people_who_come_and_go_are_followed_and_bots_are_not(house: House) -> None:
    await house.join()
    carol = house.make_member(13, "Carol")
    house.agreed = {13}
    house.move(carol, None, house.channel)
    assert house.voice.allowed == {13}
    house.move(carol, house.channel, house.channel)  # muted herself
    house.move(house.make_member(51, "Radio", bot=True), None, house.channel)
    status = house.calls.status(GUILD)
    assert status is not None
    assert status.present == 3
    house.move(carol, house.channel, house.other)
    assert house.voice.allowed == set()


async def test_after_a_move_by_a_moderator_the_roster_is_that_of_the_new_channel(house: House) -> None:
    house.agreed = {ALICE, 13}
    await house.join()
    house.other.members = [house.make_member(13, "Carol")]
    house.voice.channel_id = 8
    house.guild.me.guild, house.guild.me.bot = house.guild, True

    class Other(discord.VoiceChannel):
        def __init__(self) -> None: ...

        id = 8
        members = house.other.members

    house.move(house.guild.me, house.channel, Other())
    status = house.calls.status(GUILD)
    assert status is not None
    assert status.heard == ("Carol",)
    assert house.voice.allowed == {13}


async def test_after_a_move_the_new_channels_chat_is_told_what_happens(house: House) -> None:
    house.agreed = {ALICE}
    await house.join()

    class Other(discord.VoiceChannel):
        def __init__(self) -> None: ...

        id = 8
        members: ClassVar = [house.make_member(13, "Carol")]

    other = Other()
    house.voice.channel_id = 8
    house.guild.me.guild, house.guild.me.bot = house.guild, True
    house.move(house.guild.me, house.channel, other)
    house.voice.tell(VoiceClosed(VoiceFault.KICKED, 4014))
    await settle()
    assert house.told == ["error-voice-kicked"]
    assert house.told_in == [other]


async def test_typed_text_reaches_the_model_with_its_writer(house: House) -> None:
    assert not await house.calls.say(GUILD, house.alice, "hello")
    house.agreed = {ALICE}
    await house.join()
    await house.hear(400)
    assert await house.calls.say(GUILD, house.alice, "what time is it?")
    await settle()
    assert "what time is it?" in house.model.link.texts


async def test_what_the_host_has_to_say_is_taken_only_while_a_model_is_there_to_say_it(house: House) -> None:
    assert not house.calls.tell(GUILD, "It is time for tea.")
    house.agreed = {ALICE}
    await house.join()
    await house.hear(400)
    house.model.link.tell(ModelLost(ModelFault.CLOSED, 30.0))
    await settle()
    assert not house.calls.tell(GUILD, "It is time for tea."), "it would wait for a session that may never come"
    house.model.link.tell(ModelReady("s2", TurnMode.MANUAL))
    await settle()
    assert house.calls.tell(GUILD, "It is time for tea.")


async def test_another_persona_goes_on_with_the_talk(house: House) -> None:
    house.agreed = {ALICE}
    await house.join()
    await house.hear(400)
    await house.calls.choose_persona(GUILD, persona("Quill"))
    await settle()
    status = house.calls.status(GUILD)
    assert status is not None
    assert (status.persona_slug, status.persona_name) == ("quill", "Quill")
    assert any("Quill" in text for text in house.model.link.texts)


async def test_leaving_says_goodbye_and_is_logged(house: House) -> None:
    house.agreed = {ALICE}
    await house.join()
    await house.hear(400)
    leaving = asyncio.create_task(house.calls.leave(GUILD, "asked"))
    await settle()
    await house.hear(400)
    assert await leaving
    assert any(text.startswith("Say goodbye") for text in house.model.link.texts)
    assert house.voice.is_disconnected
    assert house.calls.get(GUILD) is None
    assert house.log[-1] == ("ended", "asked")
    assert not await house.calls.leave(GUILD, "asked")


async def test_closing_ends_every_call_within_its_grace_even_when_nobody_answers(house: House) -> None:
    house.agreed = {ALICE}
    house.model.answers = False
    await house.join()
    await house.calls.close(0.05)
    assert house.voice.is_disconnected
    assert house.calls.statuses() == []
    assert house.log[-1] == ("ended", "stopped")
    assert house.told == ["room-stopped"]
    with pytest.raises(KithError):
        await house.join()


async def test_a_kick_ends_the_call_and_the_registry_forgets_it(house: House) -> None:
    await house.join()
    house.voice.tell(VoiceClosed(VoiceFault.KICKED))
    await settle()
    assert house.calls.get(GUILD) is None
    assert house.told == ["error-voice-kicked"]
    assert house.log[-1] == ("ended", "voice-kicked")


async def test_a_broken_log_of_calls_breaks_no_call(house: House) -> None:
    house.is_log_broken = True
    assert (await house.join()).is_new
    await settle()
    assert house.calls.get(GUILD) is not None


async def test_the_status_tells_latency_loss_and_encryption(house: House) -> None:
    await house.join()
    status = house.calls.status(GUILD)
    assert status is not None
    assert (status.is_connected, status.is_encrypted, status.privacy_code) == (True, True, "12345")
    assert status.loss_percent == pytest.approx(2.0)
    assert status.latest_ms is None


def test_options_come_from_the_settings() -> None:
    options = CallOptions.of(Settings(kith_turn_mode="server_vad", kith_alone_s=5, kith_provider="local"))
    assert (options.turn_mode, options.alone_s, options.provider) == ("server_vad", 5, "local")
