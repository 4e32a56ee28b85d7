"""Load that comes as people do: at a rate, whether or not what came before is answered."""

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
    """What came of a load: how often each status, and how many 503 said not when to come back."""

    statuses: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    await reader.readexactly(int(length[1]) if length else 0)
    return int(head.split(b" ", 2)[1]), head


async def offer(port: int, paths: Iterator[str], token: str, rate: float, seconds: float, connections: int) -> Seen:
    """So many requests a second for so long, over as many connections as are free; what is due waits for one."""
    seen, began = Seen(), time.perf_counter()
    due = (began + number / rate for number in itertools.count())

    async def serve() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for moment in due:
            if max(moment, time.perf_counter()) > began + seconds:
                break
            await asyncio.sleep(max(0.0, moment - time.perf_counter()))
            writer.write(f"GET {next(paths)} HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
            status, head = await answer(reader)
            seen.statuses[status] += 1
            seen.without_retry_after += status == 503 and b"retry-after" not in head.lower()
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(serve() for _ in range(connections)))
    return seen


async def hold(port: int, idle: int, slow: int, meanwhile: Callable[[], float]) -> float:
    """What ``meanwhile`` says, while so many connections say nothing and so many send a byte a second."""
    quiet = [await asyncio.open_connection("127.0.0.1", port) for _ in range(idle)]
    for reader, writer in quiet:  # Kept alive after an answer, as a browser's are.
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: shop\r\n\r\n")
        await answer(reader)
    late = [await asyncio.open_connection("127.0.0.1", port) for _ in range(slow)]

    async def drip() -> None:
        for byte in itertools.cycle(b"GET /health/live HTTP/1.1\r\nX-Slow: "):
            for _, writer in late:
                writer.write(bytes([byte]))
            await asyncio.sleep(1)

    dripping = asyncio.create_task(drip())
    said = await asyncio.to_thread(meanwhile)
    dripping.cancel()
    for _, writer in quiet + late:
        writer.close()
    return said
