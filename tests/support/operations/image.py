"""The Dockerfile built by buildah, and its image run as an engine would run it; no daemon and no registry is needed."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import pip

from config import ROOT
from tests.support.processes import Program, folder_of, until
from tests.support.servers import children_of
from tests.support.services import SCRATCH

UNWANTED = shutil.ignore_patterns("site-packages", "dist-packages", "test", "idlelib", "config-*", "__pycache__", "*.a")
NOT_CLONED = shutil.ignore_patterns(
    ".git", ".venv", "node_modules", "instance", ".env", ".*_cache", ".hypothesis", ".coverage*"
)
IN_ANY_IMAGE = ("lib[mc]", "libpthread", "libdl", "librt", "libutil", "libresolv", "libnss_*", "libgcc_s", "libstdc++")
RUN = """
set -e
image_path=$PATH root=$1 workdir=$2 user=$3 group=$4
shift 4
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t tmpfs -o mode=1777,nosuid,nodev tmp "$root/tmp"
mount -t proc proc "$root/proc"
mount -t tmpfs dev "$root/dev"
for each in null zero random urandom; do touch "$root/dev/$each"; mount --bind "/dev/$each" "$root/dev/$each"; done
mkdir "$root/dev/shm"
mount -t tmpfs shm "$root/dev/shm"
mount -o remount,bind,ro "$root"
setpriv=$(command -v setpriv) unshare=$(command -v unshare)
PATH=$image_path
exec "$setpriv" --no-new-privs "$unshare" --root="$root" --wd="$workdir" -S "$user" -G "$group" -- "$@"
"""
"""What an engine does for ``read_only``, ``tmpfs: [/tmp]`` and ``no-new-privileges``; its last becomes PID 1."""


def make_stand_in(root: Path) -> None:
    """Lay out a file system with Python, pip and a shell, in the place of ``python:…-slim``, which is in a registry. It
    is the Python that runs this, where it stands on this machine."""
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, root / library.relative_to("/"), ignore=UNWANTED, symlinks=True)
    for folder in ("tmp", "proc", "dev", "etc", "root", "usr/local/bin", "usr/bin", "usr/lib", "lib64"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for folder in ("bin", "lib"):
        (root / folder).symlink_to(f"usr/{folder}")
    (root / "tmp").chmod(0o1777)
    programs = [Path(sys.executable).resolve(), Path("/bin/sh")]
    said = subprocess.run(["ldd", *programs, *library.glob("lib-dynload/*.so")], capture_output=True, text=True, check=True)
    linked = {Path(word) for word in said.stdout.split() if word[0] == "/" and word[-1] != ":"}
    [libc] = [path for path in linked if path.name == "libc.so.6"]
    for path in linked.union(programs, *(libc.parent.glob(f"{name}.so*") for name in IN_ANY_IMAGE)):
        (root / str(path)[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / str(path)[1:])
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).symlink_to(programs[0])
    ask = [programs[0], "-Ic", "import site; print(site.getsitepackages()[0])"]
    packages = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    shutil.copytree(Path(pip.__file__).parent, root / packages[1:] / "pip", ignore=UNWANTED)
    reach_the_same_index(root)


def reach_the_same_index(root: Path) -> None:
    """Let pip reach the packages that it reaches here."""
    ask = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.splitlines()
    here = {name.rpartition(".")[2]: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}
    kept = {name: here[name] for name in ("index-url", "trusted-host", "proxy") if name in here}
    if "cert" in here:
        shutil.copy(here["cert"], root / "etc/certificates.pem")
        kept["cert"] = "/etc/certificates.pem"
    (root / "etc/pip.conf").write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in kept.items()))


class Image:
    """What the Dockerfile makes of a folder like this one, with ``planted`` files in it besides."""

    def __init__(self, planted: dict[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="image-", dir=SCRATCH))
        self.store = self.folder / "store"
        make_stand_in(self.folder / "base")
        shutil.copytree(ROOT, self.folder / "context", ignore=NOT_CLONED)
        for name, text in planted.items():
            path = self.folder / "context" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def buildah(self, *words: str | Path) -> str:
        place = ["--root", self.store, "--runroot", self.folder / "run", "--storage-driver", "overlay"]
        return subprocess.run(["buildah", *place, *words], capture_output=True, text=True, check=True).stdout.strip()

    def build(self) -> "Image":
        context = self.folder / "context"
        [base] = {line.split()[1] for line in (context / "Dockerfile").read_text().splitlines() if line.startswith("FROM")}
        made = self.buildah("from", "scratch")
        self.buildah("copy", "--quiet", made, self.folder / "base", "/")
        self.buildah("config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", made)
        self.buildah("commit", "--quiet", "--format", "docker", made, f"docker.io/library/{base}")
        self.buildah("bud", "--pull=never", "--isolation", "chroot", "--format", "docker", "--tag", "shop", context)
        self.config: dict[str, Any] = json.loads(self.buildah("inspect", "--type", "image", "shop"))["Docker"]["config"]
        self.root = Path(self.buildah("mount", self.buildah("from", "--pull-never", "shop")))
        return self

    def remove(self) -> None:
        self.buildah("umount", "--all")
        shutil.rmtree(self.folder, ignore_errors=True)


class Container:
    """An image that runs, with so much of the environment from outside."""

    def __init__(self, image: Image, environment: dict[str, str]) -> None:
        config = image.config
        self.image, self.environment = image, dict(each.split("=", 1) for each in config["Env"]) | environment
        self.user, self.group = config["User"].split(":")
        unshare = [str(shutil.which("unshare")), "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", RUN, "run"]
        command = [*unshare, str(image.root), config["WorkingDir"], self.user, self.group, *config["Cmd"]]
        self.program = Program(command, folder_of("root", "container"), env=self.environment)

    def start(self, seconds: float) -> float:
        """Start it, and wait until it is healthy; how long that took."""
        self.program.start()
        return until(self.is_healthy, seconds, f"a healthy container ({self.program.log.read_text()})")

    @property
    def pid(self) -> int:
        """What is PID 1 inside."""
        assert self.program.process is not None
        return next(iter(children_of(self.program.process.pid)), 0)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run something inside, as ``docker exec`` would."""
        enter = [str(shutil.which("nsenter")), "--target", str(self.pid), "--mount", "--pid", "--root", "--wd"]
        command = [*enter, "--setuid", self.user, "--setgid", self.group, "--", *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=20, check=False)

    def is_healthy(self) -> bool:
        """Whether the image's own health check passes."""
        assert self.program.process is not None
        assert self.program.process.poll() is None, self.program.log.read_text()
        kind, *command = self.image.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return bool(self.pid) and self.run(*command).returncode == 0

    def end(self, number: int) -> int | None:
        """Send a signal to PID 1; how it ended."""
        os.kill(self.pid, number)
        assert self.program.process is not None
        return self.program.process.wait(20)

    def remove(self) -> None:
        self.program.remove()
