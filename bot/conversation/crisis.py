"""When somebody speaks of ending their life: recognising it in English and Chinese, what the model is told, and which help line the room reads.

Words of despair are also idioms ("this homework is killing me", 笑死我了) and parts of games and films, so a cue counts only where its clause is none of
those. In doubt about a clear first person it counts: the cost is one plain sentence. Nothing of this is kept or logged.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final, Self

from bot.conversation.crisis_words import (
    CHINESE,
    CHINESE_AROUND,
    CHINESE_HARMLESS,
    ENGLISH,
    ENGLISH_DENIAL,
    ENGLISH_IDIOM,
    OTHERS,
    PERSONS,
    PLAY,
    QUOTED,
    TALE,
    VERSE,
)
from bot.errors import SettingError

CRISIS_NOTE: Final = (
    "Out of character from here on: somebody in the room may be thinking of ending their life or of hurting themselves. "
    "Drop the role, the jokes, the scene and every catchphrase, and speak plainly, calmly and warmly, in their language, in two or three short sentences. "
    "Say that you are an AI, that you take it seriously, and that a person can help better than you can. Ask whether they are safe right now. "
    "Encourage them to talk with somebody they trust, and say that a help line stands in the chat; name no number yourself. "
    "Never speak of methods, never judge, never argue, never promise secrecy. Stay so until they say that they are safe and want to talk about something else."
)
"""The host's note for the model, when `Watch.heard` says so."""

TEXT_CHARS: Final = 2_000
AGAIN_S: Final = 600.0
"""The same member raises the alarm once in so long: the model knows, and the line still stands in the chat."""

MEMBERS: Final = 64
"""Whose last alarm is remembered; the oldest goes."""

_SENTENCES: Final = re.compile(r"[.!?。！？…\n]+")
_CLAUSES: Final = re.compile(r"[,;:，；：]+")
_SPACE: Final = re.compile(r"\s+")
_BETWEEN_CHINESE: Final = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")
_SIMPLE: Final = str.maketrans(
    "殺結輕殘傷樓離開這個沒還遺書藥義著別說們會夠願無於戲電劇麼準備慮計劃決試圖盡尋過傢愛頭頂誰應該實難現寫從邊氣媽為資繼續徹",
    "杀结轻残伤楼离开这个没还遗书药义着别说们会够愿无于戏电剧么准备虑计划决试图尽寻过家爱头顶谁应该实难现写从边气妈为资继续彻",
)
_QUOTES: Final = str.maketrans({"’": "'", "‘": "'", "＇": "'", "`": "'", "＂": '"'})


def is_crisis(text: str) -> bool:
    """Whether these words say that somebody thinks of ending their life or of hurting themselves.

    Linear in the text, of which the first 2 000 characters count.
    """
    plain = _plain(text)
    is_tale = TALE.search(plain) is not None
    own = QUOTED.sub(" ", plain) if VERSE.search(plain) else plain
    sentences = [sentence for sentence in _SENTENCES.split(own) if not PLAY.search(sentence)]
    return any(
        _says_around(sentence, is_tale) or any(_says_so(clause.strip(), is_tale) for clause in _CLAUSES.split(sentence))
        for sentence in sentences
    )


def _says_so(clause: str, is_tale: bool) -> bool:
    if not ENGLISH_IDIOM.search(clause) and not ENGLISH_DENIAL.search(clause):
        found = ENGLISH.search(clause)
        if found is not None and not (is_tale and OTHERS.search(found.group())):
            return True
    said = CHINESE_HARMLESS.sub("", clause)
    return _is_own(said, CHINESE.search(said), is_tale)


def _says_around(sentence: str, is_tale: bool) -> bool:
    return _is_own(sentence, CHINESE_AROUND.search(sentence), is_tale)


def _is_own(said: str, cue: re.Match[str] | None, is_tale: bool) -> bool:
    if cue is None:
        return False
    persons = PERSONS.findall(said[: cue.end()])
    return not is_tale or (bool(persons) and persons[-1] == "我")


def _plain(text: str) -> str:
    """Small letters, straight quotes, one space, nothing hidden, simplified characters."""
    visible = "".join(
        char
        for char in unicodedata.normalize("NFKC", text[:TEXT_CHARS])
        if char.isspace() or unicodedata.category(char)[0] != "C"
    )
    folded = visible.translate(_QUOTES).casefold().translate(_SIMPLE)
    return _BETWEEN_CHINESE.sub("", _SPACE.sub(" ", folded))


class Watch:
    """Of one call. `heard` answers whether the alarm is to be raised now: a member raises it once in ten minutes."""

    def __init__(self, again_s: float = AGAIN_S) -> None:
        self._again_s = again_s
        self._raised: dict[int, float] = {}  # bounded by MEMBERS

    def heard(self, user_id: int, text: str, now: float) -> bool:
        """Seconds, monotonic."""
        if not is_crisis(text) or now - self._raised.get(user_id, now - self._again_s) < self._again_s:
            return False
        self._raised.pop(user_id, None)
        self._raised[user_id] = now
        if len(self._raised) > MEMBERS:
            del self._raised[next(iter(self._raised))]
        return True


# ---------------------------------------------------------------------------- help lines

ANYWHERE: Final = "*"
WORDS_CHARS: Final = 160
LINES: Final = 64

PUBLIC_LINES: Final[Mapping[str, str]] = {
    "en-us": "988 Suicide & Crisis Lifeline, call or text 988 (US and Canada)",
    "en-gb": "Samaritans, 116 123 (UK and Ireland)",
    "zh-cn": "全国统一心理援助热线 12356",
    "zh-tw": "安心專線 1925",
    "de": "TelefonSeelsorge, 0800 111 0 111",
    "fr": "3114, numéro national de prévention du suicide",
    "es-es": "024, línea de atención a la conducta suicida",
    "nl": "113 Zelfmoordpreventie, 113",
    "pt-br": "CVV, 188",
    "ko": "자살예방 상담전화 109",
}
"""National, free of charge, and known by number; for Discord's locales. Everybody else reads of their local emergency number."""

_LOCALE: Final = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,4})?")


class HelpLines:
    """Which line is told to whom: the operator's words first, then the public ones."""

    def __init__(self, chosen: Mapping[str, str]) -> None:
        self._chosen = {locale.lower(): words for locale, words in chosen.items()}

    @classmethod
    def parse(cls, setting: str | None) -> Self:
        """`LOCALE=words; …` with Discord's locales (`en-GB`), languages (`en`) or `*`. Raises `SettingError` naming the entry and what was expected."""
        chosen: dict[str, str] = {}
        parts = [part.strip() for part in (setting or "").split(";")]
        if parts and not parts[-1]:
            parts.pop()
        for number, part in enumerate(parts, 1):
            locale, equals, words = (piece.strip() for piece in part.partition("="))
            where = f"KITH_HELPLINES: entry {number}"
            if not equals or not words:
                raise SettingError(f"{where}: expected LOCALE=words, entries separated by semicolons")
            if locale != ANYWHERE and not _LOCALE.fullmatch(locale.lower()):
                raise SettingError(f"{where}: expected a locale such as en-GB, a language such as en, or *")
            if len(words) > WORDS_CHARS or any(unicodedata.category(char)[0] == "C" for char in words):
                raise SettingError(f"{where}: expected at most {WORDS_CHARS} visible characters")
            if locale.lower() in chosen:
                raise SettingError(f"{where}: this locale stands there twice")
            chosen[locale.lower()] = words
        if len(chosen) > LINES:
            raise SettingError(f"KITH_HELPLINES: expected at most {LINES} entries")
        return cls(chosen)

    def for_locale(self, locale: str) -> str:
        """The line's words; empty where none is known. The operator's for the locale, then for its language, then for everybody, then the public one."""
        wanted = locale.lower()
        language = wanted.partition("-")[0]
        for known, name in (
            (self._chosen, wanted),
            (self._chosen, language),
            (self._chosen, ANYWHERE),
            (PUBLIC_LINES, wanted),
            (PUBLIC_LINES, language),
        ):
            if name in known:
                return known[name]
        return ""

    def sentence(self, locale: str) -> tuple[str, dict[str, str]]:
        """Key and values of what the room reads. It names nobody."""
        line = self.for_locale(locale)
        return ("room-crisis", {"line": line}) if line else ("room-crisis-nowhere", {})
