"""The broker under test: started from the binary that ANYMQ_BIN names, or a server that runs already (AMQP_URL)."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

READY_SECONDS = 30


class Broker:
    """One `anymq dev` process on free ports with its own data directory; survives kill -9 and start again on the same port."""

    def __init__(self, home=None, settings=None):
        """`home` gets the data directory and the log; `settings` are variables such as ANYMQ_BROKER__DISK_FREE_LIMIT."""
        self.binary, self.settings = os.environ["ANYMQ_BIN"], settings or {}
        self.home = Path(home or tempfile.mkdtemp(prefix="anymq-interop-"))
        self.data_dir = self.home / "data"
        self.process, self.amqp_port, self.admin_port = None, 0, 0

    def start(self):
        """Starts and waits until it serves. Ports are chosen by the first start and kept."""
        ready = self.home / "ready.json"
        ready.unlink(missing_ok=True)
        environment = {**os.environ, "ANYMQ_AMQP__PORT": str(self.amqp_port), "ANYMQ_ADMIN__PORT": str(self.admin_port),
                       **self.settings}
        with open(self.home / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "dev", "--data-dir", str(self.data_dir), "--ready-file", str(ready)],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + READY_SECONDS
        while not ready.exists():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.binary} ended with {self.process.returncode}; see {log.name}")
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self.binary} is not ready after {READY_SECONDS} s; see {log.name}")
            time.sleep(0.005)
        addresses = json.loads(ready.read_text())
        self.amqp_port = int(addresses["amqp"].rsplit(":", 1)[1])
        self.admin_port = int(addresses["admin"].rsplit(":", 1)[1])
        return self

    @property
    def url(self):
        return f"amqp://guest:guest@127.0.0.1:{self.amqp_port}"

    def kill(self):
        """SIGKILL: nothing is flushed, nobody is told."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM and a graceful end."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def remove(self):
        """Ends the process and deletes what it kept; INTEROP_KEEP in the environment leaves the files."""
        self.kill()
        if not os.environ.get("INTEROP_KEEP"):
            shutil.rmtree(self.home, ignore_errors=True)

    def import_definitions(self, path):
        self.command("import", "--yes", str(path))

    def command(self, *arguments):
        """Runs `anymq …` against this broker and returns what it prints."""
        done = subprocess.run([self.binary, *arguments], capture_output=True, timeout=60, text=True,
                              env={**os.environ, "ANYMQ_URL": f"http://127.0.0.1:{self.admin_port}"})
        assert done.returncode == 0, f"anymq {arguments} ended with {done.returncode}: {done.stderr}"
        return done.stdout


class CommandBroker:
    """A server that shell commands control: CRASH_START, CRASH_KILL and CRASH_STOP; AMQP_URL says where it listens."""

    def __init__(self):
        self.url = os.environ["AMQP_URL"]

    def start(self):
        subprocess.run(os.environ["CRASH_START"], shell=True, check=True, capture_output=True, timeout=120)
        return self

    def kill(self):
        subprocess.run(os.environ["CRASH_KILL"], shell=True, check=True, capture_output=True, timeout=120)

    def stop(self):
        subprocess.run(os.environ["CRASH_STOP"], shell=True, check=True, capture_output=True, timeout=120)


def mount_small(path, size):
    """Mounts a file system of `size` on a new directory; why it cannot, or None."""
    path.mkdir()
    try:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True, text=True)
    except FileNotFoundError:
        return "needs mount, which is not here"
    return f"cannot mount a small file system here: {mounted.stderr.strip()}" if mounted.returncode else None
