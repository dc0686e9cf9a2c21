"""A Discord that fits in one process on 127.0.0.1: REST, gateway, voice, and members who speak and listen.

The bot that runs against it is the shipped bot over real sockets; only its settings differ (`DISCORD_API_BASE` and the
trust bundle). Nothing here is imported by the bot itself.

`world` holds who and what there is; `rest` and `main_gateway` are the two doors that discord.py knocks on; `discord_server`
puts them on a port beside the voice server; `people` are the members of a scene; `scene` is the play; `report` is what is left of it.
"""
