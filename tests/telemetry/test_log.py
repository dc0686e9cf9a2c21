"""Logs: one clean line an event, in either style, and never a secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot.errors import StorageError
from bot.telemetry.log import HIDDEN, QUIET, WITHHELD, configure

pytestmark = pytest.mark.core

SECRET = "sesame-open-please"
TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.AbCdEf.abcdefghijklmnopqrstuvwxyz0"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in QUIET}
    stream = io.StringIO()
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)
    structlog.reset_defaults()


def test_ready_is_an_event_at_info_in_both_styles(stream: io.StringIO) -> None:
    for style in ("text", "json"):
        configure("info", style, stream=stream)
        structlog.get_logger("bot.app").info("ready", guilds=2)
    text, line = stream.getvalue().splitlines()
    assert "[info" in text
    assert " ready " in text
    event = json.loads(line)
    assert (event["event"], event["level"], event["guilds"]) == ("ready", "info", 2)


def test_below_the_level_nothing_is_written(stream: io.StringIO) -> None:
    configure("warning", "text", stream=stream)
    structlog.get_logger("x").info("ready")
    logging.getLogger("y").info("ready")
    assert stream.getvalue() == ""


def test_a_field_that_nobody_thought_about_is_withheld(stream: io.StringIO) -> None:
    configure("info", "json", stream=stream)
    structlog.get_logger("x").info("heard", transcript="we meet at nine", guild_id=7)
    event = json.loads(stream.getvalue())
    assert (event["transcript"], event["guild_id"]) == (WITHHELD, 7)


@pytest.mark.parametrize("style", ["text", "json"])
def test_secrets_are_hidden_wherever_they_turn_up(stream: io.StringIO, style: str) -> None:
    configure("debug", style, [SECRET], stream=stream)
    structlog.get_logger("x").warning(f"in the event {SECRET}", reason=SECRET)
    logging.getLogger("y").warning("in an argument %s", SECRET)
    try:
        raise OSError(SECRET)
    except OSError:
        structlog.get_logger("x").exception("in a traceback")
        logging.getLogger("y").exception("in a traceback")
    written = stream.getvalue()
    assert SECRET not in written
    assert written.count(HIDDEN) >= 5


@pytest.mark.parametrize(
    "leak",
    [
        f"token={TOKEN}",
        f"Authorization: Bot {TOKEN}",
        "Authorization: Bearer abcdefghijklmnop",
        "key sk-abcdefghijklmnopqrst",
        "POST https://discord.com/api/v10/webhooks/123456/aGVsbG8gdGhlcmUgd29ybGQhISE/messages/@original",
    ],
)
def test_what_has_a_tokens_shape_is_hidden_though_nobody_named_it(stream: io.StringIO, leak: str) -> None:
    configure("info", "text", stream=stream)
    logging.getLogger("some.library").warning(leak)
    assert HIDDEN in stream.getvalue()
    for tail in ("abcdefghijklmnop", "aGVsbG8g"):
        assert tail not in stream.getvalue()


def test_libraries_that_print_frames_and_bodies_at_debug_are_held_above_it(stream: io.StringIO) -> None:
    configure("debug", "text", stream=stream)
    for name in ("websockets.client", "discord.http", "discord.gateway", "sqlalchemy.engine", "bot.realtime.socket"):
        logging.getLogger(name).debug("a body with somebody's words")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("style", ["text", "json"])
def test_of_an_error_the_frames_are_told_and_not_the_words_that_it_quotes(stream: io.StringIO, style: str) -> None:
    configure("info", style, stream=stream)
    words = " ".join(("green", "tea"))
    try:
        try:
            raise ValueError(f"input_value={words!r}")
        except ValueError as error:
            raise RuntimeError(words) from error
    except RuntimeError:
        structlog.get_logger("bot.test").exception("command_failed")
    line = stream.getvalue()
    assert words not in line
    assert f"ValueError: {WITHHELD}" in line
    assert f"RuntimeError: {WITHHELD}" in line
    assert "test_log.py" in line


def test_what_an_error_of_our_own_says_is_told(stream: io.StringIO) -> None:
    configure("info", "text", stream=stream)
    try:
        raise StorageError("The disk is full.")
    except StorageError:
        structlog.get_logger("bot.test").exception("failed")
    assert "StorageError: The disk is full." in stream.getvalue()
