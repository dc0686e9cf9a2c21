"""Arguments from a model, which may be anything: read within bounds, checked against the tool's signature, or refused in one sentence."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from pydantic import ValidationError

from bot.tools.tool import Arguments, RefusedError, Tool
from bot.tools.words import FIELD_CHARS, visible

LIMIT_BYTES: Final = 4 * 1024
DEPTH: Final = 4


def parse_arguments(tool: Tool, text: str) -> Arguments:
    """The checked arguments of one call. Raises `RefusedError`: which field is wrong and what was expected; it repeats no value."""
    fields = _object(text or "{}", tool)
    try:
        return tool.arguments.model_validate(fields)
    except ValidationError as error:
        raise RefusedError(_sentence(dict(error.errors(include_url=False)[0]), tool)) from None


def _object(text: str, tool: Tool) -> dict[str, Any]:
    expected = f"expected a JSON object with {_names(tool)}"
    if len(text.encode("utf-8", "surrogatepass")) > LIMIT_BYTES:
        raise RefusedError(f"arguments: {expected}, of at most {LIMIT_BYTES} bytes")
    if _depth(text) > DEPTH:
        raise RefusedError(f"arguments: {expected}, not nested so deeply")
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RefusedError:
        raise
    except (ValueError, RecursionError):
        raise RefusedError(f"arguments: {expected}") from None
    if not isinstance(found, dict):
        raise RefusedError(f"arguments: {expected}")
    return found


def _depth(text: str) -> int:
    """How deep brackets are nested; those in strings count too, which real arguments never mind."""
    deepest = depth = 0
    for char in text:
        depth += (char in "[{") - (char in "]}")
        deepest = max(deepest, depth)
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RefusedError("arguments: expected every field once; one stands there twice")
    return found


def _no_constant(_: str) -> NoReturn:
    raise ValueError("not a number in JSON")


def _names(tool: Tool) -> str:
    return ", ".join(tool.arguments.model_fields) or "no fields"


def _sentence(fault: dict[str, Any], tool: Tool) -> str:
    field = visible(".".join(map(str, fault["loc"])))[:FIELD_CHARS] or "arguments"
    match fault["type"]:
        case "missing":
            return f"{field}: expected a value; it is missing"
        case "extra_forbidden":
            return f"{field}: there is no such field; expected {_names(tool)}"
        case "value_error":
            return f"{field}: {(fault.get('ctx') or {})['error']}"
        case _:
            told = fault["msg"].removeprefix("Input should be ").removeprefix("Value should be ")
            return f"{field}: expected {told[:1].lower()}{told[1:]}"
