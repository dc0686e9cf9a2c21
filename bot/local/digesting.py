"""A digest of a talk by rules: what each said of themselves, and what they talked about. For the task `Task: digest` of the host.

{"by": "Alice", "said": "I like moss."}   ─▶   {"about": "Alice", "kind": "preference", "text": "Likes moss."}
                                               {"about": "Alice", "kind": "digest", "text": "Talked about moss."}
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from bot.local.mind import Item
from bot.local.statements import Statement, statements

TASK: Final = "Task: digest"
POINTS_EACH: Final = 3
LINES_READ: Final = 2_000
_WORDS_OF_A_TOPIC: Final = 12
_HAN: Final = re.compile(r"[\u3400-\u9fff]")


def is_digest(instructions: str) -> bool:
    return instructions.lstrip().startswith(TASK)


def digest(items: Iterable[Item]) -> str:
    """The answer: JSON lines, at most `POINTS_EACH` points and one summary a person; empty if there is nothing worth keeping."""
    said: dict[str, list[Statement]] = {}
    lines = (line for item in items if item.role in {"system", "user"} for line in item.text.splitlines())
    for name, words in _read(lines):
        mine = said.setdefault(name, [])
        mine += [one for one in statements(words) if one.text not in {known.text for known in mine}]
    return "\n".join(
        json.dumps({"about": name, "kind": kind, "text": text}, ensure_ascii=False)
        for name, mine in said.items()
        for kind, text in _points(mine)
    )


def _read(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Who said what; whatever is no such line is passed over, and so is what the companion said."""
    for number, line in enumerate(lines):
        if number == LINES_READ:
            return
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(entry, dict):
            continue
        name, words = entry.get("by"), entry.get("said")
        if isinstance(name, str) and isinstance(words, str) and name.strip():
            yield name.strip(), words


def _points(mine: list[Statement]) -> Iterator[tuple[str, str]]:
    # What they asked to be remembered comes first; the sort is stable.
    chosen = sorted(mine, key=lambda one: not one.is_asked)[:POINTS_EACH]
    for one in chosen:
        yield one.kind, one.text
    topics = [" ".join(one.topic.split()[:_WORDS_OF_A_TOPIC]) for one in chosen]
    if topics and _HAN.search(topics[0]):
        yield "digest", f"聊到了{'、'.join(topics)}。"
    elif topics:
        yield "digest", f"Talked about {' and '.join(dict.fromkeys(topics))}."
