"""What a short text is about, as a set of grams: pairs of characters in Chinese and its neighbours, stems of words elsewhere.

Two texts that share grams speak of the same things, near enough for thousands of memories and no index but these sets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Final

_RUN: Final = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+|[^\W_\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+"
)
_WIDE_FROM: Final = "\u3040"
_ENDING: Final = re.compile(r"(?:ing|ies|ied|es|ed|s|e|y)$")
_STEM: Final = 3
"""Letters that an ending may leave."""

_ENGLISH: Final = """
    a an the and or but so if of in on at to for from with by about as is am are was were be been being do does did done have has had
    i you he she it we they me him her us them my your his its our their this that these those there here who what when where why how
    which not no yes very really just also too will would can could should may might shall like likes want wants thing some any all
    remember know tell said say says let get got go going
    """
_CHINESE: Final = "我 你 他 她 它 们 的 了 是 在 有 和 也 就 都 不 很 吗 呢 吧 啊 这 那 个 说 要 会"
_PAIRS: Final = "喜欢 什么 知道 记得 觉得 一个 自己 没有 我们 你们 他们 就是 不是 可以 这个 那个 我的 你的 他的 她的 怎么 还是 因为 所以"

STOP_WEIGHT: Final = 0.15
"""What a gram counts that stands in nearly every sentence."""


def grams(text: str) -> frozenset[str]:
    """The grams of a text; none of one that has neither letters nor digits."""
    found: set[str] = set()
    for run in _RUN.findall(unicodedata.normalize("NFKC", text).casefold()):
        if run[0] < _WIDE_FROM:
            found.add(_stem(run))
        elif len(run) == 1:
            found.add(run)
        else:
            found.update(run[at : at + 2] for at in range(len(run) - 1))
    return frozenset(found)


def weight(gram: str) -> float:
    """What a gram counts when texts are compared."""
    return STOP_WEIGHT if gram in STOP_GRAMS else 1.0


def content(found: Collection[str]) -> frozenset[str]:
    """Those that say something."""
    return frozenset(gram for gram in found if weight(gram) == 1.0)


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """0 to 1: how much two texts say the same, by the weight of what they share."""
    together = _sum(one | other)
    return _sum(one & other) / together if together else 0.0


def _sum(found: frozenset[str]) -> float:
    return sum(map(weight, found))


def _stem(word: str) -> str:
    """likes, liked, liking, like → lik. Crude, and the same on both sides of every comparison."""
    stem = _ENDING.sub("", word)
    return stem if len(stem) >= _STEM else word


STOP_GRAMS: Final = frozenset({*map(_stem, _ENGLISH.split()), *_CHINESE.split(), *_PAIRS.split()})
"""Bare stop words, as grams."""
