"""The image of the Dockerfile, built by buildah and run in namespaces, without a daemon or a registry."""

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
"""Script with the effect of ``read_only``, ``tmpfs: [/tmp]`` and ``no-new-privileges``. Its last command becomes PID 1."""


def make_base_image(root: Path) -> None:
    """Create a file system with Python, pip and a shell to replace the base image ``python:…-slim``.

    It holds a copy of the running Python at the same paths.
    """
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, root / library.relative_to("/"), ignore=UNWANTED, symlinks=True)
    for folder in ("tmp", "proc", "dev", "etc", "root", "usr/local/bin", "usr/bin", "usr/lib", "lib64"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for folder in ("bin", "lib"):
        (root / folder).symlink_to(f"usr/{folder}")
    (root / "tmp").chmod(0o1777)
    programs = [Path(sys.executable).resolve(), Path("/bin/sh")]
    output = subprocess.run(["ldd", *programs, *library.glob("lib-dynload/*.so")], capture_output=True, text=True, check=True)
    linked = {Path(word) for word in output.stdout.split() if word[0] == "/" and word[-1] != ":"}
    [libc] = [path for path in linked if path.name == "libc.so.6"]
    for path in linked.union(programs, *(libc.parent.glob(f"{name}.so*") for name in IN_ANY_IMAGE)):
        (root / str(path)[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / str(path)[1:])
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).symlink_to(programs[0])
    command = [programs[0], "-Ic", "import site; print(site.getsitepackages()[0])"]
    packages = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    shutil.copytree(Path(pip.__file__).parent, root / packages[1:] / "pip", ignore=UNWANTED)
    copy_pip_settings(root)


def copy_pip_settings(root: Path) -> None:
    """Let pip in the image use the package index of this machine."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    settings = {name.rpartition(".")[2]: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}
    copied = {name: settings[name] for name in ("index-url", "trusted-host", "proxy") if name in settings}
    if "cert" in settings:
        shutil.copy(settings["cert"], root / "etc/certificates.pem")
        copied["cert"] = "/etc/certificates.pem"
    (root / "etc/pip.conf").write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in copied.items()))


class Image:
    """The image built from a copy of this repository with additional ``planted`` files."""

    def __init__(self, planted: dict[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="image-", dir=SCRATCH))
        self.store = self.folder / "store"
        make_base_image(self.folder / "base")
        shutil.copytree(ROOT, self.folder / "context", ignore=NOT_CLONED)
        for name, text in planted.items():
            path = self.folder / "context" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def buildah(self, *words: str | Path) -> str:
        storage = ["--root", self.store, "--runroot", self.folder / "run", "--storage-driver", "overlay"]
        return subprocess.run(["buildah", *storage, *words], capture_output=True, text=True, check=True).stdout.strip()

    def build(self) -> "Image":
        context = self.folder / "context"
        [base] = {line.split()[1] for line in (context / "Dockerfile").read_text().splitlines() if line.startswith("FROM")}
        container = self.buildah("from", "scratch")
        self.buildah("copy", "--quiet", container, self.folder / "base", "/")
        self.buildah("config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", container)
        self.buildah("commit", "--quiet", "--format", "docker", container, f"docker.io/library/{base}")
        self.buildah("bud", "--pull=never", "--isolation", "chroot", "--format", "docker", "--tag", "shop", context)
        self.config: dict[str, Any] = json.loads(self.buildah("inspect", "--type", "image", "shop"))["Docker"]["config"]
        self.root = Path(self.buildah("mount", self.buildah("from", "--pull-never", "shop")))
        return self

    def remove(self) -> None:
        self.buildah("umount", "--all")
        shutil.rmtree(self.folder, ignore_errors=True)


class Container:
    """A running image with additional environment variables."""

    def __init__(self, image: Image, environment: dict[str, str]) -> None:
        config = image.config
        self.image, self.environment = image, dict(line.split("=", 1) for line in config["Env"]) | environment
        self.user, self.group = config["User"].split(":")
        unshare = [str(shutil.which("unshare")), "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", RUN, "run"]
        command = [*unshare, str(image.root), config["WorkingDir"], self.user, self.group, *config["Cmd"]]
        self.program = Program(command, folder_of("root", "container"), env=self.environment)

    def start(self, seconds: float) -> float:
        """Start the container and wait until it is healthy. Return the seconds waited."""
        self.program.start()
        return until(self.is_healthy, seconds, f"a healthy container ({self.program.log.read_text()})")

    @property
    def pid(self) -> int:
        """The process id, outside, of PID 1 in the container."""
        assert self.program.process is not None
        return next(iter(children_of(self.program.process.pid)), 0)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, as ``docker exec`` does."""
        enter = [str(shutil.which("nsenter")), "--target", str(self.pid), "--mount", "--pid", "--root", "--wd"]
        command = [*enter, "--setuid", self.user, "--setgid", self.group, "--", *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=20, check=False)

    def is_healthy(self) -> bool:
        """Run the health check of the image."""
        assert self.program.process is not None
        assert self.program.process.poll() is None, self.program.log.read_text()
        kind, *command = self.image.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return bool(self.pid) and self.run(*command).returncode == 0

    def end(self, signal_number: int) -> int | None:
        """Send a signal to PID 1. Return the exit code."""
        os.kill(self.pid, signal_number)
        assert self.program.process is not None
        return self.program.process.wait(20)

    def remove(self) -> None:
        self.program.remove()
