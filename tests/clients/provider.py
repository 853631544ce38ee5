"""A scripted provider: HTTP/1.1 over asyncio, raw bytes out, and a record of all that came in.

A test names itself in `x-client-request-id`, which Herald passes on; all that the provider saw of
it is at `GET /control/exchanges/ID`. `POST /control/release/ID` lets a waiting body go on, and
`GET /control/ended/ID` answers when all exchanges have ended.
"""

import asyncio
import hashlib
import json
import socket
import struct
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field

from apis import answer_to
from scenarios import PACE, RELEASE, Answer, Request

#: Seconds between two tokens of a slow model.
TOKEN_TIME = 0.02
#: Longest wait of a control request, in seconds.
PATIENCE = 5
#: Longest body that is kept as it was read, in bytes.
KEPT_BODY = 65536


@dataclass
class Exchange:
    """A request and what became of its answer. Times are of the machine's monotonic clock."""

    path: str
    model: str
    headers: list[tuple[str, str]]
    body_bytes: int
    body_sha256: str
    body_keys: list[str]
    stream_options: object
    #: The whole of it, unless it is long.
    body: object
    received_at: float
    #: Steps of the body that were sent.
    sent: int = 0
    #: "complete", "truncated" or "reset" as scripted, or "left": the caller was gone before.
    end: str | None = None
    ended_at: float | None = None


@dataclass
class Case:
    """All that belongs to one test."""

    exchanges: list[Exchange] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def all_ended(self) -> None:
        while not self.exchanges or any(each.end is None for each in self.exchanges):
            self.changed.clear()
            await self.changed.wait()


class Wire:
    """One connection: what has come, and whether the other side is still there."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.buffer = bytearray()
        self.changed, self.gone = asyncio.Event(), asyncio.Event()
        self.pump = asyncio.create_task(self.read_all())

    async def read_all(self) -> None:
        try:
            while data := await self.reader.read(1 << 16):
                self.buffer += data
                self.changed.set()
        except OSError:
            pass  # A reset is a way to leave.
        finally:
            self.gone.set()
            self.changed.set()

    async def more(self) -> None:
        if self.gone.is_set():
            raise EOFError
        self.changed.clear()
        await self.changed.wait()

    async def through(self, mark: bytes) -> bytes:
        while (at := self.buffer.find(mark)) < 0:
            await self.more()
        return await self.exactly(at + len(mark))

    async def exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            await self.more()
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    async def unless_gone(self, event: asyncio.Event | None, seconds: float | None = None) -> bool:
        """Waits for the event or the time. False: the other side left first."""
        waits = [asyncio.create_task(self.gone.wait())]
        if event is not None:
            waits.append(asyncio.create_task(event.wait()))
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return not self.gone.is_set()

    def reset(self) -> None:
        linger_zero = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
        self.writer.transport.abort()


async def read_request(wire: Wire) -> Request:
    head = (await wire.through(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    method, path, _ = first.split(" ")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    fields = dict(headers)
    body = b""
    if "chunked" in fields.get("transfer-encoding", ""):
        while size := int((await wire.through(b"\r\n")).split(b";")[0], 16):
            body += (await wire.exactly(size + 2))[:-2]
        await wire.through(b"\r\n")
    else:
        body = await wire.exactly(int(fields.get("content-length", 0)))
    return Request(method, path, headers, body)


def head_of(answer: Answer, length: int | None) -> bytes:
    framing = ("transfer-encoding", "chunked") if length is None else ("content-length", str(length))
    lines = [f"HTTP/1.1 {answer.status} Scripted"]
    lines += [f"{name}: {value}" for name, value in [*answer.headers, framing]]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Provider:
    def __init__(self) -> None:
        self.cases: defaultdict[str, Case] = defaultdict(Case)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        try:
            while True:
                request = await read_request(wire)
                if request.path.startswith("/control/"):
                    await self.control(wire, request)
                elif not await self.answer(wire, request):
                    return
        except (EOFError, OSError):
            pass  # The caller is done with this connection.
        finally:
            wire.pump.cancel()
            writer.close()

    async def control(self, wire: Wire, request: Request) -> None:
        verb, name = request.path.split("/")[2:]
        case = self.cases[name]
        if verb == "release":
            case.released.set()
        if verb == "ended":
            try:
                await asyncio.wait_for(case.all_ended(), PATIENCE)
            except TimeoutError:
                pass  # The record says what has not ended.
        body = json.dumps([asdict(each) for each in case.exchanges]).encode()
        answer = Answer([], headers=[("content-type", "application/json")])
        wire.writer.write(head_of(answer, len(body)) + body)

    async def answer(self, wire: Wire, request: Request) -> bool:
        """Plays the scenario. True: the connection can take the next request."""
        case = self.cases[dict(request.headers).get("x-client-request-id", "unnamed")]
        try:
            request.json = json.loads(request.body)
        except ValueError:
            request.json = {}
        exchange = Exchange(
            path=request.path,
            model=request.json.get("model", ""),
            headers=request.headers,
            body_bytes=len(request.body),
            body_sha256=hashlib.sha256(request.body).hexdigest(),
            body_keys=list(request.json),
            stream_options=request.json.get("stream_options"),
            body=request.json if len(request.body) <= KEPT_BODY else None,
            received_at=time.monotonic(),
        )
        case.exchanges.append(exchange)
        request.attempt = len(case.exchanges)
        try:
            exchange.end = await self.play(wire, answer_to(request), exchange, case)
        except OSError:
            exchange.end = "left"
        finally:
            exchange.ended_at = time.monotonic()
            case.changed.set()
        return exchange.end == "complete"

    async def play(self, wire: Wire, answer: Answer, exchange: Exchange, case: Case) -> str:
        writer = wire.writer
        if answer.framing == "length":
            body = b"".join(answer.body)
            writer.write(head_of(answer, len(body)) + body)
            await writer.drain()
            return "complete"
        if answer.head_waits and not await wire.unless_gone(case.released):
            return "left"
        writer.write(head_of(answer, None))
        for step in answer.body:
            if step is RELEASE:
                here = await wire.unless_gone(case.released)
            elif step is PACE:
                here = await wire.unless_gone(None, TOKEN_TIME)
            else:
                here = not wire.gone.is_set()
                if here and step:
                    writer.write(b"%x\r\n%b\r\n" % (len(step), step))
                    await writer.drain()
                    exchange.sent += 1
            if not here:
                return "left"
        if answer.end == "complete":
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        elif answer.end == "reset":
            wire.reset()
        return answer.end


async def main() -> None:
    server = await asyncio.start_server(Provider().serve, "127.0.0.1", 0, limit=1 << 20)
    host, port = server.sockets[0].getsockname()[:2]
    print(f"provider listens on http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
