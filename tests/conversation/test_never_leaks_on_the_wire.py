"""The rule of memory where it counts: at what a model is sent, with the real calls, conversation, tools, keeper and database.

The model is the worst there is: each of its replies says everything that it was ever told. So what one session knew stands in the captions, and
from there may come into the digest, the recap and the next session. People come, go, speak, forget, share and pause; the bot is moved, loses its model
and is somebody else. No session ever holds a canary of another time that somebody in the room may not know.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from fakes import FakeLink, FakeModel, FakeVoice, settle
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from bot.conversation.call import Call
from bot.conversation.calls import CallOptions, Calls, CallServices
from bot.conversation.events import CallTool, TextSaid, Tick, ToolAnswered
from bot.errors import ModelFault
from bot.memory.digest import Line, Point
from bot.memory.keeper import Keeper
from bot.personas.library import Library
from bot.personas.scenes import SCENES
from bot.realtime.events import (
    AddText,
    AnswerTool,
    ModelCommand,
    ModelLost,
    ModelReady,
    Reconfigure,
    SessionConfig,
    ToolCalled,
    TurnMode,
    UtteranceTranscribed,
)
from bot.storage.consent import ConsentLedger, Scope
from bot.storage.database import Database
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.guilds import MemoryMode
from bot.storage.members import MemberChoices
from bot.storage.memories import Kind, Memory
from bot.storage.memory_repository import MemoryRepository
from bot.storage.recap_repository import RecapRepository
from bot.storage.vault import Vault
from bot.tools.tool import ToolRoom
from bot.tools.toolbox import Toolbox
from bot.voice.events import VoiceReady

pytestmark = pytest.mark.shell

GUILD, ME, CHANNELS = 1, 99, (7, 8)
NAMES = {11: "Alice", 12: "Bob", 13: "Carol", 14: "Dave"}
CANARY = re.compile(r"canary\d+")
LIBRARY = Library.load()
T = TypeVar("T")
users = st.sampled_from(sorted(NAMES))


class Gossip:
    """The worst digest: everybody is said to have said what anybody said."""

    async def digest(self, lines: Sequence[Line], language: str, guild_id: int = 0) -> tuple[Point, ...]:
        names = {line.by for line in lines if line.by is not None}
        said = [line.said.removeprefix("I like").strip() for line in lines]
        return tuple(Point(name, kind, f"Likes {words}"[:180]) for name in names for words in said for kind in Kind)


class Gossiper(FakeModel):
    """Says everything that its session knows, and tells `watch` of everything that it is sent."""

    def __init__(self, watch: Any) -> None:
        super().__init__(reply_ms=2_000)
        self.watch = watch
        self.sessions: list[Watched] = []

    def __call__(self, config: SessionConfig, sink: Any) -> FakeLink:
        link = Watched(self, config, sink)
        self.sessions.append(link)
        self.watch(link, config.instructions)
        return link


class Watched(FakeLink):
    def __init__(self, model: Gossiper, config: SessionConfig, sink: Any) -> None:
        super().__init__(model, config, sink)
        self.known: set[str] = set()
        self.watch = model.watch

    def send(self, command: ModelCommand) -> None:
        match command:
            case AddText(text=text) | AnswerTool(output=text):
                self.watch(self, text)
            case Reconfigure(config):
                self.watch(self, config.instructions)
            case _:
                pass
        self._model.words = f"Oh, {' and '.join(sorted(self.known))}! How nice of you all to have told me so."
        super().send(command)


class Rooms(RuleBasedStateMachine):
    """`epoch` counts talks: another call, or other people after a move. Of its own talk a session may know what was said, whoever came later."""

    @initialize(
        mode=st.sampled_from([MemoryMode.STRICT, MemoryMode.USUAL]),
        here=st.sets(users, min_size=1, max_size=2),
        history=st.lists(st.tuples(users, st.frozensets(users, max_size=2)), min_size=2, max_size=5),
    )
    def begin(self, mode: MemoryMode, here: set[int], history: list[tuple[int, frozenset[int]]]) -> None:
        self.loop = asyncio.new_event_loop()
        self.present = set(here)
        self.channel_id = CHANNELS[0]
        self.epoch, self.count = 0, 0  # before the first call: talks of long ago
        self.said_in: dict[str, int] = {}
        self.heard: dict[str, set[int]] = {}
        self.resting: set[str] = set()
        self.voice = FakeVoice()
        self.model = Gossiper(self.watch)
        self.allowed: dict[str, bool] = {}
        self.run(self.open(mode))
        for subject, others in history:
            self.run(self.know_of(subject, others))
        self.run(self.join())

    def teardown(self) -> None:
        if hasattr(self, "calls"):
            self.run(self.end())
            self.run(self.database.close())
            self.loop.close()

    async def end(self) -> None:
        call = self.calls.call(GUILD)
        if call is not None:
            await self.leave(call)
        await self.calls.close(0.5)

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(step)

    # ------------------------------------------------------------------------ the house

    async def open(self, mode: MemoryMode) -> None:
        self.database = await Database.open("sqlite+aiosqlite:///:memory:")
        vault = await Vault.open(self.database, b"k" * 32)
        self.ledger, self.guilds = ConsentLedger(self.database, "here"), GuildSettingsRepository(self.database)
        self.memories, self.choices = MemoryRepository(self.database, vault), MemberChoices(self.database)
        self.recaps = RecapRepository(self.database, vault)
        self.keeper = Keeper(
            self.memories, self.recaps, self.choices, self.ledger, self.guilds, Gossip(), lambda: datetime.now(UTC)
        )
        await self.guilds.choose(GUILD, "memory", mode)
        for user_id in NAMES:
            for scope in Scope:
                await self.ledger.allow(GUILD, user_id, scope)
        self.guild: Any = SimpleNamespace(id=GUILD, me=SimpleNamespace(id=ME), preferred_locale="en-US")
        self.guild.get_member = self.member
        self.toolbox = Toolbox(None, None, lambda: datetime.now(UTC))
        self.calls = Calls(
            CallServices(
                allowed=self.ledger.allowed,
                persona=self.persona,
                tell=self.nothing,
                connect_voice=self.connect,
                open_model=self.model,
                settings=self.guilds.get,
                open_memory=lambda guild, channel: self.keeper.open_call(guild, channel, f"call {self.epoch}"),
                run_tool=self.run_tool,
            ),
            CallOptions(),
        )

    async def know_of(self, subject: int, others: frozenset[int]) -> None:
        """From a talk of long ago."""
        name, now = self.canary(subject), datetime.now(UTC) - timedelta(days=1)
        self.heard[name] = {subject, *others}
        identity, heard_by = secrets.token_hex(16), frozenset(self.heard[name])
        await self.memories.add(
            Memory(GUILD, identity, subject, subject, heard_by, Kind.FACT, f"Likes {name}.", "en", now)
        )

    def member(self, user_id: int) -> Any:
        return SimpleNamespace(id=user_id, display_name=NAMES[user_id], bot=False, roles=[], guild=self.guild)

    def channel(self, channel_id: int) -> Any:
        members = [self.member(user_id) for user_id in sorted(self.present)]
        return SimpleNamespace(id=channel_id, guild=self.guild, members=members)

    async def persona(self, *_: Any) -> Any:
        return LIBRARY.get("xiaoyue")

    async def nothing(self, *_: Any) -> None:
        """The chat takes it."""

    async def connect(self, channel: Any, _: Any) -> FakeVoice:
        self.voice = FakeVoice(channel.id)
        return self.voice

    async def run_tool(self, call: Call, asked: CallTool) -> ToolAnswered:
        room = ToolRoom(
            GUILD,
            self.channel_id,
            call.persona,
            call.settings,
            call.memory,
            call.name_of,
            call.user_of,
            "en",
            frozenset(call.present),
        )
        return await self.toolbox.run(asked, room)

    async def join(self) -> None:
        self.epoch += 1
        text_channel: Any = SimpleNamespace()
        await self.calls.join(self.channel(self.channel_id), text_channel=text_channel)
        await self.pass_by()

    @property
    def call(self) -> Call:
        call = self.calls.call(GUILD)
        assert call is not None, "no call ends by itself here, but by a bug"
        return call

    def act(self, *deeds: Callable[[], object]) -> None:
        """On the loop, each followed by whatever follows from it."""

        async def do() -> None:
            for deed in deeds:
                deed()
                await self.pass_by()

        self.run(do())

    async def pass_by(self) -> None:
        """What a second or so brings by itself."""
        await settle()
        self.call.recall()
        for _ in range(2):
            self.call.session.feed(Tick())
            await settle()
        await self.look()
        self.check()

    # ------------------------------------------------------------------------ the oracle

    async def look(self) -> None:
        """Of each canary of another talk: may who is present know of it? By what is on the disk, and what this machine knows who heard."""
        is_off = (await self.guilds.get(GUILD)).memory is MemoryMode.OFF
        rows = await self.memories.all(GUILD) if self.present and not is_off else []
        self.allowed = {name: any(self.may_be_told(name, row) for row in rows) for name in self.said_in}

    def may_be_told(self, name: str, row: Memory) -> bool:
        """The machine's own words of the rule; `heard` is its own knowledge, and what a row says is believed only to narrow it."""
        if name not in CANARY.findall(row.text) or (row.is_muted and name not in self.resting):
            return False
        if not all(self.ledger.allowed(GUILD, row.subject_id, scope) for scope in (Scope.LISTEN, Scope.REMEMBER)):
            return False
        is_own = row.speaker_id == row.subject_id
        return self.present <= self.heard[name] or (row.is_shareable and is_own)

    def watch(self, link: Watched, text: str) -> None:
        link.known |= set(CANARY.findall(text))

    def check(self) -> None:
        """What the session that is open knows is for everybody who is there."""
        for link in self.model.sessions:
            if link.is_closed or not self.present:
                continue
            foreign = {name for name in link.known if self.said_in[name] != self.epoch}
            leaked = {name for name in foreign if not self.allowed.get(name, False)}
            assert not leaked, f"{leaked} told to a room of {self.present}, heard by {[self.heard[n] for n in leaked]}"

    def canary(self, speaker: int) -> str:
        self.count += 1
        name = f"canary{self.count}"
        self.said_in[name], self.heard[name] = self.epoch, {*self.present, speaker}
        return name

    # ------------------------------------------------------------------------ what happens

    def moves(self, user_id: int) -> None:
        """In where they are not, out where they are."""
        here, there = SimpleNamespace(channel=SimpleNamespace(id=self.channel_id)), SimpleNamespace(channel=None)
        is_here = user_id in self.present
        (self.present.discard if is_here else self.present.add)(user_id)
        states: tuple[Any, Any] = (here, there) if is_here else (there, here)
        self.calls.on_voice_state(self.member(user_id), *states)

    def says(self, user_id: int, name: str) -> None:
        self.call.session.feed(UtteranceTranscribed("item", f"I like {name}.", NAMES[user_id]))

    @rule(user_id=users)
    def come_or_go(self, user_id: int) -> None:
        self.act(lambda: self.moves(user_id))

    @rule(user_id=users)
    def say(self, user_id: int) -> None:
        if user_id in self.present:
            name = self.canary(user_id)
            self.act(lambda: self.says(user_id, name))

    @rule(user_id=users)
    def type(self, user_id: int) -> None:
        self.act(lambda: self.call.session.feed(TextSaid(user_id, "What do you know of us?", NAMES[user_id])))

    @rule(ms=st.sampled_from([500, 1_500, 2_500]))
    def listen(self, ms: int) -> None:
        """What the companion is saying is heard, in part or to its end."""
        self.act(lambda: self.voice.let_hear(ms))

    @rule(number=st.integers(1, 30), late=st.none() | users)
    def look_up(self, number: int, late: int | None) -> None:
        """The model asks for what it remembers; somebody may come in before it hears."""
        link = self.model.sessions[-1]
        if link.is_closed:
            return

        def ask() -> None:
            link.tell(ToolCalled(secrets.token_hex(4), "recall", f'{{"words": "canary{number}"}}'))
            if late is not None and late not in self.present:
                self.moves(late)

        self.act(ask)

    @rule(user_id=users)
    def keep_now(self, user_id: int) -> None:
        """The model calls the tool for what was just said; where the server is strict its subject is asked and says yes."""
        memory = self.call.memory
        if user_id not in self.present or memory is None:
            return
        name = self.canary(user_id)
        self.act(lambda: self.says(user_id, name))
        here = frozenset(self.present)
        self.run(memory.remember(f"Likes {name}.", Kind.FACT, user_id, user_id, here, "en"))
        self.run(self.accept(user_id))

    @rule(user_id=users)
    def let_rest(self, user_id: int) -> None:
        """By voice: their own, the first that fits. They know it, and so the session may; whoever comes later is another matter."""
        memory, mine = self.call.memory, self.run(self.keeper.show(GUILD, user_id))
        if memory is not None and mine and user_id in self.present:
            self.run(memory.let_rest(mine[0].text, user_id, frozenset(self.present)))
            self.resting |= set(CANARY.findall(mine[0].text))
            self.act(lambda: None)

    @rule()
    def lose_the_model(self) -> None:
        link = self.model.sessions[-1]

        def lose() -> None:
            link.tell(ModelLost(ModelFault.CLOSED, 0.1))
            link.known = set()
            link.tell(ModelReady("again", TurnMode.MANUAL))

        if not link.is_closed:
            self.act(lose)

    @rule(slug=st.sampled_from(["xiaoyue", "mentor"]), scene=st.sampled_from([None, "study"]))
    def be_somebody_else(self, slug: str, scene: str | None) -> None:
        self.act(
            lambda: self.call.choose_persona(LIBRARY.get(slug)),
            lambda: self.call.set_scene(SCENES.get(scene) if scene else None),
        )

    @rule(others=st.sets(users, min_size=1))
    def be_moved(self, others: set[int]) -> None:
        """By a moderator, to other people."""
        before, self.present = self.channel_id, set(others)
        self.channel_id = CHANNELS[1 - CHANNELS.index(before)]
        self.epoch += 1
        self.voice.channel_id = self.channel_id

        def move() -> None:
            self.call.sync(self.channel(self.channel_id))
            self.voice.tell(VoiceReady(self.channel_id, True))

        self.act(move)

    @rule(
        user_id=users,
        deed=st.sampled_from(["forget", "all", "mute", "share", "pause", "resume", "edit"]),
        data=st.data(),
    )
    def change_ones_mind(self, user_id: int, deed: str, data: st.DataObject) -> None:
        mine = self.run(self.keeper.show(GUILD, user_id))
        chosen = data.draw(st.sampled_from(mine)).memory_id if mine else ""
        match deed:
            case "forget":
                self.run(self.keeper.forget(GUILD, user_id, {chosen}))
            case "all":
                self.run(self.keeper.forget(GUILD, user_id))
            case "mute":
                self.run(self.keeper.mute(GUILD, user_id, chosen, True))
            case "share":
                self.run(self.keeper.share(GUILD, user_id, chosen, data.draw(st.booleans())))
            case "edit":
                name = self.canary(user_id)
                self.heard[name], self.said_in[name] = {user_id}, 0  # written, and heard by nobody
                self.run(self.keeper.edit(GUILD, user_id, chosen, f"Hides {name}."))
            case _:
                self.run(self.keeper.pause(GUILD, user_id, deed == "pause"))
        self.act(lambda: None)

    @rule(user_id=users)
    def agree_or_not(self, user_id: int) -> None:
        is_on = self.ledger.allowed(GUILD, user_id, Scope.REMEMBER)
        act = self.ledger.withdraw if is_on else self.ledger.allow
        self.run(act(GUILD, user_id, Scope.REMEMBER))
        self.act(lambda: None)

    @rule(mode=st.sampled_from(MemoryMode))
    def an_admin_chooses(self, mode: MemoryMode) -> None:
        self.run(self.guilds.choose(GUILD, "memory", mode))
        self.run(self.keeper.refresh(GUILD))
        self.act(lambda: None)

    @rule(here=st.sets(users, min_size=1))
    def end_and_begin_again(self, here: set[int]) -> None:
        call = self.call
        self.run(self.leave(call))
        for user_id in NAMES:
            self.run(self.accept(user_id))
        self.present = set(here)
        self.run(self.join())

    async def leave(self, call: Call) -> None:
        call.session.leave("asked")
        assert call.task is not None
        await asyncio.wait_for(call.task, 10)

    async def accept(self, user_id: int) -> None:
        """The member keeps whatever waits for their word; and so they know it."""
        for proposal in await self.keeper.proposals(GUILD, user_id):
            for name in CANARY.findall(proposal.text):
                self.heard[name].add(user_id)
            await self.keeper.settle(GUILD, user_id, proposal.proposal_id, True)

    @rule(user_id=users)
    def read_the_recap(self, user_id: int) -> None:
        for channel_id in CHANNELS:
            for point in self.run(self.keeper.recap(GUILD, channel_id, frozenset({user_id}))):
                for name in CANARY.findall(point.text):
                    assert user_id in self.heard[name], f"{point.text} leaks to {user_id}"


TestRooms = Rooms.TestCase
TestRooms.settings = settings(
    max_examples=40,
    stateful_step_count=16,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
