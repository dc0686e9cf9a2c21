"""End-to-end encryption of a call (DAVE) as values: opcodes 21 to 31 in, messages out; `encrypt` and `decrypt` beside.

A `DaveGroup` lives as long as one voice session. It holds our MLS session, decides when it must be made anew, and never raises
for anything a server or a member may send. It is not the codec of frames (davey is) nor the websocket. The steps:

1. Op 4 says a version. Above 0: make an MLS session and send a key package (op 26) at once; the server does not ask.
2. Op 25 is whose proposals count. Op 27 proposes members to add and remove: check whom, answer with a commit (op 28).
3. Op 29 (a commit won) or op 30 (we were added): switch keys, answer op 23, and op 22 executes. Transition 0 executes at once.
4. Op 24 with epoch 1: the group starts over, with a new key package. Op 21 announces a change of version, 0 included.
5. What cannot be processed: op 31, a new MLS session, a new key package; the server removes us and adds us again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from bot.voice.dave_session import PROTOCOL_VERSION, MlsRefused, MlsSession, message_epoch, proposals_epoch
from bot.voice.events import MemberUnheard, UnexpectedParticipant
from bot.voice.gateway_events import GatewayCommand, Raise, SendBinary, SendText
from bot.voice.opcodes import VoiceOp
from bot.voice.silence import SILENCE
from bot.voice.strangers import Strangers
from bot.voice.transitions import Transitions
from bot.voice.undecryptable import Undecryptable
from bot.voice.unheard import Remedy, Unheard

FRAME_MARKER: Final = b"\xfa\xfa"
"""The last two bytes of every encrypted frame."""

PLAINTEXT_GRACE_S: Final = 10.0
"""After an upgrade others switch later than we do: their plain frames are accepted for this long, and then no more."""

RECOVERY_GRACE_S: Final = 5.0
RECOVERIES_TOLERATED: Final = 5
RECOVERIES_FORGOTTEN_AFTER_S: Final = 60.0
REMEMBERED_PROPOSALS: Final = 64
REMEMBERED_WELCOMES: Final = 8


@dataclass(slots=True)
class DaveStats:
    """What happened, by name. `undecryptable` and `ignored` count by reason; the reasons are few and fixed."""

    version: int | None = None
    epoch: int = 0
    is_ready: bool = False
    encrypted: int = 0
    withheld: int = 0
    decrypted: int = 0
    plain: int = 0
    commits_proposed: int = 0
    commits: int = 0
    welcomes: int = 0
    transitions: int = 0
    recoveries: int = 0
    left_out: int = 0  # members whose sound cannot be opened, though others' can
    undecryptable: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)


class DaveGroup:
    """Our membership in the encrypted group of one voice session.

    Args:
        expected: who is known to be in the channel. Only they may be added to the group.
        unheard: what is known from earlier voice sessions of the call.
    """

    def __init__(
        self, user_id: int, channel_id: int, expected: Iterable[int] = (), unheard: Unheard | None = None
    ) -> None:
        self._user_id = user_id
        self._channel_id = channel_id
        self._strangers = Strangers(user_id, expected)
        self._mls: MlsSession | None = None
        self._external_sender: bytes | None = None
        self._version: int | None = None
        self._group_version = 0
        self._transitions = Transitions()
        self._proposals_seen: deque[tuple[int, bytes]] = deque(maxlen=REMEMBERED_PROPOSALS)
        self._welcomes_seen: deque[bytes] = deque(maxlen=REMEMBERED_WELCOMES)
        self._plaintext_until: float | None = None
        self._unheard = unheard or Unheard()
        self._grace_until: float | None = None
        self._recoveries = 0
        self._recovered_at = 0.0
        self._is_hopeless = False
        self._stats = DaveStats()

    # ------------------------------------------------------------------ what is so

    @property
    def version(self) -> int | None:
        """The version in force; None before a session description."""
        return self._version

    @property
    def is_ready(self) -> bool:
        """Speech can be sent and heard: version 0, or a group with keys and no stranger in it."""
        if self._version is None:
            return False
        return self._version == 0 or (self._mls is not None and self._mls.is_ready and not self._strangers.are_inside)

    @property
    def is_hopeless(self) -> bool:
        """Recovering did not help again and again: only a fresh voice session can."""
        return self._is_hopeless

    @property
    def privacy_code(self) -> str | None:
        """30 digits, the same for everybody in the group; None without encryption."""
        if not self._version or self._mls is None or not self._mls.is_ready:
            return None
        return self._mls.privacy_code

    @property
    def next_deadline(self) -> float | None:
        """When `tick` has something to do, in the clock of `now`; minus infinity: at once."""
        if self._unheard.is_due:
            return float("-inf")
        until = (self._transitions.next_deadline, self._strangers.until, self._plaintext_until, self._grace_until)
        return min((deadline for deadline in until if deadline is not None), default=None)

    def stats(self) -> DaveStats:
        self._stats.version = self._version
        self._stats.epoch = 0 if self._mls is None else self._mls.epoch
        self._stats.is_ready = self.is_ready
        self._stats.left_out = len(self._unheard.left_out)
        return self._stats

    # ------------------------------------------------------------------ frames

    def encrypt(self, opus: bytes) -> bytes | None:
        """What to send instead of this Opus packet. None: nothing may be sent now. Plain at version 0 only."""
        if self._version == 0:
            return opus
        if not self.is_ready or self._mls is None:
            self._stats.withheld += 1
            return None
        try:
            frame = self._mls.encrypt(opus)
        except MlsRefused:
            self._stats.withheld += 1
            return None
        self._stats.encrypted += 1
        return frame

    def decrypt(self, user_id: int, payload: bytes) -> bytes | Undecryptable:
        """The Opus packet that this member sent. `payload` is without RTP padding and extension."""
        if payload == SILENCE:
            return payload
        may_be_plain = self._version == 0 or self._plaintext_until is not None or self._transitions.lead_to_plain
        if not payload.endswith(FRAME_MARKER):
            if may_be_plain and payload:
                self._stats.plain += 1
                return payload
            return self._undecryptable("unencrypted" if payload else "empty")
        if self._mls is None or not self._mls.is_ready:
            return self._failed(user_id, "not_ready")
        try:
            opus = self._mls.decrypt(user_id, payload)
        except MlsRefused as refusal:
            if refusal.reason == "UnencryptedWhenPassthroughDisabled":
                # Only the last two bytes look encrypted: a plain packet by chance, or a cut one.
                if may_be_plain:
                    self._stats.plain += 1
                    return payload
                return self._undecryptable("unencrypted")
            return self._failed(user_id, "no_key" if refusal.reason == "NoDecryptorForUser" else "no_valid_key")
        self._stats.decrypted += 1
        self._recoveries = 0
        if self._unheard.has_runs:
            self._unheard.opened(user_id)
        return opus

    def _failed(self, user_id: int, reason: str) -> Undecryptable:
        """Counts a failure that a fresh group might mend: not of members who left, nor while keys are changing."""
        is_settled = self._version and not self._transitions.are_pending and self._grace_until is None
        if is_settled and self._strangers.is_expected(user_id) and not self._is_hopeless:
            self._unheard.failed(user_id)
        return self._undecryptable(reason)

    def _undecryptable(self, reason: str) -> Undecryptable:
        self._stats.undecryptable[reason] += 1
        return Undecryptable(reason)

    # ------------------------------------------------------------------ who is here

    def expect(self, user_id: int, now: float) -> list[GatewayCommand]:
        """Op 11, or a voice state: this user is in the channel and may be added."""
        return self._let_through(now) if self._strangers.expect(user_id) else []

    def dismiss(self, user_id: int) -> None:
        """Op 13: this user is gone, and an Add would be a surprise."""
        self._strangers.dismiss(user_id)

    # ------------------------------------------------------------------ JSON opcodes

    def select_version(self, version: int, now: float) -> list[GatewayCommand]:
        """Op 4, `dave_protocol_version`. "If the version is not 0 the client sends a key package", unasked."""
        self._version = self._group_version = self._speakable(version)
        self._transitions.clear()
        self._plaintext_until = None
        if self._version == 0:
            self._mls = None
            return []
        return self._renew(now)

    def prepare_transition(self, transition_id: int, version: int, now: float) -> list[GatewayCommand]:
        """Op 21: a change of version is coming, or (id 0) is there."""
        return self._ready_for(transition_id, self._speakable(version), now)

    def execute_transition(self, transition_id: int, now: float) -> list[GatewayCommand]:
        """Op 22."""
        version = self._transitions.take(transition_id)
        if version is None:
            self._stats.ignored["unknown transition"] += 1
        else:
            self._execute(version, now)
        return []

    def prepare_epoch(self, epoch: int, version: int, now: float) -> list[GatewayCommand]:
        """Op 24. "When the epoch is 1 a new MLS group is to be created": also for one who joined at version 0."""
        if epoch != 1:
            self._stats.ignored["epoch"] += 1
            return []
        self._group_version = self._speakable(version)
        self._transitions.clear()
        if self._group_version == 0:
            return []
        return self._renew(now)

    def _speakable(self, version: int) -> int:
        if version > PROTOCOL_VERSION:
            self._stats.ignored["version"] += 1
        return max(0, min(version, PROTOCOL_VERSION))

    # ------------------------------------------------------------------ binary opcodes

    def receive(self, op: int, payload: bytes, now: float) -> list[GatewayCommand]:
        """Ops 25, 27, 29 and 30, without the sequence number and the opcode."""
        if op == VoiceOp.EXTERNAL_SENDER:
            return self._meet_sender(payload, now)
        if self._mls is None:
            self._stats.ignored["no session"] += 1
            return []
        if self._strangers.are_holding:
            # Order matters: whatever follows proposals in doubt waits with them.
            return [] if self._strangers.hold(op, payload) else self._doubt_over(now)
        match op:
            case VoiceOp.PROPOSALS:
                return self._propose(self._mls, payload, now)
            case VoiceOp.ANNOUNCE_COMMIT if len(payload) > 2:
                return self._commit(self._mls, int.from_bytes(payload[:2], "big"), payload[2:], now)
            case VoiceOp.WELCOME if len(payload) > 2:
                return self._welcome(self._mls, int.from_bytes(payload[:2], "big"), payload[2:], now)
            case _:
                self._stats.ignored["malformed"] += 1
                return []

    def _meet_sender(self, package: bytes, now: float) -> list[GatewayCommand]:
        if package == self._external_sender:
            self._stats.ignored["repeated sender"] += 1
            return []
        try:
            if self._mls is None:
                # Before the session description, or at version 0: kept for the session that may come.
                MlsSession(self._user_id, self._channel_id, package)
            else:
                self._mls.set_external_sender(package)
        except MlsRefused as refusal:
            if refusal.reason != "AlreadyInGroup":
                self._stats.ignored[refusal.reason] += 1
                return []
            # Another sender than the one our group knows: nothing it proposes could be verified in that group.
            self._external_sender = package
            return self._renew(now)
        self._external_sender = package
        return []

    def _propose(self, mls: MlsSession, payload: bytes, now: float) -> list[GatewayCommand]:
        # Said twice in one epoch, it must not make a second commit: the first one may already have won.
        seen = (mls.epoch, hashlib.sha256(payload).digest())
        if seen in self._proposals_seen:
            self._stats.ignored["repeated proposals"] += 1
            return []
        try:
            made = mls.propose(payload, self._strangers.allowed)
        except MlsRefused as refusal:
            if refusal.reason == "UnexpectedUser" and refusal.user_id is not None:
                self._strangers.doubt(refusal.user_id, VoiceOp.PROPOSALS, payload, now)
                return []
            about = proposals_epoch(payload)
            if mls.is_ready and about is not None and about[0] == self._channel_id and about[1] > mls.epoch:
                # The group is ahead of us: a commit was lost on us.
                return self._recover(self._transitions.last_id, now)
            self._stats.ignored[refusal.reason] += 1
            return []
        self._proposals_seen.append(seen)
        if made is None:
            return []
        self._stats.commits_proposed += 1
        return [SendBinary(bytes((VoiceOp.COMMIT_WELCOME,)) + made)]

    def _commit(self, mls: MlsSession, transition_id: int, commit: bytes, now: float) -> list[GatewayCommand]:
        about = message_epoch(commit)
        # Not a failure: commits of another group, of an epoch that we left behind, or of a group that we gave up.
        if about is not None and (about[0] != self._channel_id or about[1] < mls.epoch or mls.is_pending):
            self._stats.ignored["stale commit"] += 1
            return []
        try:
            mls.commit(commit)
        except MlsRefused as refusal:
            self._stats.ignored[refusal.reason] += 1
            return self._recover(transition_id, now)
        self._stats.commits += 1
        return self._ready_for(transition_id, self._group_version, now)

    def _welcome(self, mls: MlsSession, transition_id: int, welcome: bytes, now: float) -> list[GatewayCommand]:
        digest = hashlib.sha256(welcome).digest()
        if digest in self._welcomes_seen:
            self._stats.ignored["stale welcome"] += 1
            return []
        self._welcomes_seen.append(digest)
        try:
            mls.welcome(welcome)
            self._strangers.look_around(mls.user_ids, now)
        except MlsRefused as refusal:
            self._stats.ignored[refusal.reason] += 1
            return self._recover(transition_id, now)
        self._stats.welcomes += 1
        return self._ready_for(transition_id, self._group_version, now)

    # ------------------------------------------------------------------ transitions

    def _ready_for(self, transition_id: int, version: int, now: float) -> list[GatewayCommand]:
        self._transitions.last_id = transition_id
        if transition_id == 0:
            # "Transition id 0 is executed immediately": no op 23, and no op 22 will come.
            self._execute(version, now)
            return []
        self._transitions.announce(transition_id, version, now)
        return [_json(VoiceOp.TRANSITION_READY, transition_id)]

    def _execute(self, version: int, now: float) -> None:
        self._stats.transitions += 1
        if version > 0 and self._version == 0:
            self._plaintext_until = now + PLAINTEXT_GRACE_S
        self._version = version
        self._unheard.keys_changed()

    # ------------------------------------------------------------------ starting over

    def _renew(self, now: float) -> list[GatewayCommand]:
        """A new MLS session and its key package; what was pending in the old one is void."""
        self._strangers.forget()
        self._proposals_seen.clear()
        self._transitions.clear()
        self._unheard.keys_changed()
        self._grace_until = now + RECOVERY_GRACE_S
        try:
            self._mls = MlsSession(self._user_id, self._channel_id, self._external_sender)
            return [SendBinary(bytes((VoiceOp.KEY_PACKAGE,)) + self._mls.key_package())]
        except MlsRefused as refusal:
            self._stats.ignored[refusal.reason] += 1
            self._mls = None
            self._is_hopeless = True
            return []

    def start_over(self, now: float) -> list[GatewayCommand]:
        """The group does not form: leave it, and be added anew."""
        return [] if self._mls is None else self._recover(self._transitions.last_id, now)

    def _mend(self, now: float) -> list[GatewayCommand]:
        """Somebody cannot be heard for some time."""
        remedy, untold = self._unheard.judge()
        told: list[GatewayCommand] = [Raise(MemberUnheard(user_id)) for user_id in untold]
        self._is_hopeless = self._is_hopeless or remedy is Remedy.SESSION
        return told + (self._recover(self._transitions.last_id, now) if remedy is Remedy.GROUP else [])

    def _recover(self, transition_id: int, now: float) -> list[GatewayCommand]:
        """Op 31 and a new key package: the server removes us and adds us again. Never a loop: see `is_hopeless`."""
        if now - self._recovered_at > RECOVERIES_FORGOTTEN_AFTER_S:
            self._recoveries = 0
        self._recovered_at = now
        self._recoveries += 1
        if self._recoveries > RECOVERIES_TOLERATED:
            self._strangers.forget()
            self._is_hopeless = True
            return []
        self._stats.recoveries += 1
        return [_json(VoiceOp.INVALID_COMMIT_WELCOME, transition_id), *self._renew(now)]

    # ------------------------------------------------------------------ strangers and time

    def tick(self, now: float) -> list[GatewayCommand]:
        commands: list[GatewayCommand] = []
        if self._plaintext_until is not None and now >= self._plaintext_until:
            self._plaintext_until = None
        if self._grace_until is not None and now >= self._grace_until:
            self._grace_until = None
        if overdue := self._transitions.expire(now):
            self._stats.ignored["transition never executed"] += overdue
        if self._unheard.is_due:
            commands += self._mend(now)
        if self._strangers.until is not None and now >= self._strangers.until:
            commands += self._doubt_over(now)
        return commands

    def _doubt_over(self, now: float) -> list[GatewayCommand]:
        """Nobody announced them in time. The first time: not with us (op 31). Then: the room is told, and life goes on."""
        tolerated = self._strangers.judge()
        if not tolerated:
            return self._recover(self._transitions.last_id, now)
        raised: list[GatewayCommand] = [Raise(UnexpectedParticipant(user_id)) for user_id in tolerated]
        return raised + self._let_through(now)

    def _let_through(self, now: float) -> list[GatewayCommand]:
        """The doubt is settled: what waited is processed in its order, up to the next doubt."""
        commands: list[GatewayCommand] = []
        for op, payload in self._strangers.release():
            commands += self.receive(op, payload, now)
        return commands


def _json(op: VoiceOp, transition_id: int) -> SendText:
    return SendText(json.dumps({"op": int(op), "d": {"transition_id": transition_id}}))
