"""The schema of a persona file as JSON Schema, for editors that complete and check TOML while it is written.

Generated from `Persona`, the one place where the schema stands; `personas/persona.schema.json` is its output, and a test keeps it so.
"""

from __future__ import annotations

import json
from typing import Any

from bot.personas.persona import Persona


def json_schema() -> str:
    """The text of `personas/persona.schema.json`."""
    schema: dict[str, Any] = Persona.model_json_schema()
    schema["properties"].pop("slug")  # the file's name
    schema["required"].remove("slug")
    schema["title"] = "A persona of Kith"
    schema["description"] = (
        "One TOML file is one persona; the file's name is its slug. README.md beside this file says what each field is for."
    )
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(named, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
