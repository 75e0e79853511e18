"""How FATE's own clients are installed: each into a virtual environment of its own, kept for later.

The pins are exact and no dependency is resolved: what the metadata of these old releases asks for
(poetry, tensorflow 1.15, torch 1.4) is either not needed by what they do over HTTP or can not be
installed any more. Nothing of a client is changed; but a client keeps its settings in its own
package folder, so each test session works with a copy of those folders.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

INSTALL_LIMIT_S = 600

HTTP = (
    "certifi==2024.12.14",
    "charset-normalizer==3.4.0",
    "click==7.1.2",
    "idna==3.10",
    "requests==2.32.3",
    "requests-toolbelt==0.9.1",
    "ruamel.yaml==0.16.13",
    "urllib3==1.26.20",
)
FRAMES = (
    "numpy==2.2.1",
    "pandas==2.2.3",
    "python-dateutil==2.9.0.post0",
    "pytz==2024.2",
    "six==1.17.0",
    "tzdata==2024.2",
)
FLASK = (
    "flask==1.1.4",
    "itsdangerous==1.1.0",
    "jinja2==3.0.3",
    "markupsafe==2.1.5",
    "werkzeug==1.0.1",
)
TUNNEL = (
    "bcrypt==4.2.1",
    "cffi==1.17.1",
    "cryptography==44.0.0",
    "paramiko==3.5.0",
    "pycparser==2.22",
    "pynacl==1.5.0",
    "sshtunnel==0.1.5",
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A client, what it needs to run, and its packages that hold settings."""

    name: str
    pins: tuple[str, ...]
    packages: tuple[str, ...]


FATE_CLIENT_1_11 = Recipe(
    "fate-client-1.11.3",
    ("fate-client==1.11.3", "loguru==0.7.2", "setuptools==75.6.0", *HTTP, *FRAMES),
    ("flow_client", "flow_sdk", "pipeline"),
)
FATE_CLIENT_1_5 = Recipe(
    "fate-client-1.5.3",
    ("fate-client==1.5.3", "loguru==0.5.3", "setuptools==75.6.0", *HTTP, *FLASK),
    ("flow_client", "flow_sdk"),
)
FATE_TEST_1_6 = Recipe(
    "fate-test-1.6.1",
    (
        "fate-test==1.6.1",
        "fate-client==1.6.1",
        "colorama==0.4.6",
        "loguru==0.5.3",
        "prettytable==1.0.1",
        "setuptools==75.6.0",
        "wcwidth==0.2.13",
        *HTTP,
        *FRAMES,
        *TUNNEL,
    ),
    ("fate_test", "flow_client", "flow_sdk", "pipeline"),
)


def kept_in() -> Path:
    """The folder of the environments: TRIPACT_CLIENTS, or one in the user's cache."""
    named = os.environ.get("TRIPACT_CLIENTS")
    return Path(named) if named else Path.home() / ".cache" / "tripact-clients"


def installed(recipe: Recipe) -> Path:
    """The environment of a client; it is built if it is not there.

    Raises:
        RuntimeError: it could not be built.
    """
    known = "\n".join((sys.version, *recipe.pins)).encode()
    home = kept_in() / f"{recipe.name}-{hashlib.sha256(known).hexdigest()[:12]}"
    home.parent.mkdir(parents=True, exist_ok=True)
    done = home / ".done"
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(home, ignore_errors=True)
            venv.create(home, with_pip=False)
            _install(home, recipe.pins)
            done.touch()
    return home


def _install(home: Path, pins: Sequence[str]) -> None:
    # The pip of this environment installs into the other one, which so needs none of its own.
    command = [
        *(sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install"),
        *("--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile"),
        *("--only-binary", ":all:", *pins),
    ]
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False
    )
    if ran.returncode:
        raise RuntimeError(f"{home.name} could not be installed:\n{ran.stdout}{ran.stderr}")


@dataclass(frozen=True, slots=True)
class Box:
    """An installed client with settings of its own: what it prints is all that is looked at."""

    home: Path
    work: Path
    environment: Mapping[str, str]

    def command(self, *arguments: str) -> list[str]:
        """The command line of one of the client's programs."""
        return [str(self.home / "bin" / arguments[0]), *arguments[1:]]

    def preferring(self, other: "Box") -> "Box":
        """The same client, with the packages of another one where both have them."""
        path = ":".join(box.environment["PYTHONPATH"] for box in (other, self))
        return replace(self, environment={**self.environment, "PYTHONPATH": path})

    def run(self, *arguments: str, limit_s: float = 300.0) -> str:
        """Run one of the client's programs; what it printed, errors too."""
        ran = subprocess.run(
            self.command(*arguments),
            cwd=self.work,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=limit_s,
            check=False,
        )
        return ran.stdout


def boxed(recipe: Recipe, work: Path) -> Box:
    """A client whose settings are kept in `work`."""
    home = installed(recipe)
    (site,) = home.glob("lib/python*/site-packages")
    own = work / "packages"
    for name in recipe.packages:
        shutil.copytree(site / name, own / name)
    environment = {
        name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ
    }
    environment |= {
        "PATH": f"{home / 'bin'}:/usr/bin:/bin",
        "PYTHONPATH": str(own),
        "PYTHONWARNINGS": "ignore",
    }
    return Box(home, work, environment)
