"""A shop with several workers in use: one counts a part up and up, others look at the list and sign in."""

import threading
import time
from collections import Counter
from pathlib import Path


def worker_of(shop, client):
    """The worker that holds the other end of a client's connection."""
    mine = f":{client.connection.sock.getsockname()[1]:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    inodes = {f"socket:[{line[9]}]" for line in lines if line[2].endswith(mine) and line[1].endswith(f":{shop.port:04X}")}
    for pid in shop.workers():
        if any(str(link.readlink()) in inodes for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()):
            return pid
    return None


def one_client_each(shop, token):
    """A client for every worker, by its process id."""
    found = {}
    for _ in range(200):
        client = shop.client(token)
        client.call("GET", "/inventory")
        pid = worker_of(shop, client)
        if pid is None or pid in found:
            client.close()
        else:
            found[pid] = client
        if len(found) == len(shop.workers()):
            return found
    raise AssertionError(f"only these workers answer: {list(found)}")


class Use:
    """A shop in use: one counts a part up and up; on each worker readers look at the list, and someone signs in."""

    def __init__(self, shop):
        self.shop, self.token = shop, shop.admin_token()
        admin = shop.client(self.token)
        part = admin.call("POST", "/inventory", {"name": "Pad", "price": 9.99, "quantity": 1})
        assert part.status == 201, part
        self.part = part.body["id"]
        admin.close()
        self.answered, self.over = 1, threading.Event()
        self.statuses, self.seconds, self.stale, self.wrong = Counter(), [], [], []
        acts = [self.write] + [self.read] * 2 * len(shop.workers()) + [self.sign_in] * 2 * len(shop.workers())
        clients = [each for _ in range(4) for each in one_client_each(shop, self.token).values()]
        clients.append(shop.client(self.token))
        self.threads = [threading.Thread(target=self.go_on, args=each) for each in zip(acts, clients, strict=False)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(30)

    def go_on(self, act, client):
        while not self.over.is_set():
            try:
                answer = act(client)
            except Exception as error:
                self.wrong.append(repr(error))
                break
            self.statuses[answer.status] += 1
            self.seconds.append((time.monotonic(), answer.seconds))
            if answer.status not in (200, 401):
                self.wrong.append((answer.status, answer.body))
            time.sleep(0.002)
        client.close()

    def write(self, client):
        quantity = self.answered + 1
        answer = client.call("PUT", f"/inventory/{self.part}", {"quantity": quantity})
        if answer.status == 200:
            self.answered = quantity
        return answer

    def read(self, client):
        """The list must show what was answered before it was asked for; else note when it did not."""
        known = self.answered
        answer = client.call("GET", "/inventory")
        if answer.status == 200 and answer.body[0]["quantity"] < known:
            self.stale.append(time.monotonic())
        return answer

    def sign_in(self, client):
        time.sleep(0.05)
        return client.call("POST", "/mechanics/login", {"email": "nobody@example.com", "password": "a wrong one"})

    def slowest(self, since, before):
        return max((seconds for when, seconds in self.seconds if since <= when <= before), default=0.0)

    def percentile(self, share):
        ordered = sorted(seconds for _, seconds in self.seconds)
        return ordered[int(share * (len(ordered) - 1))]
