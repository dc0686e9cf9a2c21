"""The voices that a server may choose among, and whose voice is heard in the end: decisions over personas.

A provider's voices are those that the shipped personas speak with: they are known to exist, and what each sounds like can be told by whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.personas.persona import Persona


def voices_of(personas: Iterable[Persona], provider: str) -> dict[str, Persona]:
    """Voice names of this provider, each with the first persona that has it."""
    found: dict[str, Persona] = {}
    for persona in personas:
        voice = persona.voice.get(provider)
        if voice is not None:
            found.setdefault(voice, persona)
    return found


def voice_for(persona: Persona, provider: str, chosen: str | None, personas: Iterable[Persona]) -> str | None:
    """The server's choice where this provider has such a voice, else the persona's own; `None`: the provider's default.

    A choice outlives a change of the provider: it has no effect until its provider is back.
    """
    if chosen is not None and chosen in voices_of(personas, provider):
        return chosen
    return persona.voice.get(provider)
