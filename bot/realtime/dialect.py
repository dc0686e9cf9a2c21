"""What a speech model is to this house: one dialect per vendor, chosen by name, with no vendor's word outside of it.

A dialect is pure. It turns `ClientEvent`s into messages for the socket and messages into `ServerEvent`s; it opens no socket,
reads no clock and decides nothing: whoever needs a decision asks its `capabilities`, never its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

from pydantic import SecretStr

from bot.errors import ModelFault
from bot.realtime.events import ClientEvent, ServerEvent

MESSAGE_LIMIT_BYTES: Final = 4 * 1024 * 1024
"""No event of a speech model comes near it; a larger one is refused by the socket, and by a dialect that is handed one."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do, as far as the room has to know.

    Attributes:
        manual_turns: the host may switch the model's own detection off, commit utterances and create responses.
        truncation: an interrupted reply can be cut at the server to what was heard.
        per_response_instructions: one response can be told something that the next is not.
        text_output: a session can answer in text alone.
        input_transcription: what the model understood of speech comes back as text.
        input_rates_hz, output_rates_hz: PCM rates that can be asked for, the usual one first.
        session_s: how long one session may last; `None`: as long as it likes.
        voice_locks: the voice cannot change any more after the first audio of a session.
        built_in_search: the model can search the web by itself, as the tool `web_search`.
    """

    manual_turns: bool = True
    truncation: bool = False
    text_input: bool = True
    text_output: bool = True
    tools: bool = True
    per_response_instructions: bool = False
    input_transcription: bool = True
    input_rates_hz: tuple[int, ...] = (24_000,)
    output_rates_hz: tuple[int, ...] = (24_000,)
    session_s: float | None = None
    voice_locks: bool = True
    built_in_search: bool = False


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """Where the model is and who asks. An empty `model` or `url` means the dialect's own default."""

    url: str = ""
    model: str = ""
    key: SecretStr | str | None = field(default=None, repr=False)

    @property
    def secret(self) -> str:
        """The key in clear text, for a header and for nothing else."""
        return self.key.get_secret_value() if isinstance(self.key, SecretStr) else self.key or ""


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """The WebSocket upgrade. The headers carry the key and stay out of every representation."""

    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)


class Dialect(Protocol):
    """One vendor's spelling of a realtime session. An instance serves one link: `connect` tells it which model it speaks to."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def connect(self, options: ConnectOptions) -> ConnectRequest:
        """The upgrade request of a new session."""

    def encode(self, event: ClientEvent) -> list[str]:
        """The messages that say `event`; none where the vendor has no such event."""

    def decode(self, message: str | bytes) -> list[ServerEvent]:
        """What a message means. Never raises: what the protocol does not allow is `Malformed`."""

    def refused(self, status: int, body: str) -> ModelFault:
        """Why the server answered the upgrade with this HTTP status."""
