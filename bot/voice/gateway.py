"""Discord's voice gateway v8, client side, sans-I/O: what arrives goes in, what to do comes out as `GatewayCommand`s.

It decides everything about the connection: handshake, heartbeats, resume or rejoin, who is here, which key, whether speech may
go out. It owns the call's `DaveGroup`. The shell (`connection.py`) owns the sockets and obeys. The steps:

1. `begin` with what the main gateway told → Connect. The server says hello (8) → identify (0), or resume (7).
2. Ready (2): our SSRC and the UDP address → Discover; `discovered` → select protocol (1).
3. Session description (4): UseCipher, speaking (5), key package (26): established. MediaReady follows once speech can flow.
4. `closed`, silence or nonsense → what `reconnection.py` plans: a resume, a rejoin over the main gateway, waiting, the end.

Time is an argument, in seconds, monotonic. Call `tick` by `next_deadline`, which may move closer whenever frames are decrypted:
looking again every 20 to 100 ms while sound comes in is enough.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from bot.errors import VoiceFault
from bot.voice import gateway_messages as messages
from bot.voice.dave import DaveGroup, DaveStats
from bot.voice.events import EncryptionMissing, VoiceClosed, VoiceInterrupted, VoiceReady
from bot.voice.formation import Formation, Step
from bot.voice.gateway_events import (
    Connect,
    Disconnect,
    Discover,
    GatewayCommand,
    IgnoreSsrc,
    MapSsrc,
    MediaReady,
    Raise,
    Rejoin,
    ResetMedia,
    UseCipher,
    VoiceServer,
)
from bot.voice.gateway_messages import MAX_SSRC, Malformed
from bot.voice.gateway_state import HAS_SESSION, HAS_SOCKET, TIMEOUT_S, GatewayStats, State
from bot.voice.heartbeat import Heartbeat
from bot.voice.opcodes import VoiceOp
from bot.voice.presence import Presence
from bot.voice.reconnection import Next, Plan, Reconnection
from bot.voice.transport import MODES
from bot.voice.undecryptable import Undecryptable
from bot.voice.unheard import Unheard

DISCOVERY_TRIES: Final = 5
MALFORMED_MOST: Final = 5
MALFORMED_WINDOW_S: Final = 10.0
NORMAL_CLOSE: Final = 1000
OUR_CLOSE: Final = 4000
"""Anything but 1000, after which the server would not let us resume."""

MAIN_BACK_S: Final = 5.0
"""How long the main gateway has, once it is back, to tell where we are."""

MAIN_AWAY_S: Final = 120.0
"""How long it is waited for where it has to tell."""


class Gateway:
    """The voice connection of one call, over as many voice sessions as it takes.

    Args:
        jitter: numbers in [0, 1), to spread reconnections.
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._reconnection = Reconnection(jitter)
        self._state = State.IDLE
        self._due_at: float | None = None
        self._plan: Plan | None = None
        self._code: int | None = None
        self._main_session: str | None = None
        self._waiting_since = 0.0
        self._server: VoiceServer | None = None
        self._dave: DaveGroup | None = None
        self._unheard = Unheard()
        self._formation = Formation()
        self._presence = Presence()
        self._seq_ack = -1
        self._is_resume = False
        self._heartbeat = Heartbeat()
        self._discover: Discover | None = None
        self._discovery_tries = 0
        self._mode = ""
        self._speaking = 0
        self._announced: bool | None = None
        self._is_interrupted = False
        self._malformed_at: deque[float] = deque(maxlen=MALFORMED_MOST)
        self._stats = GatewayStats()

    # ------------------------------------------------------------------ what is so

    @property
    def state(self) -> State:
        return self._state

    @property
    def channel_id(self) -> int | None:
        return None if self._server is None else self._server.channel_id

    @property
    def ssrc(self) -> int:
        """Our own, 0 before the server gave one."""
        return 0 if self._discover is None else self._discover.ssrc

    @property
    def present(self) -> frozenset[int]:
        """Who is in the channel besides us, as far as voice states and the voice server told."""
        return frozenset(self._presence.user_ids)

    @property
    def dave_version(self) -> int | None:
        return None if self._dave is None else self._dave.version

    @property
    def is_ready(self) -> bool:
        """Speech can be sent and heard."""
        return self._state is State.ESTABLISHED and self._dave is not None and self._dave.is_ready

    @property
    def privacy_code(self) -> str | None:
        return None if self._dave is None else self._dave.privacy_code

    @property
    def next_deadline(self) -> float | None:
        """When `tick` has something to do; minus infinity: at once; None: nothing is due."""
        dave = self._dave if self._state is State.ESTABLISHED else None
        formed_by = self._formation.due_at if self._is_group_missing else None
        deadlines = (self._due_at, self._heartbeat.due_at, formed_by, None if dave is None else dave.next_deadline)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def stats(self) -> GatewayStats:
        self._stats.heartbeats = self._heartbeat.sent
        self._stats.latency_ms = self._heartbeat.latency_ms
        return self._stats

    def dave_stats(self) -> DaveStats:
        return DaveStats() if self._dave is None else self._dave.stats()

    # ------------------------------------------------------------------ frames

    def encrypt(self, opus: bytes) -> bytes | None:
        """See `DaveGroup.encrypt`: None means that nothing may be sent."""
        return None if self._dave is None else self._dave.encrypt(opus)

    def decrypt(self, user_id: int, payload: bytes) -> bytes | Undecryptable:
        """See `DaveGroup.decrypt`."""
        return Undecryptable("no_session") if self._dave is None else self._dave.decrypt(user_id, payload)

    # ------------------------------------------------------------------ from the main gateway

    def begin(self, server: VoiceServer, members: Iterable[int], now: float) -> list[GatewayCommand]:
        """Both main gateway events are there: connect, unless we are connected so already.

        Args:
            members: users whose voice state says that they are in this channel.
        """
        if self._state is State.CLOSED:
            return []
        if server == self._server and self._state in HAS_SOCKET | {State.PAUSING}:
            # A VOICE_SERVER_UPDATE with the same token and endpoint changes nothing; deafening oneself may cause one.
            return [command for user_id in members for command in self.member_here(user_id, now)]
        commands: list[GatewayCommand] = self._interrupt(None) if self._state in HAS_SESSION else []
        if self.channel_id != server.channel_id:
            self._unheard, self._formation = Unheard(), Formation()  # other people, another group
        self._server = server
        self._reconnection.moved(now)
        commands.append(ResetMedia())
        commands += self._presence.meet({*members} - {server.user_id})
        self._dave = DaveGroup(server.user_id, server.channel_id, self._presence.user_ids, self._unheard)
        self._seq_ack = -1
        self._discover = None
        self._announced = None
        self._is_resume = False
        return [*commands, *self._connect(now)]

    def member_here(self, user_id: int, now: float) -> list[GatewayCommand]:
        """A voice state says that this user is in our channel."""
        if self._server is None or user_id == self._server.user_id:
            return []
        return self._finish(self._arrive([user_id], now), now)

    def member_gone(self, user_id: int, now: float) -> list[GatewayCommand]:
        """A voice state says that this user left our channel."""
        return self._finish(self._depart(user_id), now)

    def main_session(self, session_id: str | None, now: float) -> None:
        """Our session on the main gateway, said now and then; None: it is away, and cannot tell where we are."""
        if session_id is None:
            if self._state is State.WAITING and now - self._waiting_since < MAIN_AWAY_S:
                self._due_at = max(self._due_at or now, now + MAIN_BACK_S)
            return
        if self._main_session not in (None, session_id):
            self._reconnection.session_replaced(now)
        self._main_session = session_id

    def end(self, fault: VoiceFault, now: float) -> list[GatewayCommand]:
        """It is over: we were asked to leave (CLOSED), or the main gateway says that we are in no channel (KICKED)."""
        del now
        if self._state in {State.CLOSED, State.IDLE}:
            self._enter(State.CLOSED, None)
            return []
        hang_up: list[GatewayCommand] = [Disconnect(NORMAL_CLOSE)] if self._state in HAS_SOCKET else []
        self._enter(State.CLOSED, None)
        return [*hang_up, ResetMedia(), Raise(VoiceClosed(fault, self._code))]

    def restart(self, now: float) -> list[GatewayCommand]:
        """Something of the shell's broke (UDP gone, a task dead): a fresh session, within the budget."""
        return self._give_up(now)

    # ------------------------------------------------------------------ from the sockets

    def opened(self, now: float) -> list[GatewayCommand]:
        """The websocket is open; the server speaks first."""
        if self._state is State.CONNECTING:
            self._enter(State.CONNECTING, now)
        return []

    def closed(self, code: int | None, now: float) -> list[GatewayCommand]:
        """The websocket ended, or could not be opened, not by our `Disconnect`. `code` None: without a close frame."""
        if self._state not in HAS_SOCKET:
            return []
        self._code = code
        self._stats.closes[code or 0] += 1
        return [*self._interrupt(code), *self._follow(self._reconnection.after_close(code, now), now)]

    def discovered(self, ip: str, port: int, now: float) -> list[GatewayCommand]:
        """The answer to the IP discovery: our address as the server sees it."""
        if self._state is not State.DISCOVERING:
            return []
        self._enter(State.SELECTING, now)
        return [messages.select_protocol(ip, port, self._mode)]

    def speaking(self, flags: int) -> list[GatewayCommand]:
        """We begin (1) or stop (0) speaking. Said again by itself after a reconnection."""
        self._speaking = flags
        return [messages.speaking(flags, self.ssrc)] if self._state is State.ESTABLISHED else []

    def receive_text(self, data: str, now: float) -> list[GatewayCommand]:
        """One JSON message. What is malformed, unknown or out of place is counted and changes nothing else."""
        if self._state not in HAS_SOCKET:
            return []
        self._stats.received += 1
        try:
            op, body, seq = messages.parse_message(data)
            if seq is not None:
                self._seq_ack = seq
            commands = self._dispatch(op, body, now)
        except Malformed:
            return self._malformed(now)
        return self._finish(commands, now)

    def receive_binary(self, data: bytes, now: float) -> list[GatewayCommand]:
        """One binary message: u16 sequence, u8 op, payload."""
        if self._state not in HAS_SOCKET:
            return []
        self._stats.received += 1
        if len(data) < 3:
            return self._malformed(now)
        self._seq_ack = int.from_bytes(data[:2], "big")
        op = data[2]
        if op not in {VoiceOp.EXTERNAL_SENDER, VoiceOp.PROPOSALS, VoiceOp.ANNOUNCE_COMMIT, VoiceOp.WELCOME}:
            self._stats.unknown[op] += 1
            return []
        assert self._dave is not None
        return self._finish(self._dave.receive(op, bytes(data[3:]), now), now)

    # ------------------------------------------------------------------ the table: what counts when

    def _dispatch(self, op: int, body: Any, now: float) -> list[GatewayCommand]:
        known = _TABLE.get(op)
        if known is None:
            self._stats.unknown[op] += 1
            return []
        states, handle = known
        if self._state not in states:
            self._stats.ignored[op] += 1
            return []
        return handle(self, body, now)

    def _ignore(self, body: Any, now: float) -> list[GatewayCommand]:
        return []

    def _on_hello(self, body: Any, now: float) -> list[GatewayCommand]:
        interval_ms = messages.whole(messages.fields(body), "heartbeat_interval", 3_600_000)
        assert self._server is not None
        self._heartbeat.start(interval_ms, now)
        if self._is_resume:
            self._enter(State.RESUMING, now)
            return [messages.resume(self._server, self._seq_ack)]
        self._enter(State.IDENTIFYING, now)
        return [messages.identify(self._server)]

    def _on_ready(self, body: Any, now: float) -> list[GatewayCommand]:
        data = messages.fields(body)
        mode = messages.choose_mode(data)
        discover = Discover(
            messages.text(data, "ip"),
            messages.whole(data, "port", 0xFFFF),
            messages.whole(data, "ssrc", MAX_SSRC),
        )
        if mode is None:
            # No mode in common: a fresh session would be offered the same.
            return self.end(VoiceFault.FAILED, now)
        self._mode = mode
        self._discover = discover
        self._discovery_tries = 1
        self._enter(State.DISCOVERING, now)
        return [discover]

    def _on_session_description(self, body: Any, now: float) -> list[GatewayCommand]:
        data = messages.fields(body)
        mode, key = messages.text(data, "mode"), messages.secret_key(data)
        if mode not in MODES:
            raise Malformed("mode")
        version = messages.whole(data, "dave_protocol_version", 0xFFFF) if "dave_protocol_version" in data else 0
        assert self._dave is not None
        self._established(now)
        commands: list[GatewayCommand] = [UseCipher(mode, key, self.ssrc), messages.speaking(self._speaking, self.ssrc)]
        return commands + self._dave.select_version(version, now)

    def _on_resumed(self, body: Any, now: float) -> list[GatewayCommand]:
        self._stats.resumes += 1
        self._established(now)
        return [messages.speaking(self._speaking, self.ssrc)]

    def _on_heartbeat(self, body: Any, now: float) -> list[GatewayCommand]:
        return [messages.heartbeat(self._heartbeat.beat(now, is_asked_for=True), self._seq_ack)]

    def _on_heartbeat_ack(self, body: Any, now: float) -> list[GatewayCommand]:
        self._heartbeat.acknowledged(now)
        return []

    def _on_speaking(self, body: Any, now: float) -> list[GatewayCommand]:
        data = messages.fields(body)
        return self._map(messages.whole(data, "user_id"), messages.whole(data, "ssrc", MAX_SSRC))

    def _on_video(self, body: Any, now: float) -> list[GatewayCommand]:
        data = messages.fields(body)
        user_id = messages.whole(data, "user_id")
        audio = messages.whole(data, "audio_ssrc", MAX_SSRC) if data.get("audio_ssrc") else 0
        ignored: list[GatewayCommand] = [IgnoreSsrc(ssrc) for ssrc in messages.video_ssrcs(data) if ssrc != audio]
        return self._map(user_id, audio) + ignored

    def _on_clients_connect(self, body: Any, now: float) -> list[GatewayCommand]:
        return self._arrive(messages.user_ids(messages.fields(body)), now)

    def _on_client_disconnect(self, body: Any, now: float) -> list[GatewayCommand]:
        return self._depart(messages.whole(messages.fields(body), "user_id"))

    def _on_prepare_transition(self, body: Any, now: float) -> list[GatewayCommand]:
        data = messages.fields(body)
        assert self._dave is not None
        return self._dave.prepare_transition(_transition_id(data), _protocol_version(data), now)

    def _on_execute_transition(self, body: Any, now: float) -> list[GatewayCommand]:
        assert self._dave is not None
        return self._dave.execute_transition(_transition_id(messages.fields(body)), now)

    def _on_prepare_epoch(self, body: Any, now: float) -> list[GatewayCommand]:
        data = messages.fields(body)
        assert self._dave is not None
        return self._dave.prepare_epoch(messages.whole(data, "epoch"), _protocol_version(data), now)

    # ------------------------------------------------------------------ who is here

    def _map(self, user_id: int, ssrc: int) -> list[GatewayCommand]:
        is_own = self._server is not None and user_id == self._server.user_id
        return [] if is_own or ssrc in {0, self.ssrc} else [MapSsrc(user_id, ssrc)]

    def _arrive(self, user_ids: Iterable[int], now: float) -> list[GatewayCommand]:
        assert self._server is not None
        commands: list[GatewayCommand] = []
        for user_id in user_ids:
            if user_id == self._server.user_id or self._presence.is_full:
                continue
            commands += self._presence.arrive(user_id)
            if self._dave is not None:
                answers = self._dave.expect(user_id, now)
                commands += answers if self._state in HAS_SESSION else []
        return commands

    def _depart(self, user_id: int) -> list[GatewayCommand]:
        if self._dave is not None:
            self._dave.dismiss(user_id)
        return self._presence.depart(user_id)

    # ------------------------------------------------------------------ time

    def tick(self, now: float) -> list[GatewayCommand]:
        """Whatever is due: heartbeats, timeouts, the pause before another try, encryption's own deadlines."""
        commands: list[GatewayCommand] = []
        if self._heartbeat.is_due(now):
            if self._heartbeat.is_unanswered:
                return self._lose(now)
            commands.append(messages.heartbeat(self._heartbeat.beat(now), self._seq_ack))
        if self._due_at is not None and now >= self._due_at:
            commands += self._overdue(now)
        if self._dave is not None and self._state is State.ESTABLISHED:
            commands += self._dave.tick(now)
            commands += self._form(self._dave, now)
        return self._finish(commands, now)

    @property
    def _is_group_missing(self) -> bool:
        """Everything stands but the keys, and somebody is here to share them with."""
        is_encrypted = self._dave is not None and bool(self._dave.version)
        return self._state is State.ESTABLISHED and is_encrypted and not self.is_ready and bool(self._presence.user_ids)

    def _form(self, dave: DaveGroup, now: float) -> list[GatewayCommand]:
        if self.is_ready:
            self._formation.stood()
        match self._formation.look(self._is_group_missing, now):
            case Step.GROUP:
                return dave.start_over(now)
            case Step.SESSION:
                return self._give_up(now)
            case Step.TELL:
                return [Raise(EncryptionMissing())]
            case None:
                return []

    def _overdue(self, now: float) -> list[GatewayCommand]:
        match self._state:
            case State.PAUSING:
                assert self._plan is not None
                if self._plan.next is Next.RESUME:
                    self._is_resume = True
                    return self._connect(now)
                self._stats.rejoins += 1
                self._enter(State.REJOINING, now)
                return [Rejoin()]
            case State.WAITING:
                assert self._plan is not None
                plan = self._reconnection.after_wait(self._plan, self._waiting_since)
                return self.end(plan.fault, now) if plan.next is Next.END else self._follow(plan, now)
            case State.REJOINING:
                return self._follow(self._reconnection.after_fault(now, VoiceFault.NO_ANSWER), now)
            case State.DISCOVERING if self._discovery_tries < DISCOVERY_TRIES:
                assert self._discover is not None
                self._discovery_tries += 1
                self._enter(State.DISCOVERING, now)
                return [self._discover]
            case _:
                return self._lose(now)

    # ------------------------------------------------------------------ coming and going of the connection

    def _connect(self, now: float) -> list[GatewayCommand]:
        assert self._server is not None
        self._enter(State.CONNECTING, now)
        self._malformed_at.clear()
        return [Connect(self._server.url)]

    def _enter(self, state: State, now: float | None) -> None:
        self._state = state
        timeout_s = TIMEOUT_S.get(state)
        self._due_at = None if timeout_s is None or now is None else now + timeout_s
        if state not in HAS_SOCKET or state is State.CONNECTING:
            self._heartbeat.stop()

    def _established(self, now: float) -> None:
        self._enter(State.ESTABLISHED, now)
        self._reconnection.established(now)
        self._is_interrupted = False
        self._code = None

    def _lose(self, now: float) -> list[GatewayCommand]:
        """The server is silent: as if the network had cut the socket."""
        return [Disconnect(OUR_CLOSE), *self.closed(None, now)]

    def _give_up(self, now: float) -> list[GatewayCommand]:
        """What we have is of no use: a fresh session, within the budget."""
        if self._state not in HAS_SOCKET:
            return []
        plan = self._reconnection.after_fault(now)
        return [Disconnect(NORMAL_CLOSE), *self._interrupt(None), *self._follow(plan, now)]

    def _follow(self, plan: Plan, now: float) -> list[GatewayCommand]:
        self._plan = plan
        match plan.next:
            case Next.END:
                self._enter(State.CLOSED, None)
                return [ResetMedia(), Raise(VoiceClosed(plan.fault, self._code))]
            case Next.WAIT:
                self._enter(State.WAITING, now)
                self._waiting_since = now
            case _:
                self._enter(State.PAUSING, now)
        self._due_at = now + plan.delay_s
        return []

    def _interrupt(self, code: int | None) -> list[GatewayCommand]:
        self._announced = None
        if self._is_interrupted:
            return []
        self._is_interrupted = True
        return [Raise(VoiceInterrupted(code))]

    def _malformed(self, now: float) -> list[GatewayCommand]:
        self._stats.malformed += 1
        self._malformed_at.append(now)
        is_flood = len(self._malformed_at) == MALFORMED_MOST and now - self._malformed_at[0] <= MALFORMED_WINDOW_S
        return self._give_up(now) if is_flood else []

    def _finish(self, commands: list[GatewayCommand], now: float) -> list[GatewayCommand]:
        """After anything happened: tell when speech can flow (again), and leave a group that cannot be mended."""
        if self._dave is not None and self._dave.is_hopeless and self._state in HAS_SESSION:
            return commands + self._give_up(now)
        if not self.is_ready or self._server is None:
            self._announced = None
            return commands
        is_encrypted = bool(self.dave_version)
        if self._announced is is_encrypted:
            return commands
        self._announced = is_encrypted
        return [*commands, MediaReady(is_encrypted), Raise(VoiceReady(self._server.channel_id, is_encrypted))]


def _transition_id(data: dict[str, Any]) -> int:
    return messages.whole(data, "transition_id", 0xFFFF)


def _protocol_version(data: dict[str, Any]) -> int:
    return messages.whole(data, "protocol_version", 0xFFFF)


_ANY: Final = HAS_SOCKET
_SESSION: Final = frozenset({State.SELECTING, State.ESTABLISHED, State.RESUMING})

_TABLE: Final[dict[int, tuple[frozenset[State], Callable[[Gateway, Any, float], list[GatewayCommand]]]]] = {
    # op                            counts in                                       what it does
    VoiceOp.HELLO: (frozenset({State.CONNECTING}), Gateway._on_hello),
    VoiceOp.READY: (frozenset({State.IDENTIFYING}), Gateway._on_ready),
    VoiceOp.SESSION_DESCRIPTION: (_SESSION, Gateway._on_session_description),
    VoiceOp.RESUMED: (frozenset({State.RESUMING}), Gateway._on_resumed),
    VoiceOp.HEARTBEAT: (_ANY - {State.CONNECTING}, Gateway._on_heartbeat),
    VoiceOp.HEARTBEAT_ACK: (_ANY - {State.CONNECTING}, Gateway._on_heartbeat_ack),
    VoiceOp.SPEAKING: (_ANY, Gateway._on_speaking),
    VoiceOp.VIDEO: (_ANY, Gateway._on_video),
    VoiceOp.CLIENTS_CONNECT: (_ANY, Gateway._on_clients_connect),
    VoiceOp.CLIENT_DISCONNECT: (_ANY, Gateway._on_client_disconnect),
    VoiceOp.PREPARE_TRANSITION: (_SESSION, Gateway._on_prepare_transition),
    VoiceOp.EXECUTE_TRANSITION: (_SESSION, Gateway._on_execute_transition),
    VoiceOp.PREPARE_EPOCH: (_SESSION, Gateway._on_prepare_epoch),
    # Of no consequence to a companion that only speaks and listens; they come in bursts when somebody joins.
    VoiceOp.SESSION_UPDATE: (_ANY, Gateway._ignore),
    VoiceOp.MEDIA_SINK_WANTS: (_ANY, Gateway._ignore),
    VoiceOp.BACKEND_VERSION: (_ANY, Gateway._ignore),
    VoiceOp.CLIENT_FLAGS: (_ANY, Gateway._ignore),
    VoiceOp.CLIENT_PLATFORM: (_ANY, Gateway._ignore),
}

__all__ = ["Gateway", "GatewayStats", "State"]
