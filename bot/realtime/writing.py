"""Writing to a model's socket without waiting, where nothing has to be waited for.

`ClientConnection.send` is a coroutine for the sake of a full write buffer. Sound of 20 ms, fifty times a second and call, meets an empty one
nearly always; a task that is woken for each costs more than the message, and on a busy loop a turn of the loop as well. This goes the way
of websockets' own `send`: the sans-I/O protocol makes the frame, the transport takes it.
"""

from __future__ import annotations

from websockets.asyncio.client import ClientConnection
from websockets.protocol import State


def can_write(socket: ClientConnection) -> bool:
    """The socket is open, and all that was written before has left this process."""
    transport = socket.transport
    return socket.protocol.state is State.OPEN and not transport.is_closing() and not transport.get_write_buffer_size()


def write(socket: ClientConnection, message: str) -> None:
    """One text message, whole and at once. Only after `can_write`."""
    socket.protocol.send_text(message.encode())
    for data in socket.protocol.data_to_send():
        socket.transport.write(data)
