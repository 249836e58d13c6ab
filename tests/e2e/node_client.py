"""A client on the node, whose traffic no NetworkPolicy stops.

It runs in the platform's network namespace. Reads one JSON object: `url`, `body` (POST where there
is one), `headers`, and `until`, a file whose appearance ends a steady stream of requests (without
it one request is made). Prints the answers' count, the failures, and the last answer.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx


def main() -> None:
    asked = json.load(sys.stdin)
    until = Path(asked["until"]) if "until" in asked else None
    headers = asked.get("headers", {})
    answers: list[Any] = []
    failures: list[str] = []

    def ask() -> None:
        # A connection for each request, as from many clients: a kept one could hide a refusal.
        while True:
            try:
                if "body" in asked:
                    response = httpx.post(
                        asked["url"], json=asked["body"], headers=headers, timeout=10
                    )
                else:
                    response = httpx.get(asked["url"], headers=headers, timeout=10)
                response.raise_for_status()
                answers.append(response.json())
            except httpx.HTTPError as error:
                failures.append(repr(error))
            if until is None or until.exists():
                return
            time.sleep(0.01)

    clients = [threading.Thread(target=ask) for _ in range(2 if until else 1)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    last = answers[-1] if answers else None
    print(json.dumps({"answered": len(answers), "failures": failures, "last": last}))


if __name__ == "__main__":
    main()
