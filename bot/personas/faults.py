"""What is wrong with a persona's fields, in sentences: field and expectation, one line a fault."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def sentence(fault: dict[str, Any], model: type[BaseModel]) -> str:
    """One of pydantic's faults as `field: what was expected`. `model` is the document's type; it names what may stand beside an unknown field."""
    field = _field(fault["loc"])
    limits = fault.get("ctx") or {}
    match fault["type"]:
        case "missing":
            return f"{field}: expected a value; it is missing"
        case "extra_forbidden":
            return f"{field}: unknown field; expected one of {', '.join(_siblings(fault['loc'], model))}"
        case "value_error":
            return f"{field}: {limits['error']}"
        case "enum":
            return f"{field}: expected {limits['expected']}"
        case "string_pattern_mismatch":
            return f"{field}: expected small letters, digits and hyphens, at most 48"
        case _:
            return f"{field}: {_lower_first(fault['msg'])}"


def _field(path: tuple[int | str, ...]) -> str:
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return name.lstrip(".")


def _lower_first(message: str) -> str:
    message = message.removeprefix("Value error, ")
    message = message.removeprefix("Input should be ")
    return f"expected {message}" if not message.startswith("expected") else message


def _siblings(path: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """The fields that may stand where an unknown one was found."""
    for part in path[:-1]:
        if isinstance(part, int) or part not in model.model_fields:
            continue
        inner = _model_in(model.model_fields[part].annotation)
        if inner is None:
            break
        model = inner
    return [name for name in model.model_fields if name != "slug"]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in getattr(annotation, "__args__", ()) if (found := _model_in(one))), None)
