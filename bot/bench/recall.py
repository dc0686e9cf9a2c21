"""How long a call waits for its memories: recall and search over a full shelf of five thousand, English and Chinese, half of them for this room."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.bench.figures import Figure
from bot.memory.recollection import Recollection
from bot.memory.room import Room
from bot.storage.memories import Kind, Memory
from bot.storage.memory_repository import MEMORIES

ROUNDS: Final = 400
PEOPLE: Final = 40
GUILD: Final = 1
TARGET_MS: Final = 5.0

_THINGS: Final = (
    "moss",
    "black tea",
    "trains at night",
    "the green sea",
    "old maps",
    "puzzle 42",
    "a red bicycle",
    "snow",
)
_CHINESE: Final = (
    "喜欢在下雨天听民谣",
    "上个月学会了做红烧肉",
    "答应周末教大家下围棋",
    "和小李从初中就是朋友",
    "养了一只叫豆豆的橘猫",
)
_WORDS: Final = (
    "what does she like about trains",
    "红烧肉怎么做",
    "who promised to teach go 围棋",
    "tea or coffee",
    "the cat 橘猫",
)


def memories(now: datetime) -> list[Memory]:
    """A full shelf; of everybody's memories half were heard by everybody."""
    kinds = list(Kind)
    everybody = frozenset(range(1, PEOPLE + 1))
    return [
        Memory(
            guild_id=GUILD,
            memory_id=f"{number:032x}",
            subject_id=number % PEOPLE + 1,
            speaker_id=number % PEOPLE + 1,
            heard_by=everybody if number % 2 else frozenset({number % PEOPLE + 1, number % 7 + 1}),
            kind=kinds[number % len(kinds)],
            text=f"Likes {_THINGS[number % len(_THINGS)]} and number {number}."
            if number % 3
            else f"{_CHINESE[number % 5]}，第{number}次。",
            language="en" if number % 3 else "zh-CN",
            made_at=now - timedelta(hours=number),
            is_muted=number % 50 == 0,
        )
        for number in range(MEMORIES)
    ]


def recall_figures(rounds: int = ROUNDS) -> list[Figure]:
    """p95 of a recall for a changing room, p95 of a search, and how long a shelf takes to prepare once (in parts, while the call goes on)."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    shelf = memories(now)
    started = time.process_time()
    recollection = Recollection(shelf, now)
    prepared_ms = (time.process_time() - started) * 1000
    recalls, searches = list[float](), list[float]()
    for number in range(rounds):
        room = Room(GUILD, frozenset({number % PEOPLE + 1, (number * 7) % PEOPLE + 1, 3}))
        started = time.process_time()
        recollection.recall(room, 600, now)
        middle = time.process_time()
        recollection.search(_WORDS[number % len(_WORDS)], room, 5, now)
        recalls.append((middle - started) * 1000)
        searches.append((time.process_time() - middle) * 1000)
    return [
        Figure("recall", f"recall over {MEMORIES} memories, p95 (CPU)", _p95(recalls), "ms", TARGET_MS),
        Figure("recall", f"search over {MEMORIES} memories, p95 (CPU)", _p95(searches), "ms", TARGET_MS),
        Figure("recall", f"preparing {MEMORIES} memories, once a call (CPU)", prepared_ms, "ms"),
    ]


def _p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]
