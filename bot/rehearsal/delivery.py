"""The DAVE delivery service of the loopback voice server, sans-I/O: who is in the MLS group, and who is told what.

It plays the server's part of opcodes 21 to 31 and decides nothing about sockets: each method is told what happened and
answers with `Parcel`s: `(to, op, payload)`. A `bytes` payload goes out as a binary frame (u16 sequence, u8 op, payload),
a `dict` as a JSON message's `d`. How a voice server drives it:

    service = DeliveryService(channel_id)              # one per call; is_stage=True for a stage: version 0, never encrypted
    version = service.version_for(max_version)         # goes into op 4 as `dave_protocol_version` ...
    send(service.join(user_id, now, max_version))      # ... and right after op 4 was sent: op 25 and what follows
    send(service.receive(user_id, op, payload, now))   # ops 23 and 31 (payload: the dict of `d`), 26 and 28 (payload: bytes)
    send(service.leave(user_id, now))                  # the voice socket is gone for good, or identified anew
    send(service.tick(now))                            # every 100 ms or so: transitions whose time is up

The steps (DAVE protocol, "MLS group lifecycle"):

1. No group (`epoch` 0): every member holds a group of its own and gets Add proposals for all others. All commit; the first
   commit that covers them wins: its author gets op 29, the others op 30.
2. Group: a join or a leave is proposed to the members (op 27), all commit (op 28), the first valid commit of the epoch wins:
   op 29 to the members, op 30 to the joiners, with a transition id. Each answers op 23; op 22 follows when all did, or
   `TRANSITION_TIMEOUT_S` later. Transition id 0 (a first group) is executed at once by itself.
3. One member left: op 24 with epoch 1 and op 21 with transition id 0: it starts over with a group of its own.
4. Op 31: the member could not process what it got; it is removed and, with the key package that follows, added again.
5. Somebody without DAVE joins: op 21 to version 0, op 22; when nobody such is left: op 24 to version 1, and a first group.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from bot.rehearsal.delivery_wire import (
    CommitWelcome,
    ExternalSender,
    Proposal,
    append_payload,
    parse_commit_welcome,
    revoke_payload,
)
from bot.rehearsal.voice_ops import Op

TRANSITION_TIMEOUT_S: Final = 2.5
COMMIT_TIMEOUT_S: Final = 5.0
"""Nobody committed for this long: the group is given up and everybody starts over."""


class Parcel(NamedTuple):
    """One message to one member: `bytes` are binary, a dict is JSON."""

    to: int
    op: int
    payload: bytes | dict[str, Any]


@dataclass(slots=True)
class _Member:
    max_version: int
    key_package: bytes | None = None


@dataclass(slots=True)
class _Pending:
    """A proposal of the epoch that nobody has committed yet."""

    proposal: Proposal
    user_id: int
    leaf: int | None  # of a Remove


@dataclass(slots=True)
class _Transition:
    version: int
    waiting_for: set[int]
    told: set[int]
    until: float


@dataclass(slots=True)
class DeliveryCounts:
    """What a test or a report may want to know; nothing here steers."""

    commits: int = 0
    late_commits: int = 0
    refused: int = 0
    reinvited: int = 0
    resets: int = 0
    timeouts: int = 0
    reasons: list[str] = field(default_factory=list)


class DeliveryService:
    def __init__(self, channel_id: int, *, is_stage: bool = False) -> None:
        self.version = 0 if is_stage else 1
        self.epoch = 0
        self.counts = DeliveryCounts()
        self._channel_id = channel_id
        self._is_stage = is_stage
        self._sender = ExternalSender(channel_id)
        self._members: dict[int, _Member] = {}
        self._leaves: list[int | None] = []
        self._pending: list[_Pending] = []
        self._transitions: dict[int, _Transition] = {}
        self._next_transition_id = 1
        self._is_upgrading = False
        self._commit_due_at: float | None = None

    # ------------------------------------------------------------------ what happened

    @property
    def group_members(self) -> list[int]:
        """Who has a leaf, in the order of leaves."""
        return [user for user in self._leaves if user is not None]

    def version_for(self, max_version: int) -> int:
        """What op 4 tells a member who can do `max_version` and is about to join."""
        return min([max_version, self._target_version()])

    def join(self, user_id: int, now: float, max_version: int = 1) -> list[Parcel]:
        """The member was sent op 4. One who is here already joined anew: their old leaf goes."""
        parcels = self.leave(user_id, now) if user_id in self._members else []
        self._members[user_id] = _Member(max_version)
        parcels += self._follow_target(now, newcomer=user_id)
        if self._is_encrypting:
            parcels.append(Parcel(user_id, Op.EXTERNAL_SENDER, self._sender.package()))
        return parcels

    def leave(self, user_id: int, now: float) -> list[Parcel]:
        if self._members.pop(user_id, None) is None:
            return []
        for transition in self._transitions.values():
            transition.waiting_for.discard(user_id)
            transition.told.discard(user_id)
        parcels = self._withdraw(user_id, now, is_gone=True)
        parcels += self._follow_target(now, newcomer=None)
        return parcels + self._execute_complete(now)

    def receive(self, user_id: int, op: int, payload: bytes | dict[str, Any], now: float) -> list[Parcel]:
        """What a member sent. Anything malformed is counted in `counts.refused` and answered with nothing."""
        if user_id not in self._members:
            return []
        match op, payload:
            case Op.TRANSITION_READY, dict():
                return self._ready(user_id, payload.get("transition_id"), now)
            case Op.KEY_PACKAGE, bytes():
                return self._key_package(user_id, payload, now)
            case Op.COMMIT_WELCOME, bytes():
                return self._commit(user_id, payload, now)
            case Op.INVALID_COMMIT_WELCOME, dict():
                return self._invalid(user_id, now)
            case _:
                return self._refuse(f"op {op}")

    def tick(self, now: float) -> list[Parcel]:
        for transition in self._transitions.values():
            if transition.waiting_for and now >= transition.until:
                self.counts.timeouts += 1
                transition.waiting_for.clear()
        parcels = self._execute_complete(now)
        if self._commit_due_at is not None and now >= self._commit_due_at:
            self.counts.timeouts += 1
            parcels += self._start_over(list(self._members), now)
        return parcels

    @property
    def _is_encrypting(self) -> bool:
        """There is a group, or one is to be made: key packages count."""
        return self._target_version() > 0 and (self.version > 0 or self._is_upgrading or self.epoch > 0)

    # ------------------------------------------------------------------ key packages and proposals

    def _key_package(self, user_id: int, key_package: bytes, now: float) -> list[Parcel]:
        if not self._is_encrypting:
            return []
        parcels = self._withdraw(user_id, now, is_gone=False)
        self._members[user_id].key_package = key_package
        if self.epoch == 0:
            return parcels + self._introduce(user_id, now)
        proposal = self._sender.add(self.epoch, key_package)
        return parcels + self._propose([_Pending(proposal, user_id, None)], now)

    def _introduce(self, newcomer: int, now: float) -> list[Parcel]:
        """No group yet: the newcomer gets Adds of all others, and the others get the newcomer's."""
        others = [pending for pending in self._pending if pending.user_id != newcomer]
        key_package = self._members[newcomer].key_package
        assert key_package is not None
        own = _Pending(self._sender.add(0, key_package), newcomer, None)
        self._pending.append(own)
        if not others:
            return []
        self._commit_due_at = now + COMMIT_TIMEOUT_S
        parcels = [Parcel(other.user_id, Op.PROPOSALS, append_payload([own.proposal])) for other in others]
        parcels.append(Parcel(newcomer, Op.PROPOSALS, append_payload([other.proposal for other in others])))
        return parcels

    def _propose(self, proposals: list[_Pending], now: float) -> list[Parcel]:
        self._pending += proposals
        self._commit_due_at = now + COMMIT_TIMEOUT_S
        payload = append_payload([pending.proposal for pending in proposals])
        return [Parcel(user, Op.PROPOSALS, payload) for user in self._committers()]

    def _committers(self) -> list[int]:
        """Members of the group who are to stay: nobody commits their own removal."""
        removed = {pending.user_id for pending in self._pending if pending.leaf is not None}
        return [user for user in self.group_members if user not in removed]

    def _withdraw(self, user_id: int, now: float, *, is_gone: bool) -> list[Parcel]:
        """Takes the member out: an Add that nobody committed is revoked, a leaf is proposed for removal.

        `is_gone`: the member will not come back by itself, so that one who stays alone starts over.
        """
        parcels: list[Parcel] = []
        adds = [pending for pending in self._pending if pending.user_id == user_id and pending.leaf is None]
        if adds:
            self._pending = [pending for pending in self._pending if pending not in adds]
            parcels += self._revoke([pending.proposal.reference for pending in adds], now)
        if user_id in self._members:
            self._members[user_id].key_package = None
        removing = {pending.leaf for pending in self._pending if pending.leaf is not None}
        leaves = [leaf for leaf, user in enumerate(self._leaves) if user == user_id and leaf not in removing]
        if not leaves:
            return parcels
        proposals = [_Pending(self._sender.remove(self.epoch, leaf), user_id, leaf) for leaf in leaves]
        staying = [user for user in self._committers() if user != user_id]
        if len(staying) > 1 or (staying and (self._has_joiners() or not is_gone)):
            return parcels + self._propose(proposals, now)
        return parcels + self._start_over(staying, now)

    def _has_joiners(self) -> bool:
        return any(pending.leaf is None for pending in self._pending)

    def _revoke(self, references: list[bytes], now: float) -> list[Parcel]:
        payload = revoke_payload(references)
        if self.epoch == 0:
            if len(self._pending) < 2:
                self._commit_due_at = None
            return [Parcel(pending.user_id, Op.PROPOSALS, payload) for pending in self._pending]
        self._commit_due_at = now + COMMIT_TIMEOUT_S if self._pending else None
        return [Parcel(user, Op.PROPOSALS, payload) for user in self._committers()]

    def _start_over(self, told: Iterable[int], now: float) -> list[Parcel]:
        """The group is no more. Those `told` reset; whoever else waits with a key package forms the next first group."""
        waiting = [pending.user_id for pending in self._pending if pending.leaf is None]
        self.counts.resets += 1
        self.epoch = 0
        self._leaves = []
        self._pending = []
        self._commit_due_at = None
        parcels: list[Parcel] = []
        told = list(told)
        if told:
            # Op 21 below puts them on version 1 at once.
            self.version, self._is_upgrading = 1, False
        for user_id in told:
            self._members[user_id].key_package = None
            parcels.append(Parcel(user_id, Op.PREPARE_EPOCH, {"protocol_version": 1, "epoch": 1}))
            parcels.append(Parcel(user_id, Op.PREPARE_TRANSITION, {"protocol_version": 1, "transition_id": 0}))
        for user_id in waiting:
            if self._members[user_id].key_package is not None:
                parcels += self._introduce(user_id, now)
        return parcels

    # ------------------------------------------------------------------ commits and transitions

    def _commit(self, user_id: int, payload: bytes, now: float) -> list[Parcel]:
        try:
            commit = parse_commit_welcome(payload)
        except ValueError as error:
            return self._refuse(str(error))
        if commit.group_id != self._channel_id:
            return self._refuse("commit of another group")
        if commit.epoch != self.epoch:
            # "The first valid commit of an epoch wins"; the others' are of no use any more.
            self.counts.late_commits += 1
            return []
        if self.epoch == 0:
            return self._first_commit(user_id, commit, now)
        if user_id not in self._committers() or self._leaves[commit.author_leaf : commit.author_leaf + 1] != [user_id]:
            return self._refuse("commit of somebody who is not in the group")
        by_reference = {pending.proposal.reference: pending for pending in self._pending}
        if not by_reference or set(commit.references) != set(by_reference):
            # "All unrevoked proposals must be in the commit": a newer one is on its way from this member.
            self.counts.late_commits += 1
            return []
        chosen = [by_reference[reference] for reference in commit.references]
        stayed = self._committers()
        for pending in chosen:
            if pending.leaf is not None:
                self._leaves[pending.leaf] = None
        return self._accept(commit, stayed, [pending.user_id for pending in chosen if pending.leaf is None], now)

    def _first_commit(self, author: int, commit: CommitWelcome, now: float) -> list[Parcel]:
        offered = {pending.proposal.reference: pending for pending in self._pending if pending.user_id != author}
        if author not in {pending.user_id for pending in self._pending}:
            return self._refuse("commit of somebody without a key package")
        if not offered or set(commit.references) != set(offered):
            self.counts.late_commits += 1
            return []
        self._leaves = [author]
        return self._accept(commit, [author], [offered[reference].user_id for reference in commit.references], now)

    def _accept(self, commit: CommitWelcome, stayed: list[int], joined: list[int], now: float) -> list[Parcel]:
        for user_id in joined:
            # RFC 9420 7.7: an added member takes the leftmost blank leaf.
            if None in self._leaves:
                self._leaves[self._leaves.index(None)] = user_id
            else:
                self._leaves.append(user_id)
        while self._leaves and self._leaves[-1] is None:
            self._leaves.pop()
        is_first = self.epoch == 0 and not self._is_upgrading
        self._is_upgrading = False
        self.epoch += 1
        self.counts.commits += 1
        self._pending = []
        self._commit_due_at = None
        # "Transition id 0 is used for (re)initialization": a first group needs no op 22.
        transition_id = 0 if is_first else self._begin_transition(1, [*stayed, *joined], now)
        head = transition_id.to_bytes(2, "big")
        parcels = [Parcel(user_id, Op.ANNOUNCE_COMMIT, head + commit.commit) for user_id in stayed]
        return parcels + [Parcel(user_id, Op.WELCOME, head + commit.welcome) for user_id in joined]

    def _begin_transition(self, version: int, members: list[int], now: float) -> int:
        transition_id = self._next_transition_id
        self._next_transition_id = transition_id % 0xFFFF + 1
        self._transitions[transition_id] = _Transition(version, set(members), set(members), now + TRANSITION_TIMEOUT_S)
        return transition_id

    def _ready(self, user_id: int, transition_id: object, now: float) -> list[Parcel]:
        transition = self._transitions.get(transition_id) if isinstance(transition_id, int) else None
        if transition is None:
            return self._refuse("ready for an unknown transition")
        transition.waiting_for.discard(user_id)
        return self._execute_complete(now)

    def _execute_complete(self, now: float) -> list[Parcel]:
        parcels: list[Parcel] = []
        for transition_id, transition in list(self._transitions.items()):
            if transition.waiting_for or self._transitions.pop(transition_id, None) is None:
                continue
            parcels += [
                Parcel(user_id, Op.EXECUTE_TRANSITION, {"transition_id": transition_id})
                for user_id in sorted(transition.told & self._members.keys())
            ]
            if transition.version == 0 != self.version:
                self._end_encryption()
            elif transition.version > 0:
                self.version = transition.version
        if parcels:
            parcels += self._follow_target(now, newcomer=None)
        return parcels

    def _invalid(self, user_id: int, now: float) -> list[Parcel]:
        self.counts.reinvited += 1
        for transition in self._transitions.values():
            transition.waiting_for.discard(user_id)
        parcels = self._withdraw(user_id, now, is_gone=False)
        return parcels + self._execute_complete(now)

    # ------------------------------------------------------------------ versions

    def _target_version(self) -> int:
        if self._is_stage:
            return 0
        return min((member.max_version for member in self._members.values()), default=1)

    def _follow_target(self, now: float, newcomer: int | None) -> list[Parcel]:
        """Down to version 0 when somebody cannot encrypt, up again when all can."""
        target = self._target_version()
        is_going_down = any(transition.version == 0 for transition in self._transitions.values())
        if target == 0 and self.version > 0 and not is_going_down:
            told = [user_id for user_id in self._members if user_id != newcomer]
            if not told:
                self._end_encryption()
                return []
            transition_id = self._begin_transition(0, told, now)
            body = {"protocol_version": 0, "transition_id": transition_id}
            return [Parcel(user_id, Op.PREPARE_TRANSITION, dict(body)) for user_id in told]
        if target > 0 and self.version == 0 and not self._is_encrypting and not is_going_down:
            return self._upgrade()
        return []

    def _upgrade(self) -> list[Parcel]:
        """Version 1 for a call at version 0: new key packages, then a first group whose transition all agree on."""
        told = list(self._members)
        if not told:
            self.version = 1
            return []
        self._is_upgrading = True
        parcels: list[Parcel] = []
        for user_id in told:
            parcels.append(Parcel(user_id, Op.PREPARE_EPOCH, {"protocol_version": 1, "epoch": 1}))
            parcels.append(Parcel(user_id, Op.EXTERNAL_SENDER, self._sender.package()))
        if len(told) == 1:
            # Nobody to agree with: the only member goes up at once and waits for company.
            self._is_upgrading = False
            self.version = 1
            parcels.append(Parcel(told[0], Op.PREPARE_TRANSITION, {"protocol_version": 1, "transition_id": 0}))
        return parcels

    def _end_encryption(self) -> None:
        self.version = 0
        self.epoch = 0
        self._leaves = []
        self._pending = []
        self._commit_due_at = None
        self._is_upgrading = False
        self._transitions.clear()
        for member in self._members.values():
            member.key_package = None

    def _refuse(self, reason: str) -> list[Parcel]:
        self.counts.refused += 1
        if len(self.counts.reasons) < 100:
            self.counts.reasons.append(reason)
        return []
