"""What calls need of the house, the operator's choices about them, and how a call may be shown to people: values only."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import discord

from bot.conversation.answering import Decision
from bot.conversation.budget import Budget
from bot.conversation.care import Sentence
from bot.conversation.events import CallTool, ToolAnswered, TurnMeasured
from bot.conversation.lines import Judge, Observer, OpenModel, VoiceLine
from bot.memory.call import CallMemory
from bot.personas.character import CharacterReport
from bot.personas.persona import Persona
from bot.personas.scenes import Scene
from bot.realtime.events import Attribution, ToolSpec, TurnMode
from bot.settings import Settings
from bot.storage.guilds import GuildSettings

if TYPE_CHECKING:
    from bot.conversation.call import Call

Channel: TypeAlias = discord.VoiceChannel | discord.StageChannel
TextChannel: TypeAlias = discord.abc.Messageable


class CallLog(Protocol):
    """`bot.storage.calls.CallLog`."""

    async def started(self, guild_id: int, channel_id: int) -> str: ...
    async def ended(self, guild_id: int, call_id: str, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class CallServices:
    """What calls need of the rest of the house.

    Attributes:
        allowed: (guild_id, user_id): has the member agreed to be heard, now? Answered from memory.
        persona: (guild_id, channel_id, ids of the people there): who is to speak.
        tell: (text channel, key, values): a sentence of the catalogues in the guild's language.
        connect_voice: (channel, allowed user ids): joins; raises `VoiceError`.
        open_model: makes a link to the speech model.
        notice: (persona's name, locale): PCM of the spoken notice, at the output rate.
        make_judge: makes what tells speech from noise, one a call; blocks.
        call_log: when and where there was a call.
        settings: what a guild chose.
        may_talk: (settings, role ids): may such a member talk with it?
        voice: (persona, settings): who is heard, of the provider's voices; `None`: the persona's own.
        open_memory: (guild_id, channel_id): what this call remembers; `None`: nothing.
        tools: (persona, settings, whether there is memory): what the model is offered.
        run_tool: answers a call of the model.
        open_budget: (guild_id): what this call may use; `None`: as much as it likes.
        save_budget: (guild_id, budget): writes what was used; never raises.
        offer_proposals: (call, ids of members): there is something for them to keep or to drop.
        changed: (guild_id): who is there, who is heard or who speaks has changed, or the call is over.
        help_line: (guild): what the room reads when somebody is in danger: key and values.
        locale_of: (guild): in which language its people are spoken to; `None`: the server's own.
    """

    allowed: Callable[[int, int], bool]
    persona: Callable[[int, int, tuple[int, ...]], Awaitable[Persona]]
    tell: Callable[[TextChannel, str, dict[str, str | int | float]], Awaitable[None]]
    connect_voice: Callable[[Channel, Iterable[int]], Awaitable[VoiceLine]]
    open_model: OpenModel
    notice: Callable[[str, str], Awaitable[bytes]] | None = None
    make_judge: Callable[[], Judge] | None = None
    call_log: CallLog | None = None
    observers: Callable[[int], Iterable[Observer]] | None = None
    settings: Callable[[int], Awaitable[GuildSettings]] | None = None
    may_talk: Callable[[GuildSettings, frozenset[int]], bool] | None = None
    voice: Callable[[Persona, GuildSettings], str | None] | None = None
    open_memory: Callable[[int, int], Awaitable[CallMemory | None]] | None = None
    tools: Callable[[Persona, GuildSettings, bool], tuple[ToolSpec, ...]] | None = None
    run_tool: Callable[[Call, CallTool], Awaitable[ToolAnswered]] | None = None
    open_budget: Callable[[int], Awaitable[Budget | None]] | None = None
    save_budget: Callable[[int, Budget], Awaitable[None]] | None = None
    offer_proposals: Callable[[Call, frozenset[int]], Awaitable[None]] | None = None
    changed: Callable[[int], None] | None = None
    help_line: Callable[[discord.Guild], Sentence] | None = None
    locale_of: Callable[[discord.Guild], str] | None = None

    def may_hear(self, settings: GuildSettings, member: discord.Member) -> bool:
        """The member agreed, and the server lets them talk with it: the gate is open for nobody else, from the first packet on."""
        is_let = self.may_talk is None or self.may_talk(settings, frozenset(role.id for role in member.roles))
        return is_let and self.allowed(member.guild.id, member.id)


@dataclass(frozen=True, slots=True)
class CallOptions:
    """The operator's choices. Rates in Hz; `provider` picks the persona's voice."""

    provider: str = "local"
    turn_mode: TurnMode = TurnMode.MANUAL
    attribution: Attribution = Attribution.ITEM
    input_rate_hz: int = 24_000
    output_rate_hz: int = 24_000
    alone_s: float = 60.0

    @classmethod
    def of(cls, settings: Settings) -> CallOptions:
        return cls(
            settings.provider,
            TurnMode(settings.kith_turn_mode),
            Attribution(settings.kith_attribution),
            settings.kith_input_rate_hz,
            settings.kith_output_rate_hz,
            settings.kith_alone_s,
        )


@dataclass(frozen=True, slots=True)
class CallStatus:
    """A call as people may see it. Names are clean; `model_state` is ready, connecting or asleep; latencies in milliseconds."""

    guild_id: int
    channel_id: int
    persona_slug: str
    persona_name: str
    state: str
    heard: tuple[str, ...]
    present: int
    model_state: str
    turn_mode: str
    is_connected: bool
    is_encrypted: bool
    privacy_code: str | None
    turns: tuple[TurnMeasured, ...] = ()
    decisions: tuple[Decision, ...] = ()
    loss_percent: float = 0.0
    is_new: bool = False  # answer of `join`: false means that we were there already
    voice_stats: Any = None
    model_stats: Any = None
    persona: Persona | None = None
    character: CharacterReport | None = None
    scene: Scene | None = None

    @property
    def latest_ms(self) -> float | None:
        return self.turns[-1].total_ms if self.turns else None

    @property
    def median_ms(self) -> float | None:
        return statistics.median(turn.total_ms for turn in self.turns) if self.turns else None


def loss_percent(stats: Any) -> float:
    """Of the packets sent to us that we should have got."""
    receiver = getattr(stats, "receiver", None)
    if receiver is None:
        return 0.0
    sent = receiver.ok + receiver.lost
    return 100.0 * receiver.lost / sent if sent else 0.0
