"""A card's texts as they may stand in a persona: cards are written for chat windows, and by strangers.

Taken out, and told: macros (`{{user}}`, `{{random:…}}`), stage directions between asterisks, HTML and pictures, and sentences that give the
model orders about its instructions. Hidden characters go without a word. What is taken out of the persona stays in the card.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from enum import StrEnum
from typing import Final

from bot.personas.words import CJK

SOMEONE: Final = ("the person speaking", "对方")
EVERYONE: Final = ("everyone", "大家")
"""What a card's user is here, in English and Chinese: whoever speaks; in a greeting, all who are there."""

READ_CHARS: Final = 16_000
"""Of one text; a persona holds less than half of that. What strangers wrote is looked at so far and no further, so that its length costs nothing."""

MARKS: Final = 8
"""Accents on one letter. More are decoration that nobody can say, and putting thousands of them in order takes seconds."""


class Unsafe(StrEnum):
    """What was found in a card that does not belong into a persona."""

    MACRO = "macro"
    ASTERISKS = "asterisks"
    MARKUP = "markup"
    OVERRIDE = "override"
    HIDDEN = "hidden"


_USER: Final = re.compile(r"\{\{\s*user\s*\}\}|<user>", re.IGNORECASE)
_CHAR: Final = re.compile(r"\{\{\s*(?:char|bot)\s*\}\}|<(?:bot|char)>", re.IGNORECASE)
_MACRO: Final = re.compile(r"\{\{[^{}]{0,400}\}\}")
_ACTION: Final = re.compile(r"\*{1,3}[^*\n]{1,400}\*{1,3}")
_MARKUP: Final = re.compile(
    r"!\[[^\[\]\n]{0,200}\]\([^!)\n]{0,400}\)|<[a-zA-Z/!][^<>]{0,400}>|```|^#{1,6} ", re.MULTILINE
)
_SENTENCE: Final = re.compile(r"[^.!?。！？\n]*(?:[.!?。！？]+|\n|$)")
_OVERRIDE: Final = re.compile(
    r"ignore (?:all |any |the |your )*(?:previous|prior|above|earlier|system)|disregard (?:all|any|the|your) |system prompt|system note|"
    r"jailbreak|developer mode|do anything now|\bDAN\b|(?:no|without|free of) (?:restrictions|limits|filters|censorship|rules)|uncensored|"
    r"never (?:admit|reveal|say|mention)[^.]{0,40}\b(?:an? )?(?:ai|bot|model)\b|you are not an? (?:ai|bot)|\[/?(?:inst|system)\]|<\|im_|"
    r"openai|content policy|忽略(?:之前|以上|所有|前面)|无视(?:之前|以上|所有|规则)|系统提示|越狱|没有(?:任何)?限制|不受(?:任何)?限制|(?:不要|不许|绝不|永不)承认[^。]{0,12}(?:AI|人工智能|机器人)",
    re.IGNORECASE,
)


class Tidy:
    """Cleans one card's texts and counts what it took out of them."""

    def __init__(self, name: str) -> None:
        self.found: Counter[Unsafe] = Counter()
        self._name = name

    def text(
        self,
        value: object,
        *,
        keeps_actions: bool = False,
        limit: int = 4_000,
        user: tuple[str, str] = SOMEONE,
    ) -> str:
        """Plain text of at most `limit` characters, cut after a sentence where that is possible. `keeps_actions`: only the asterisks go."""
        if not isinstance(value, str):
            return ""
        text = self._visible(value)
        text = _USER.sub(user[bool(CJK.search(text))], text)
        text = _CHAR.sub(lambda _: self._name, text)  # a name may hold backslashes
        text = self._without(_MACRO, text, Unsafe.MACRO)
        text = self._without(_MARKUP, text, Unsafe.MARKUP)
        text = self._actions(text, keeps_actions)
        if _OVERRIDE.search(text):
            text = "".join(self._kept_sentences(text))
        text = re.sub(r"[ \t]+", " ", text)
        text = re.sub(r" ?\n[ \n]*", "\n", text).replace("*", "").strip()
        return shortened(text, limit)

    def line(self, value: object, *, keeps_actions: bool = False, limit: int = 200) -> str:
        """The same on one line."""
        return shortened(" ".join(self.text(value, keeps_actions=keeps_actions, limit=4_000).split()), limit)

    def _visible(self, text: str) -> str:
        text = text[:READ_CHARS].replace("\r\n", "\n").replace("\r", "\n")
        text = unicodedata.normalize("NFC", _with_few_marks(text))
        hidden = {char for char in set(text) if unicodedata.category(char)[0] == "C" and char not in "\n\t"}
        self.found[Unsafe.HIDDEN] += bool(hidden)
        return text.translate(dict.fromkeys(map(ord, hidden)) | {ord("\t"): " "})

    def _without(self, pattern: re.Pattern[str], text: str, kind: Unsafe) -> str:
        text, count = pattern.subn(" ", text)
        self.found[kind] += count
        return text

    def _actions(self, text: str, keeps_actions: bool) -> str:
        text, count = _ACTION.subn((lambda found: found[0].strip("*")) if keeps_actions else " ", text)
        if not keeps_actions:
            self.found[Unsafe.ASTERISKS] += count
        return text

    def _kept_sentences(self, text: str) -> list[str]:
        kept = []
        for sentence in _SENTENCE.findall(text):
            if _OVERRIDE.search(sentence):
                self.found[Unsafe.OVERRIDE] += 1
            else:
                kept.append(sentence)
        return kept


def _with_few_marks(text: str) -> str:
    """Without the marks of a letter that has more than `MARKS` of them: `unicodedata` sorts them, in the square of their number."""
    if not any(map(unicodedata.combining, set(text))):
        return text
    kept, run = [], 0
    for char in text:
        run = run + 1 if unicodedata.combining(char) else 0
        if run <= MARKS:
            kept.append(char)
    return "".join(kept)


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters, up to the last sentence's end in the second half, else the last space."""
    if len(text) <= limit:
        return text
    head = text[:limit]
    ends = [head.rfind(mark) + 1 for mark in ".!?。！？\n"]
    cut = max(ends)
    if cut < limit // 2:
        cut = max(head.rfind(" "), limit // 2)
    return head[:cut].strip()
