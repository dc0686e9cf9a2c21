"""The stage: the loopback Discord, the shipped bot on it, and the people of a scene, from curtain up to curtain down.

    async with Stage(scene, settings, tell) as stage:
        await stage.play()
    stage.report.write(folder)

The bot runs unchanged: it is given an API base, a token and a trust bundle as an operator would give them. What it says
and decides is watched through the observers of its calls; what is heard is what a member's own client decoded.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Final

from bot.audio.soundfile import read_sound
from bot.conversation.events import Caption, CaptionKind, Command, Event, PlayoutStarted, TurnMeasured
from bot.rehearsal.disk import SealedValue
from bot.rehearsal.house import House
from bot.rehearsal.interactions import Interaction
from bot.rehearsal.people import Actor
from bot.rehearsal.report import Check, Deed, Report
from bot.rehearsal.scene import Scene, Step
from bot.rehearsal.world import Message

REPLY_S: Final = 40.0
SETTLE_S: Final = 0.35
SOUNDING_S: Final = 0.1
FOUND_S: Final = 30.0
SAID_AGAIN: Final = 2
"""So often a member says again what the captions show as something else: a machine that halts for a moment garbles speech."""

AGAIN_S: Final = 10.0
"""So long they wait for the companion's end, if it says anything."""

UNDERSTOOD: Final = 0.8
"""So much alike are words that were understood, from 0 to 1."""

Progress = Callable[[str], None]


class Stage:
    """Plays the steps of a scene in a `House` and collects the report."""

    def __init__(self, scene: Scene, house: House, tell: Progress) -> None:
        self._scene = scene
        self._house = house
        self._tell = tell
        self._changed = asyncio.Event()
        self._replies_begun = 0
        self._interruptions: list[float] = []
        self._witness: Actor | None = None
        self._sealed: frozenset[SealedValue] = frozenset()  # everything that a search has found so far
        self.actors = {part.name: house.actor(part) for part in scene.people}
        self.report = Report(scene.title, house.world.bot.name, time.monotonic())
        house.observe(self._observe)

    # ------------------------------------------------------------------ watching

    def _observe(self, event: Event | Command, now: float) -> None:
        match event:
            case Caption():
                self.report.captions.append(event)
                self._tell(_line(event))
            case TurnMeasured():
                self.report.turns.append(event)
            case PlayoutStarted():
                self._replies_begun += 1
            case _:
                return
        self._changed.set()

    async def _until(self, condition: Callable[[], bool], timeout_s: float = REPLY_S) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _heard(self) -> list[Caption]:
        return [caption for caption in self.report.captions if caption.kind is CaptionKind.HEARD]

    # ------------------------------------------------------------------ playing

    async def play(self) -> Report:
        self.report.started_at = time.monotonic()
        for number, step in enumerate(self._scene.steps, 1):
            following = self._scene.steps[number] if number < len(self._scene.steps) else None
            await self._play(number, step, following)
        await asyncio.sleep(SETTLE_S)
        for actor in self.actors.values():
            self.report.spoken[actor.name] = actor.spoken
        if self._witness is not None:
            self.report.heard = self._witness.heard(self._bot_id)
        self.report.stops_ms = [self._stopped_after_ms(at) for at in self._interruptions]
        for actor in self.actors.values():
            await actor.leave()
        return self.report

    async def _play(self, number: int, step: Step, following: Step | None) -> None:
        if step.waits_ms is not None:
            await asyncio.sleep(step.waits_ms / 1000)
            return
        if step.searches is not None:
            await self._searches(number, step)
            return
        assert step.who is not None
        actor = self.actors[step.who]
        said, replies = len(self.report.captions), len(self._heard())
        is_cut_short = following is not None and following.interrupts is not None
        await getattr(self, f"_{step.verb}")(number, actor, step)
        if step.reply is not None or (step.says and not is_cut_short):
            for _ in range(SAID_AGAIN if step.says else 0):
                is_misheard = await self._was_misheard(actor, step.says or "", said)
                if not is_misheard or self._is_answered(step, replies):
                    break
                said = len(self.report.captions)
                self._deed(actor, "says it again")
                await self._says(number, actor, step)
            await self._expect_reply(number, step, replies)

    async def _was_misheard(self, actor: Actor, words: str, since: int) -> bool:
        """If so, the reply to what was understood instead is over. Where the model tells no words there is nothing to see."""
        replies = sum(one.kind is CaptionKind.HEARD for one in self.report.captions[:since])

        def understood() -> list[str]:
            new = self.report.captions[since:]
            return [one.text for one in new if one.kind is CaptionKind.SAID and one.speaker == actor.name]

        def is_over() -> bool:
            return len(self._heard()) > replies

        await self._until(lambda: bool(understood()) or is_over())
        if not understood() or any(is_understood(words, text) for text in understood()):
            return False
        await self._until(is_over, AGAIN_S)
        return True

    async def _expect_reply(self, number: int, step: Step, before: int) -> None:
        held = await self._until(lambda: self._is_answered(step, before))
        found = " / ".join(caption.text for caption in self._heard()[before:]) or "nothing was said"
        self._check(number, f"a reply like {step.reply or '.'!r}", found, held)
        await asyncio.sleep(SETTLE_S)

    def _is_answered(self, step: Step, before: int) -> bool:
        """One of the replies since the first `before` is like the one that the step expects."""
        pattern = re.compile(step.reply or ".", re.IGNORECASE | re.DOTALL)
        return any(pattern.search(caption.text) for caption in self._heard()[before:])

    def _check(self, number: int, expected: str, found: str, held: bool) -> None:
        self.report.checks.append(Check(number, expected, found, held))
        if not held:
            self._tell(f"[red]step {number}: expected {expected}; found: {found}[/red]")

    def _deed(self, actor: Actor, what: str) -> None:
        self.report.deeds.append(Deed(time.monotonic(), actor.name, what))
        self._tell(f"[dim]{actor.name} {what}[/dim]")

    # ------------------------------------------------------------------ verbs

    async def _enters(self, _: int, actor: Actor, step: Step) -> None:
        assert step.enters is not None
        self._deed(actor, f"enters {step.enters}")
        await actor.enter(self._house.channel(step.enters))
        self._witness = self._witness or actor

    async def _leaves(self, _: int, actor: Actor, step: Step) -> None:
        self._deed(actor, "leaves")
        await actor.leave()

    async def _runs(self, number: int, actor: Actor, step: Step) -> None:
        assert step.runs is not None
        shown = " ".join([step.runs, *(str(value) for value in step.options.values())])
        self._deed(actor, f"/{shown}")
        files = {name: self._house.world.add_file("card.json", text.encode()) for name, text in step.attaches.items()}
        answer = await actor.command(self._house.chat_of(actor), step.runs, {**step.options, **files})
        await self._answered(number, actor, step, answer)

    async def _types(self, number: int, actor: Actor, step: Step) -> None:
        self._deed(actor, "/say …")
        answer = await actor.command(self._house.chat_of(actor), "say", {"text": step.types})
        self._expect_text(number, step, answer)

    async def _presses(self, number: int, actor: Actor, step: Step) -> None:
        assert step.presses is not None
        panel, button = await self._find(actor, step.presses, lambda message: message.buttons)
        self._deed(actor, f"presses “{panel.buttons[button]}”")
        await self._answered(number, actor, step, await actor.press(panel, button))

    async def _chooses(self, number: int, actor: Actor, step: Step) -> None:
        assert step.chooses is not None
        panel, menu = await self._find(actor, step.chooses.menu, _placeholders)
        self._deed(actor, f"chooses “{', '.join(step.chooses.values)}” from “{_placeholders(panel)[menu] or menu}”")
        await self._answered(number, actor, step, await actor.choose(panel, menu, step.chooses.values))

    async def _answered(self, number: int, actor: Actor, step: Step, answer: Interaction) -> None:
        """What came back: a form is filled in and sent, and what comes of that is read."""
        if step.fills:
            answer = await actor.submit(answer, step.fills)
        self._expect_text(number, step, answer)

    def _expect_text(self, number: int, step: Step, answer: Interaction) -> None:
        if step.reads is not None:
            held = re.search(step.reads, answer.text, re.IGNORECASE | re.DOTALL) is not None
            self._check(number, f"an answer like {step.reads!r}", answer.text, held)

    async def _find(self, actor: Actor, wanted: str, names: Callable[[Message], dict[str, str]]) -> tuple[Message, str]:
        """The newest message that the actor can see with a button or menu whose id or words contain `wanted`. Raises LookupError."""
        try:
            async with asyncio.timeout(FOUND_S):
                while True:
                    for message in self._seen_by(actor):
                        for custom_id, words in names(message).items():
                            if wanted.lower() in custom_id.lower() or wanted.lower() in words.lower():
                                return message, custom_id
                    await asyncio.sleep(0.05)
        except TimeoutError:
            offered = sorted({words for message in self._seen_by(actor) for words in names(message).values()})
            raise LookupError(f"{actor.name} sees nothing like {wanted!r}; there are: {', '.join(offered)}") from None

    def _seen_by(self, actor: Actor) -> list[Message]:
        """Newest first."""
        readers = (None, actor.person.user_id)
        return [one for one in reversed(self._house.world.messages.values()) if one.ephemeral_for in readers]

    async def _searches(self, number: int, step: Step) -> None:
        """Every file of the database, byte by byte."""
        disk = self._house.disk
        self._tell(f"[dim]every file of the database is searched: what is remembered is {step.searches}[/dim]")
        if step.searches == "sealed":
            sealed = await asyncio.to_thread(disk.sealed)
            lying = [value for value in sealed if await asyncio.to_thread(disk.is_lying, value)]
            self._sealed |= sealed
            found = f"{len(lying)} of {len(sealed)} found in the files"
            self._check(number, "sealed bytes in the files", found, bool(sealed) and len(lying) == len(sealed))
        else:
            traces = {name for value in self._sealed for name in await asyncio.to_thread(disk.traces, value)}
            found = f"{len(self._sealed)} sought, traces in {', '.join(sorted(traces)) or 'no file'}"
            self._check(number, "no trace of what was forgotten", found, bool(self._sealed) and not traces)
        for words in step.clear:
            files = await asyncio.to_thread(disk.files_with_words, words)
            self._check(number, f"{words!r} nowhere in clear", ", ".join(files) or "nowhere", not files)

    async def _says(self, _: int, actor: Actor, step: Step) -> None:
        assert step.says is not None
        await actor.speak(await asyncio.to_thread(actor.rehearse, step.says))

    async def _plays(self, _: int, actor: Actor, step: Step) -> None:
        assert step.plays is not None
        await actor.speak(await asyncio.to_thread(read_sound, Path(step.plays)))

    async def _interrupts(self, number: int, actor: Actor, step: Step) -> None:
        assert step.interrupts is not None
        begun, cuts = self._replies_begun, sum(caption.is_cut for caption in self._heard())
        pcm = await asyncio.to_thread(actor.rehearse, step.interrupts)
        await self._until_companion_sounds(begun)
        await asyncio.sleep(step.after_ms / 1000)
        self._interruptions.append(time.monotonic())
        await actor.speak(pcm)
        held = await self._until(lambda: sum(caption.is_cut for caption in self._heard()) > cuts)
        self._check(number, "the companion stops, and only what was heard is kept", self._heard()[-1].text, held)

    async def _until_companion_sounds(self, begun: int) -> None:
        """Now, or with the reply after the first `begun`. A reply that falters for a moment still sounds when it goes on."""
        ends_at = time.monotonic() + REPLY_S
        while not self._companion_sounds() and self._replies_begun <= begun:
            if time.monotonic() > ends_at:
                return
            await asyncio.sleep(SOUNDING_S / 5)

    def _companion_sounds(self) -> bool:
        assert self._witness is not None
        last = self._witness.voice.ears.sound_at(self._bot_id)
        return last is not None and time.monotonic() - last < SOUNDING_S

    def _stopped_after_ms(self, at: float) -> float:
        """From the first word of an interruption to the last packet of the reply that arrived at the witness."""
        assert self._witness is not None
        ends = [end for begin, end in self._witness.spurts(self._bot_id) if begin < at < end]
        return (max(ends) - at) * 1000 if ends else 0.0

    @property
    def _bot_id(self) -> int:
        return self._house.world.bot.user_id


def is_understood(said: str, heard: str) -> bool:
    """Whether these are the same words, whatever their signs and capitals."""

    def plain(text: str) -> str:
        return "".join(sign for sign in text.casefold() if sign.isalnum())

    return SequenceMatcher(None, plain(said), plain(heard)).ratio() >= UNDERSTOOD


def _line(caption: Caption) -> str:
    colour = "yellow" if caption.kind is CaptionKind.HEARD else "cyan"
    return f"[{colour}]{caption.speaker}[/{colour}]  {caption.text}{' —' if caption.is_cut else ''}"


def _placeholders(message: Message) -> dict[str, str]:
    return {custom_id: menu.get("placeholder") or "" for custom_id, menu in message.menus.items()}


def with_wav(path: Path) -> Scene:
    """The scene of `kith rehearse --wav FILE`: one member comes, agrees, and plays the file; then waits for an answer."""
    steps: list[dict[str, Any]] = [
        {"who": "Alice", "enters": "Lounge"},
        {"who": "Alice", "runs": "join"},
        {"who": "Alice", "presses": "allow", "reply": "."},
        {"who": "Alice", "plays": str(path), "reply": "."},
        {"who": "Alice", "runs": "leave"},
    ]
    return Scene.model_validate({"title": path.name, "people": [{"name": "Alice", "is_admin": True}], "steps": steps})
