"""What this party allows: a file its owner writes, asked before anything runs or leaves.

    default = "refuse"            # what no rule speaks of; standalone: "allow"
    least_rows = 100              # smaller tables take part in nothing
    least_bin_rows = 20           # as a host it answers for no bin with fewer rows

    [peers]
    pin = "listed"                # whose keys are trusted; standalone: "first_use"
    [peers.keys]
    10000 = "ab12:..."            # or: party-agent trust 10000 ab12:...

    [[allow]]
    components = ["Intersection", "HeteroLR"]
    roles = ["guest"]
    tables = ["breast/*"]
    parties = ["10000"]

    [[refuse]]
    tables = ["payroll/*"]

    [[serving]]                   # online predictions look features up here, and nowhere else
    models = ["*#host-10000#*"]
    table = "live/customers"

A rule says nothing about what it leaves out. An `allow` must fit all of what is asked: every table
and every other party of the job; a `refuse` fits as soon as one of them is named, and comes first.
`what` tells which question a rule answers:

| what | question |
|---|---|
| `job` (the default) | a component runs here, with tables, and models that another job made |
| `upload` | a table is made or changed here |
| `read` | rows of a table are shown through the coordinator |
| `model` | what a component learned is shown through the coordinator |
| `log` | the log of a job, and the ledger of what left here, are shown through the coordinator |
| `infer` | online predictions are asked, and answered, through the coordinator |
| `import` | a model that was made elsewhere is kept here |

This party's own users, who come through its gateway, are not asked about here.

Which files of this machine an upload may read is no rule: `upload_from` of the settings says it.
"""

import fnmatch
import glob
import json
import shlex
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from federation.components.params import nearest
from federation.errors import InvalidPolicy, PolicyRefused, Problem
from federation.spec.orders import TableName
from party_agent.home import write_atomically

What = Literal["job", "upload", "read", "model", "log", "infer", "import"]
Word = Literal["allow", "refuse"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Section):
    """What is allowed or refused; names may be patterns, as `breast/*`.

    Tables are written `namespace/name`, models `model id/version`.
    """

    what: What = "job"
    components: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    parties: tuple[str, ...] | None = None
    tables: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None


class PeerRules(_Section):
    """Whose keys are trusted."""

    pin: Literal["first_use", "listed"] | None = None
    keys: dict[str, str] = Field(default_factory=dict)


class ServingRule(_Section):
    """Where features of online predictions are looked up, whatever whoever loads a model says.

    Attributes:
        models: patterns of `model id/version`.
        table: as `namespace/name`.
    """

    table: str = Field(pattern=r"^[^/]+/.+$")
    models: tuple[str, ...] = ("*",)


class Policy(_Section):
    """A party's whole policy; None means what the mode (standalone or cluster) says."""

    default: Word | None = None
    least_rows: int = Field(0, ge=0)
    least_bin_rows: int = Field(1, ge=1)
    peers: PeerRules = Field(default_factory=PeerRules)
    allow: tuple[Rule, ...] = ()
    refuse: tuple[Rule, ...] = ()
    serving: tuple[ServingRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody wants of this party.

    Attributes:
        parties: the other parties of the job.
        tables: as `namespace/name`.
        models: as `model id/version`; those that the job itself makes are not asked about.
    """

    what: What
    component: str = ""
    role: str = ""
    parties: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The question in words."""
        tables = ", ".join(self.tables) or "a table"
        if self.what == "upload":
            return f"an upload into {tables}"
        if self.what == "read":
            return f"reading rows of {tables} through the coordinator"
        models = ", ".join(self.models)
        if self.what == "model":
            return f"showing what {self.component} of model {models} learned to the coordinator"
        if self.what == "log":
            return "showing the log and the ledger of a job to the coordinator"
        if self.what == "import":
            return f"keeping model {models} of an archive as {self.role}"
        if self.what == "infer":
            return "an online prediction asked through the coordinator"
        reading = f" reading {tables}" if self.tables else ""
        reading += f" with model {models}" if models else ""
        others = (
            f" with {'party' if len(self.parties) == 1 else 'parties'} " if self.parties else ""
        )
        return f"{self.component} as {self.role}{reading}{others}{', '.join(self.parties)}"

    def grant(self) -> str:
        """The flags of `party-agent grant` that would allow it."""
        given = {
            "component": (self.component,),
            "role": (self.role,),
            "table": self.tables,
            "model": self.models,
        }
        flags = [] if self.what == "job" else [f"--what {self.what}"]
        # Names come from others and the line is made to be pasted: no pattern, no shell.
        flags += [
            f"--{name} {shlex.quote(glob.escape(value))}"
            for name, all_ in given.items()
            for value in all_
            if value
        ]
        return " ".join(flags)


def read_policy(path: Path) -> Policy:
    """The policy of a file; one that is not there says nothing.

    Raises:
        InvalidPolicy: it is not a policy; every problem with its path.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Policy()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidPolicy([Problem(str(path), f"can not be read: {error}")]) from None
    return parse_policy(text, str(path))


def parse_policy(text: str, source: str = "policy.toml") -> Policy:
    """The policy of a text.

    Raises:
        InvalidPolicy: it is not a policy; every problem with its path.
    """
    try:
        return Policy.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidPolicy([Problem(source, f"not TOML: {error}")]) from None
    except ValidationError as error:
        raise InvalidPolicy(
            [_problem(e["loc"], e["type"], e["msg"]) for e in error.errors()]
        ) from (None)


class Rules:
    """The policy in force: the file is read again when it has changed."""

    def __init__(self, path: Path, home: Path, *, standalone: bool) -> None:
        self._path = path
        self._home = home
        self._standalone = standalone
        self._seen: tuple[int, int] | None = None
        self._policy = Policy()

    @property
    def policy(self) -> Policy:
        """The policy as the file has it now.

        Raises:
            InvalidPolicy: it was changed into something that is none; nothing is allowed then.
        """
        stamp = _stamp(self._path)
        if stamp is None or stamp != self._seen:
            self._policy = read_policy(self._path)
            self._seen = stamp
        return self._policy

    @property
    def first_use(self) -> bool:
        """Whether an unknown peer's key is pinned as it is first seen."""
        pin = self.policy.peers.pin
        return self._standalone if pin is None else pin == "first_use"

    def check(self, ask: Ask) -> None:
        """Say no to what the policy does not allow.

        Raises:
            PolicyRefused: names the rule, what was asked, and how to allow it.
            InvalidPolicy: the policy can not be read.
        """
        policy = self.policy
        for number, rule in enumerate(policy.refuse, 1):
            if _touches(rule, ask):
                remedy = f"take it out of {self._path}"
                raise PolicyRefused(str(ask), f"[[refuse]] rule {number}", remedy)
        default = policy.default or ("allow" if self._standalone else "refuse")
        if default == "allow" or any(_covers(rule, ask) for rule in policy.allow):
            return
        remedy = f"party-agent grant {ask.grant()} --home {self._home}"
        raise PolicyRefused(str(ask), 'default = "refuse"', remedy)

    def features_of(self, model: str) -> TableName | None:
        """The table that the owner has online predictions of a model look features up in.

        Args:
            model: as `model id/version`.

        Raises:
            InvalidPolicy: the policy can not be read.
        """
        for rule in self.policy.serving:
            if _fits(rule.models, model):
                namespace, _, name = rule.table.partition("/")
                return TableName(namespace=namespace, name=name)
        return None

    def check_any(self, what: What) -> None:
        """Say no where nothing of that kind is allowed at all.

        Raises:
            PolicyRefused: the default refuses, and no rule allows anything of it.
            InvalidPolicy: the policy can not be read.
        """
        if not any(rule.what == what for rule in self.policy.allow):
            self.check(Ask(what))


def check_file(file: str, folders: Sequence[Path] | None) -> None:
    """Say no to a table that is made of a file of this machine which its owner did not mean.

    Raises:
        PolicyRefused: it is in none of the folders; see `path_within`.
    """
    path_within(file, folders, "making a table of", "upload_from", "upload the file from elsewhere")


def path_within(
    file: str, folders: Sequence[Path] | None, doing: str, setting: str, instead: str
) -> Path:
    """The path of a file of this machine that somebody else names.

    Args:
        folders: in which it may be, whatever links lead there; None: anywhere.
        doing: what is to be done with it; `setting` names the folders, `instead` another way.

    Raises:
        PolicyRefused: it is in none of them.
    """
    path = Path(file).expanduser().resolve()
    if folders is None or any(path.is_relative_to(folder.resolve()) for folder in folders):
        return path
    raise PolicyRefused(
        f"{doing} {file}, a file of this party's machine,",
        f"{setting} of the settings",
        f"name its folder there (party_agent.toml), or {instead}",
    )


def append_grant(path: Path, rule: Rule) -> str:
    """Add an `[[allow]]` rule to a policy file, which is made if it is missing.

    Returns:
        The lines that were added.

    Raises:
        InvalidPolicy: the file is no policy, or writes its rules in a way that can not be added to.
    """
    lines = ["[[allow]]"]
    for name, value in rule.model_dump(exclude_none=True).items():
        if value != Rule.model_fields[name].default:
            written = value if isinstance(value, str) else list(value)
            lines.append(f"{name} = {json.dumps(written, ensure_ascii=False)}")
    added = "\n".join(lines) + "\n"
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    parse_policy(old, str(path))
    new = f"{old.rstrip()}\n\n{added}".lstrip()
    parse_policy(new, str(path))
    write_atomically(path, new.encode())
    return added


def _covers(rule: Rule, ask: Ask) -> bool:
    """Whether an allow rule fits all of what is asked."""
    return (
        rule.what == ask.what
        and _every(rule.components, (ask.component,) if ask.component else ())
        and _every(rule.roles, (ask.role,) if ask.role else ())
        and _every(rule.parties, ask.parties)
        and _every(rule.tables, ask.tables)
        and _every(rule.models, ask.models)
    )


def _touches(rule: Rule, ask: Ask) -> bool:
    """Whether a refuse rule names any of what is asked, in each field it has."""
    return (
        rule.what == ask.what
        and _some(rule.components, (ask.component,))
        and _some(rule.roles, (ask.role,))
        and _some(rule.parties, ask.parties)
        and _some(rule.tables, ask.tables)
        and _some(rule.models, ask.models)
    )


def _every(patterns: tuple[str, ...] | None, names: tuple[str, ...]) -> bool:
    return patterns is None or all(_fits(patterns, name) for name in names)


def _some(patterns: tuple[str, ...] | None, names: tuple[str, ...]) -> bool:
    return patterns is None or any(_fits(patterns, name) for name in names)


def _fits(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


def _problem(location: tuple[int | str, ...], kind: str, message: str) -> Problem:
    path = ".".join(str(part) for part in location)
    if kind != "extra_forbidden":
        return Problem(path, message)
    shape = next((s for n, s in _SHAPES.items() if n in location[:-1]), Policy)
    return Problem(path, f"is not known{nearest(str(location[-1]), shape.model_fields)}")


_SHAPES: dict[str, type[_Section]] = {
    "allow": Rule,
    "refuse": Rule,
    "peers": PeerRules,
    "serving": ServingRule,
}
