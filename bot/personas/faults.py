"""What is wrong with a persona's fields, in sentences: field and expectation, one line a fault."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

EXPECTATIONS: Final = {
    "string_type": "a text in quotation marks",
    "string_too_short": "at least {min_length} character",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} in the list; it has {actual_length}",
    "too_long": "at most {max_length} in the list; it has {actual_length}",
    "model_type": "a table of fields",
    "dict_type": "a table of fields",
    "mapping_type": "a table of fields",
    "tuple_type": "a list",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
}
"""By pydantic's type of a fault: what should have stood there."""


def sentences(faults: list[Any], model: type[BaseModel]) -> list[str]:
    """One a fault. A list that is too short only because what stands in it is wrong is not told twice."""
    places = [fault["loc"] for fault in faults]
    return [
        sentence(fault, model)
        for fault in faults
        if fault["type"] != "too_short" or not any(place[:-1] == fault["loc"] for place in places)
    ]


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
        case kind if kind in EXPECTATIONS:
            return f"{field}: expected {EXPECTATIONS[kind].format_map(limits)}"
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
