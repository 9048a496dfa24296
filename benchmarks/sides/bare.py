"""The bare loop: claim 1,000 rows, post them from one event loop at 200 in flight, record them with one `unnest` update. Raw SQL, no checks.

`python -m benchmarks.sides.bare aiohttp|product DATABASE_URL PROVIDER_URL` is one process; the benchmark runs two.
"""

import asyncio
import sys

import aiohttp
import orjson
import psycopg
import uvloop

from benchmarks.sides.rows import body_for
from integrations.http import HttpClient

CLAIM = """
UPDATE bench_message m SET state = 1 FROM (
    SELECT id FROM bench_message WHERE state = 0 ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED
) AS due WHERE m.id = due.id RETURNING m.id, m.name, m.phone
"""
RECORD = """
UPDATE bench_message m SET state = 2, provider_id = o.provider_id, sent_at = now()
FROM unnest(%s::bigint[], %s::text[]) AS o (id, provider_id) WHERE m.id = o.id
"""
IN_FLIGHT = 200


class AiohttpPoster:
    """Posts with aiohttp."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/v26.0/1/messages"
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT))

    async def post(self, row: tuple[int, str, str]) -> tuple[int, str]:
        """One message; its provider id."""
        content = orjson.dumps(body_for(row[1], row[2], row[0]))
        async with self._session.post(
            self._url, data=content, headers={"content-type": "application/json"}
        ) as response:
            answer = orjson.loads(await response.read())
        return row[0], answer["messages"][0]["id"]

    async def close(self) -> None:
        """Close."""
        await self._session.close()


class ProductPoster:
    """Posts with the product's own HTTP client."""

    def __init__(self, url: str) -> None:
        self._client = HttpClient(url, service="benchmark")

    async def post(self, row: tuple[int, str, str]) -> tuple[int, str]:
        """One message; its provider id."""
        response = await self._client.request(
            "POST", "/v26.0/1/messages", operation="send", json=body_for(row[1], row[2], row[0])
        )
        return row[0], response.json()["messages"][0]["id"]

    async def close(self) -> None:
        """Close."""
        await self._client.aclose()


async def main(kind: str, database_url: str, provider_url: str) -> None:
    """Until nothing is left."""
    poster = AiohttpPoster(provider_url) if kind == "aiohttp" else ProductPoster(provider_url)
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def post(row: tuple[int, str, str]) -> tuple[int, str]:
        async with gate:
            return await poster.post(row)

    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        while True:
            rows = await (await connection.execute(CLAIM)).fetchall()
            if not rows:
                break
            done = await asyncio.gather(*[post(row) for row in rows])
            await connection.execute(RECORD, ([one[0] for one in done], [one[1] for one in done]))
    await poster.close()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(main(*sys.argv[1:4]))
