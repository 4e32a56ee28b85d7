"""A load on a shop with several workers: writes to one part, reads of the list, and logins."""

import threading
import time
from collections import Counter
from pathlib import Path


def worker_of(shop, client):
    """Return the process id of the worker at the other end of a client's connection."""
    port = f":{client.connection.sock.getsockname()[1]:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    inodes = {f"socket:[{line[9]}]" for line in lines if line[2].endswith(port) and line[1].endswith(f":{shop.port:04X}")}
    for pid in shop.workers():
        if any(str(link.readlink()) in inodes for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()):
            return pid
    return None


def client_per_worker(shop, token):
    """Return a client for every worker, by process id."""
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
    raise AssertionError(f"reached only the workers {list(found)}")


class InventoryLoad:
    """One client increments the quantity of a part; on each worker, clients read the list and log in."""

    def __init__(self, shop):
        self.shop, self.token = shop, shop.admin_token()
        admin = shop.client(self.token)
        part = admin.call("POST", "/inventory", {"name": "Pad", "price": 9.99, "quantity": 1})
        assert part.status == 201, part
        self.part = part.body["id"]
        admin.close()
        self.acknowledged, self.stopped = 1, threading.Event()
        self.statuses, self.durations, self.stale, self.unexpected = Counter(), [], [], []
        actions = [self.write] + [self.read] * 2 * len(shop.workers()) + [self.sign_in] * 2 * len(shop.workers())
        clients = [client for _ in range(4) for client in client_per_worker(shop, self.token).values()]
        clients.append(shop.client(self.token))
        self.threads = [threading.Thread(target=self.run, args=pair) for pair in zip(actions, clients, strict=False)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join(30)

    def run(self, action, client):
        while not self.stopped.is_set():
            try:
                response = action(client)
            except Exception as error:
                self.unexpected.append(repr(error))
                break
            self.statuses[response.status] += 1
            self.durations.append((time.monotonic(), response.seconds))
            if response.status not in (200, 401):
                self.unexpected.append((response.status, response.body))
            time.sleep(0.002)
        client.close()

    def write(self, client):
        quantity = self.acknowledged + 1
        response = client.call("PUT", f"/inventory/{self.part}", {"quantity": quantity})
        if response.status == 200:
            self.acknowledged = quantity
        return response

    def read(self, client):
        """Read the list. Record the time if the list is older than the last acknowledged write before the request."""
        expected = self.acknowledged
        response = client.call("GET", "/inventory")
        if response.status == 200 and response.body[0]["quantity"] < expected:
            self.stale.append(time.monotonic())
        return response

    def sign_in(self, client):
        time.sleep(0.05)
        return client.call("POST", "/mechanics/login", {"email": "nobody@example.com", "password": "a wrong one"})

    def slowest(self, start, end):
        return max((seconds for when, seconds in self.durations if start <= when <= end), default=0.0)

    def percentile(self, fraction):
        ordered = sorted(seconds for _, seconds in self.durations)
        return ordered[int(fraction * (len(ordered) - 1))]
