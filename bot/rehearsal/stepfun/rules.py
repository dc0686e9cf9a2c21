"""What the service takes and what it refuses, as its pages and its behaviour say. Pure.

`ValueError`, `KeyError` and `TypeError` are an event of the wrong form; `Refused` is one that comes at the wrong time, in the service's words.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

APPEND_LIMIT_BYTES: Final = 15 * 1024 * 1024
_SESSION_FIELDS: Final = frozenset(
    [
        "modalities",
        "instructions",
        "voice",
        "input_audio_format",
        "output_audio_format",
        "turn_detection",
        "tools",
        "tool_choice",
    ]
)
_TURN_FIELDS: Final = frozenset(["type", "prefix_padding_ms", "silence_duration_ms", "energy_awakeness_threshold"])
_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Refused(Exception):
    """What the service answers with an error event; the session goes on."""


def check_session(session: dict[str, Any], *, takes_text_only: bool) -> None:
    """The fields of `session.update`, apart from voice and detection."""
    if set(session) - _SESSION_FIELDS or not isinstance(session.get("instructions", ""), str):
        raise ValueError
    if session.get("modalities", ["text", "audio"]) not in (["text", "audio"], ["text"]):
        raise ValueError
    if not takes_text_only and session.get("modalities") == ["text"]:
        raise ValueError
    if {session.get("input_audio_format", "pcm16"), session.get("output_audio_format", "pcm16")} != {"pcm16"}:
        raise ValueError
    if not isinstance(session.get("tool_choice", "auto"), str):
        raise ValueError
    for tool in session.get("tools", ()):
        _check_tool(tool)


def _check_tool(tool: dict[str, Any]) -> None:
    function = tool.get("function", {})
    if tool["type"] not in {"function", "web_search", "retrieval"} or not isinstance(function, dict):
        raise ValueError
    if tool["type"] == "function" and not (
        _TOOL_NAME.fullmatch(function["name"]) and isinstance(function["parameters"], dict)
    ):
        raise ValueError


def check_voice(wanted: str | None, told: str | None, voices: frozenset[str] | None, *, has_spoken: bool) -> None:
    """`told`: the voice of the session until now; `voices` of `None`: any is known."""
    if wanted is not None and voices is not None and wanted not in voices:
        raise Refused(f"voice {wanted} is not valid for this model")
    if has_spoken and wanted not in {None, told}:
        raise Refused("voice cannot be changed after audio output")


def check_detection(detection: dict[str, Any] | None) -> None:
    if detection is not None and (detection["type"] != "server_vad" or set(detection) - _TURN_FIELDS):
        raise ValueError


def sound_of(event: dict[str, Any]) -> bytes:
    """PCM of `input_audio_buffer.append`."""
    try:
        pcm = base64.b64decode(event["audio"], validate=True)
    except binascii.Error:
        raise ValueError from None
    if not pcm or len(pcm) % 2 or len(pcm) > APPEND_LIMIT_BYTES:
        raise ValueError
    return pcm


def text_of(role: str, part: dict[str, Any]) -> str:
    """A part of the content of a message."""
    if part["type"] != {"user": "input_text", "system": "input_text", "assistant": "text"}[role]:
        raise ValueError
    if not isinstance(part["text"], str):
        raise ValueError
    return part["text"]
