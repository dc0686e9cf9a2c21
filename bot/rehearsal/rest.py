"""The REST door of the loopback Discord: as much of API v10 as discord.py needs for a voice companion.

Login, commands, interaction callbacks and webhooks, messages, voice states, channel status. An unknown route answers 404 with
Discord's error body and is counted in `unknown_routes`, so that a scene shows what is missing instead of hiding it.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from bot.rehearsal.interactions import EPHEMERAL, FIRST_ANSWER_S, CallbackKind, Interaction
from bot.rehearsal.world import CHANGE_NICKNAME, SET_VOICE_CHANNEL_STATUS, Message, Payload, World

BODY_LIMIT_BYTES: Final = 25 * 1024 * 1024
API: Final = "/api/v10"
FILES: Final = "/attachments"

_log = logging.getLogger(__name__)


def _answer(data: Any, status: int = 200) -> web.Response:
    """JSON as Discord labels it: discord.py parses a body only if the type is exactly `application/json`."""
    return web.Response(body=json.dumps(data).encode(), status=status, headers={"Content-Type": "application/json"})


def _error(status: int, code: int, message: str) -> web.Response:
    return _answer({"message": message, "code": code}, status)


class Rest:
    """Handlers over one `World`. `interactions` is shared with `DiscordServer`, which creates them."""

    def __init__(
        self,
        world: World,
        gateway_url: Callable[[], str],
        suppress: Callable[[int, int, bool], Awaitable[None]],
    ) -> None:
        self._world = world
        self._gateway_url = gateway_url
        self._suppress = suppress
        self.interactions: dict[int, Interaction] = {}
        self.by_token: dict[str, Interaction] = {}
        self.unknown_routes: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.identifies_left = 1000
        self.dispatch: Callable[[int, str, Payload], Awaitable[None]] | None = None
        """(guild, event, data): tells the bot by the gateway; the server sets it."""

    def routes(self) -> list[web.RouteDef]:
        hook, message = "/webhooks/{application}/{token}", "/channels/{channel}/messages"
        table: list[tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]] = [
            ("GET", "/users/@me", self._me),
            ("GET", "/oauth2/applications/@me", self._application),
            ("GET", "/applications/@me", self._application),
            ("GET", "/gateway/bot", self._gateway),
            ("PUT", "/applications/{application}/commands", self._put_commands),
            ("GET", "/applications/{application}/commands", self._get_commands),
            ("POST", "/interactions/{interaction}/{token}/callback", self._callback),
            ("POST", hook, self._follow_up),
            ("GET", hook + "/messages/{message}", self._read_hook),
            ("PATCH", hook + "/messages/{message}", self._edit_hook),
            ("DELETE", hook + "/messages/{message}", self._delete_hook),
            ("POST", message, self._post),
            ("PATCH", message + "/{message}", self._edit),
            ("DELETE", message + "/{message}", self._delete),
            ("GET", "/channels/{channel}", self._channel),
            ("PUT", "/channels/{channel}/voice-status", self._voice_status),
            ("GET", "/guilds/{guild}", self._guild),
            ("GET", "/guilds/{guild}/members/{user}", self._member),
            ("PATCH", "/guilds/{guild}/members/@me", self._edit_me),
            ("PATCH", "/guilds/{guild}/voice-states/@me", self._my_voice_state),
        ]
        return [
            web.get(FILES + "/{file}/{name}", self._file),
            *(web.route(method, API + path, self._checked(path, handler)) for method, path, handler in table),
            web.route("*", API + "/{rest:.*}", self._unknown),
        ]

    async def _file(self, request: web.Request) -> web.Response:
        """What the CDN has: anybody who knows the address may fetch it."""
        data = self._world.files.get(int(request.match_info["file"]))
        return web.Response(status=404) if data is None else web.Response(body=data)

    def _checked(
        self, path: str, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Discord's door policy: a token for all but interaction webhooks; unknown ids are 404."""
        is_open = path.startswith(("/interactions", "/webhooks"))

        async def checked(request: web.Request) -> web.StreamResponse:
            self.requests[f"{request.method} {path}"] += 1
            if not is_open and request.headers.get("Authorization") != f"Bot {self._world.token}":
                return _error(401, 0, "401: Unauthorized")
            try:
                return await handler(request)
            except (KeyError, StopIteration):
                return _error(404, 10003, "Unknown Resource")

        return checked

    async def _unknown(self, request: web.Request) -> web.Response:
        route = f"{request.method} {request.path}"
        self.unknown_routes[route] += 1
        _log.warning("rehearsal: no such route: %s", route)
        return _error(404, 0, "404: Not Found")

    # ------------------------------------------------------------------ login and commands

    async def _me(self, _: web.Request) -> web.Response:
        return _answer({**self._world.bot.user_payload(), "verified": True, "mfa_enabled": False, "flags": 0})

    async def _application(self, _: web.Request) -> web.Response:
        owner = {"id": "1", "username": "operator", "discriminator": "0", "avatar": None, "global_name": "Operator"}
        return _answer(
            {
                "id": str(self._world.application_id),
                "name": self._world.bot.name,
                "description": "",
                "icon": None,
                "bot_public": True,
                "bot_require_code_grant": False,
                "verify_key": "",
                "flags": 0,
                "owner": owner,
                "team": None,
            }
        )

    async def _gateway(self, _: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": self.identifies_left, "reset_after": 0, "max_concurrency": 16}
        return _answer({"url": self._gateway_url(), "shards": 1, "session_start_limit": limit})

    async def _put_commands(self, request: web.Request) -> web.Response:
        self._world.commands = [
            {
                "description": "",  # entries of a context menu are sent without one, and answered with an empty one
                **command,
                "id": str(self._world.new_id()),
                "application_id": str(self._world.application_id),
                "version": "1",
            }
            for command in await request.json()
        ]
        return _answer(self._world.commands)

    async def _get_commands(self, _: web.Request) -> web.Response:
        return _answer(self._world.commands)

    # ------------------------------------------------------------------ interactions

    async def _callback(self, request: web.Request) -> web.Response:
        interaction = self.interactions[int(request.match_info["interaction"])]
        if interaction.is_answered:
            return _error(400, 40060, "Interaction has already been acknowledged.")
        took_s = time.monotonic() - interaction.sent_at
        if took_s > FIRST_ANSWER_S:
            return _error(404, 10062, "Unknown interaction")
        body = await _body(self._world, request)
        interaction.first_answer_s = took_s
        interaction.callback = body
        message = self._show(interaction, CallbackKind(body["type"]), body.get("data") or {})
        interaction.changed()
        resource: Payload = {"type": body["type"]}
        if message is not None:
            resource["message"] = message.payload
        answer = {
            "id": str(interaction.interaction_id),
            "type": int(interaction.kind),
            "response_message_ephemeral": False,
        }
        return _answer({"interaction": answer, "resource": resource})

    def _show(self, interaction: Interaction, kind: CallbackKind, data: Payload) -> Message | None:
        if kind is CallbackKind.MESSAGE:
            interaction.original = self._reply(interaction, data)
            return interaction.original
        if kind is CallbackKind.UPDATE_MESSAGE and interaction.source is not None:
            interaction.original = self._world.edit(interaction.source, data)
            interaction.replies.append(interaction.original)
            return interaction.original
        if kind is CallbackKind.DEFERRED_UPDATE:
            interaction.original = interaction.source
        return None

    def _reply(self, interaction: Interaction, data: Payload) -> Message:
        deferred_flags = ((interaction.callback or {}).get("data") or {}).get("flags", 0)
        is_private = bool((data.get("flags", 0) | deferred_flags) & EPHEMERAL)
        reader = interaction.person.user_id if is_private else None
        message = self._world.post(interaction.channel_id, data, author=self._world.bot, ephemeral_for=reader)
        interaction.replies.append(message)
        return message

    async def _follow_up(self, request: web.Request) -> web.Response:
        interaction = self.by_token[request.match_info["token"]]
        message = self._reply(interaction, await _body(self._world, request))
        interaction.changed()
        return _answer(message.payload)

    def _hook_message(self, request: web.Request) -> tuple[Interaction, Message | None]:
        interaction = self.by_token[request.match_info["token"]]
        wanted = request.match_info["message"]
        return interaction, interaction.original if wanted == "@original" else self._world.messages[int(wanted)]

    async def _read_hook(self, request: web.Request) -> web.Response:
        _, message = self._hook_message(request)
        return _error(404, 10008, "Unknown Message") if message is None else _answer(message.payload)

    async def _edit_hook(self, request: web.Request) -> web.Response:
        interaction, message = self._hook_message(request)
        data = await _body(self._world, request)
        if message is None:  # the first edit of a deferred answer is what the person reads
            message = interaction.original = self._reply(interaction, data)
        else:
            self._world.edit(message, data)
            interaction.replies.append(message)
        interaction.changed()
        return _answer(message.payload)

    async def _delete_hook(self, request: web.Request) -> web.Response:
        _, message = self._hook_message(request)
        if message is not None:
            self._world.messages.pop(message.message_id, None)
        return web.Response(status=204)

    # ------------------------------------------------------------------ messages

    async def _post(self, request: web.Request) -> web.Response:
        channel_id = int(request.match_info["channel"])
        if self._world.guild_of(channel_id) is None:
            return _error(404, 10003, "Unknown Channel")
        return _answer(self._world.post(channel_id, await _body(self._world, request), author=self._world.bot).payload)

    async def _edit(self, request: web.Request) -> web.Response:
        message = self._world.messages[int(request.match_info["message"])]
        return _answer(self._world.edit(message, await _body(self._world, request)).payload)

    async def _delete(self, request: web.Request) -> web.Response:
        self._world.messages.pop(int(request.match_info["message"]))
        return web.Response(status=204)

    # ------------------------------------------------------------------ guilds and channels

    async def _channel(self, request: web.Request) -> web.Response:
        channel_id = int(request.match_info["channel"])
        guild = next(guild for guild in self._world.guilds.values() if channel_id in guild.channels)
        return _answer(guild.channels[channel_id].payload())

    async def _guild(self, request: web.Request) -> web.Response:
        return _answer(self._world.guilds[int(request.match_info["guild"])].payload(self._world.bot.user_id))

    async def _member(self, request: web.Request) -> web.Response:
        guild = self._world.guilds[int(request.match_info["guild"])]
        return _answer(guild.member_payload(int(request.match_info["user"])))

    async def _voice_status(self, request: web.Request) -> web.Response:
        channel_id = int(request.match_info["channel"])
        guild = next(guild for guild in self._world.guilds.values() if channel_id in guild.channels)
        if not guild.permissions_of(self._world.bot.user_id, channel_id) & SET_VOICE_CHANNEL_STATUS:
            return _error(403, 50013, "Missing Permissions")
        guild.channels[channel_id].status = (await request.json()).get("status") or ""
        return web.Response(status=204)

    async def _edit_me(self, request: web.Request) -> web.Response:
        guild = self._world.guilds[int(request.match_info["guild"])]
        body = await request.json()
        if "nick" in body:
            if not guild.permissions_of(self._world.bot.user_id) & CHANGE_NICKNAME:
                return _error(403, 50013, "Missing Permissions")
            if len(body["nick"] or "") > 32:
                return _error(400, 50035, "Invalid Form Body")
            guild.nicknames[self._world.bot.user_id] = body["nick"] or None
            if self.dispatch is not None:
                payload = guild.member_payload(self._world.bot.user_id)
                await self.dispatch(guild.guild_id, "GUILD_MEMBER_UPDATE", {**payload, "guild_id": str(guild.guild_id)})
        return _answer(guild.member_payload(self._world.bot.user_id))

    async def _my_voice_state(self, request: web.Request) -> web.Response:
        body = await request.json()
        if "suppress" in body:
            await self._suppress(int(request.match_info["guild"]), self._world.bot.user_id, bool(body["suppress"]))
        return web.Response(status=204)


async def _body(world: World, request: web.Request) -> Payload:
    """JSON, or the `payload_json` part of a form with files, which are kept."""
    if request.content_type == "multipart/form-data":
        form = await request.post()
        body: Any = json.loads(str(form.get("payload_json", "{}")))
        files = [part for part in form.values() if isinstance(part, web.FileField)]
        message = body.get("data", body)  # an interaction's first answer carries its message inside
        message["attachments"] = [world.add_file(part.filename, part.file.read()) for part in files]
        return dict(body)
    return dict(await request.json())
