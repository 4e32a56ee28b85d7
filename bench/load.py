"""Generate load at a fixed rate, whether or not earlier requests are answered, and hold idle and slow connections."""

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


@dataclass
class Seen:
    """The responses to a load: the count of each status, and the count of 503 responses without Retry-After."""

    statuses: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0


async def read_response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one response and return its status and its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    await reader.readexactly(int(length[1]) if length else 0)
    return int(head.split(b" ", 2)[1]), head


async def offer(port: int, paths: Iterator[str], token: str, rate: float, seconds: float, connections: int) -> Seen:
    """Send ``rate`` requests a second for ``seconds``, and return the responses. A request that is due while all connections
    are busy waits for a free one."""
    seen, began = Seen(), time.perf_counter()
    due = (began + number / rate for number in itertools.count())

    async def send() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for moment in due:
            if max(moment, time.perf_counter()) > began + seconds:
                break
            await asyncio.sleep(max(0.0, moment - time.perf_counter()))
            writer.write(f"GET {next(paths)} HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
            status, head = await read_response(reader)
            seen.statuses[status] += 1
            seen.without_retry_after += status == 503 and b"retry-after" not in head.lower()
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(send() for _ in range(connections)))
    return seen


async def hold(port: int, idle: int, slow: int, meanwhile: Callable[[], float]) -> float:
    """Call ``meanwhile`` in a thread while ``idle`` connections are silent and ``slow`` connections send one byte a second;
    return its result."""
    quiet = [await asyncio.open_connection("127.0.0.1", port) for _ in range(idle)]
    for reader, writer in quiet:  # A browser keeps its connection open after a response, too.
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: shop\r\n\r\n")
        await read_response(reader)
    late = [await asyncio.open_connection("127.0.0.1", port) for _ in range(slow)]

    async def drip() -> None:
        for byte in itertools.cycle(b"GET /health/live HTTP/1.1\r\nX-Slow: "):
            for _, writer in late:
                writer.write(bytes([byte]))
            await asyncio.sleep(1)

    dripping = asyncio.create_task(drip())
    result = await asyncio.to_thread(meanwhile)
    dripping.cancel()
    for _, writer in quiet + late:
        writer.close()
    return result
