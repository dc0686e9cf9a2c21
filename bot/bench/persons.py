"""What it costs to say who the companion is, and to take a Character Card in: pure functions, each call timed by itself."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from typing import Final

from bot.bench.figures import Figure, percentile
from bot.conversation.instructions import compose
from bot.personas.cards.container import read_card
from bot.personas.cards.png import SIGNATURE, chunk
from bot.personas.cards.reading import persona_of_card
from bot.personas.library import Library
from bot.personas.scenes import SCENES

COMPOSED: Final = 2_000
IMPORTED: Final = 60
PICTURE_BYTES: Final = 1_500_000
"""Of an ordinary card's picture."""

BOOK: Final = 40
"""Entries in an ordinary card's book."""

ROSTER: Final = tuple(f"Member {number}" for number in range(12))
MEMORIES: Final = tuple(f"Member {number}: likes moss, tea, and the rain on a roof." for number in range(24))


def persons() -> list[Figure]:
    """Instructions of every shipped persona with a full room, and an ordinary card of 1.5 MB."""
    return [_composed(), _imported()]


def _composed() -> Figure:
    personas, scenes = Library.load().all(), list(SCENES.values())

    def one(number: int) -> None:
        persona = personas[number % len(personas)]
        compose(persona, ROSTER, scene=scenes[number % len(scenes)], memories=MEMORIES, has_tools=True)

    taken_ms = _each_ms(one, COMPOSED)
    beside = f"p50 {percentile(taken_ms, 0.5):.3f} ms; 12 people, 24 memories"
    return Figure("persons", "instructions composed, p99", percentile(taken_ms, 0.99), "ms", 2.0, beside=beside)


def _imported() -> Figure:
    data, voice = ordinary_card(), {"local": "en-us"}
    taken_ms = _each_ms(lambda number: persona_of_card(read_card(data), f"mira-{number}", voice), IMPORTED)
    beside = f"p50 {percentile(taken_ms, 0.5):.1f} ms; {len(data) / 1e6:.1f} MB, {BOOK} entries in its book"
    return Figure("persons", "card taken in, p95", percentile(taken_ms, 0.95), "ms", 50.0, beside=beside)


def ordinary_card() -> bytes:
    """A PNG as people share them: a large picture (noise, which does not compress) and a card of the second version."""
    long = "{{char}} has tended the greenhouse for years, and talks to the ferns about {{user}}. " * 30
    book = [{"keys": [f"fern {number}"], "content": long[:400], "extensions": {}} for number in range(BOOK)]
    fields = {
        "name": "Mira",
        "description": long,
        "personality": "patient, dry",
        "scenario": "A greenhouse in the rain.",
    }
    said = {"first_mes": "Mind the moss, {{user}}!", "mes_example": "<START>\n{{user}}: hi\n{{char}}: Mind the moss."}
    card = {
        "spec": "chara_card_v2",
        "spec_version": "2.0",
        "data": {**fields, **said, "character_book": {"entries": book}},
    }
    text = b"chara\0" + base64.b64encode(json.dumps(card).encode())
    header = (1024).to_bytes(4, "big") * 2 + bytes((8, 6, 0, 0, 0))
    pixels = chunk(b"IDAT", os.urandom(PICTURE_BYTES))
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"tEXt", text) + pixels + chunk(b"IEND", b"")


def _each_ms(work: Callable[[int], object], times: int) -> list[float]:
    taken: list[float] = []
    for number in range(times):
        started = time.perf_counter()
        work(number)
        taken.append((time.perf_counter() - started) * 1000)
    return taken
