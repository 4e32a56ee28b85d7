"""Serve the metrics of all workers to Prometheus, from a thread of the process that watches the workers."""

import os
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


def serve_metrics(address: str, port: int, resources: ExitStack) -> None:
    """Serve the sum of what all workers count into a temporary folder, which ``resources`` removes."""
    folder = resources.enter_context(TemporaryDirectory(prefix="shop-metrics-"))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    # Optional: the library takes 5 MB, and reads its folder when it is imported.
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    class LivingWorkersCollector(MultiProcessCollector):
        """Drop the gauges of workers that have died."""

        def collect(self) -> Any:
            for path in Path(folder).glob("gauge_live*.db"):
                if not Path(f"/proc/{path.stem.rpartition('_')[2]}").exists():
                    path.unlink(missing_ok=True)
            return super().collect()  # type: ignore[no-untyped-call]

    registry = CollectorRegistry()
    LivingWorkersCollector(registry)  # type: ignore[no-untyped-call]
    start_http_server(port, address, registry)
