"""Logs: one line an event, as text or JSON, on the standard error stream; never a secret, a name or a word that was said.

Two fences keep them clean. Fields of our own events pass an allow-list: what is not in `FIELDS` is withheld, so a new field has to be
thought about here first. Of an exception the frames and the type are told, its message only where it is known to hold nobody's words: a library's
may quote what it choked on. And every finished line, tracebacks and other libraries' included, is searched for the secrets of this
process and for anything of a token's shape. Libraries whose debug level prints message bodies or headers are held above it.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from bot.errors import KithError

# fmt: off
FIELDS: Final = frozenset(
    {
        # structlog's own
        "event", "level", "timestamp", "logger", "exc_info", "stack_info", "positional_args", "_record",
        "_from_structlog", "exception",
        # ours: numbers, ids, versions and states
        "guild_id", "channel_id", "call_id", "shard_id", "shards", "guilds", "commands", "code", "fault", "kind",
        "reason", "setting", "provider", "model", "mode", "persona", "port", "path", "version", "fixed_in",
        "kept_clear_by", "library", "seconds", "count", "error", "signal", "command", "voice", "locale",
        "tool",
    }
)
# fmt: on
WITHHELD: Final = "(withheld)"
HIDDEN: Final = "(secret)"
SHORTEST_SECRET: Final = 6

WORDLESS: Final = (KithError, OSError)
"""Errors whose messages are ours or the system's: they name files, settings and states, and nobody's words (`bot/errors.py`)."""

TOKENS: Final = re.compile(
    r"[MNO][\w-]{23,28}\.[\w-]{6}\.[\w-]{27,}"  # a Discord bot token
    r"|(?:Bearer|Bot) [\w.~+/-]{12,}=*"  # an authorisation header
    r"|\bsk-[\w-]{16,}"  # a key of several model providers
    r"|/webhooks/\d+/[\w-]{20,}"  # the token of an interaction
)
QUIET: Final = {
    # debug prints every frame: speech in base64, and the headers with the key
    "websockets": logging.WARNING,
    "websockets.client": logging.WARNING,
    "websockets.server": logging.WARNING,
    # debug prints bodies of requests and events, with what members typed
    "discord.http": logging.INFO,
    "discord.gateway": logging.INFO,
    "discord.state": logging.INFO,
    "discord.webhook.async_": logging.INFO,
    "discord.client": logging.WARNING,
    "discord": logging.INFO,
    "aiohttp.access": logging.WARNING,
    # info prints statements with their parameters
    "sqlalchemy": logging.WARNING,
    "aiosqlite": logging.WARNING,
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
    "matplotlib": logging.WARNING,
    "bot.realtime.socket": logging.WARNING,
}


def configure(
    level: str = "info", style: str = "text", secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Set logging up for this process: `level` as in the settings, `style` text or json, `secrets` in clear text."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        withhold_unknown_fields,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(CleanFormatter(secrets, shared, _renderer(style)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))


class CleanFormatter(structlog.stdlib.ProcessorFormatter):
    """Renders a record, ours or another library's, and hides every secret in the finished line."""

    def __init__(self, secrets: Iterable[str], shared: list[Processor], render: Processor) -> None:
        super().__init__(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(told),
                render,
            ],
        )
        # The longest first: a secret that holds another one must not leave its rest behind.
        self._secrets = sorted((one for one in secrets if len(one) >= SHORTEST_SECRET), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        return TOKENS.sub(HIDDEN, line)


def told(exc_info: ExcInfo) -> str:
    """A traceback without words: every error of the chain with its frames, the first cause first."""
    return "\n".join(_told(exc_info[1]))


def _told(error: BaseException) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _told(cause)
        yield "... and then:"
    yield "Traceback (most recent call last):"
    yield "".join(traceback.format_tb(error.__traceback__)).rstrip("\n")
    yield f"{type(error).__module__}.{type(error).__qualname__}: {_message(error)}"
    if isinstance(error, BaseExceptionGroup):
        for number, part in enumerate(error.exceptions, 1):
            yield f"... of which {number}:"
            yield from _told(part)


def _message(error: BaseException) -> str:
    if isinstance(error, WORDLESS):
        return str(error)
    numbers = {name: getattr(error, name, None) for name in ("status", "code")}
    known = [f"{name} {value}" for name, value in numbers.items() if isinstance(value, int)]
    return ", ".join([*known, WITHHELD])


def withhold_unknown_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The allow-list: an unknown field keeps its name and loses its value."""
    return {name: value if name in FIELDS else WITHHELD for name, value in event.items()}


def _renderer(style: str) -> Processor:
    if style == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback, sort_keys=True
    )
