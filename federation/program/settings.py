"""Settings of a program: a file, then the environment, then the command line; the last wins.

    port = 9380               in the file
    PREFIX_PORT=9380          in the environment
    --port 9380               on the command line

A field that does not exist is refused, with the one that was probably meant.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from federation.errors import InvalidSettings, Problem

S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Sources(Generic[S]):
    """Where the settings of one program come from.

    Attributes:
        shape: the settings; it has a field `home`, the folder in which `file_name` is looked for.
        prefix: of the environment's variables; `<prefix>CONFIG` names the file.
    """

    shape: type[S]
    prefix: str
    file_name: str

    def load(
        self, flags: Mapping[str, Any], config: Path | None, environment: Mapping[str, str]
    ) -> S:
        """The settings in effect.

        Args:
            flags: what the command line gives; None means not given.
            config: the file; without one it is read if it exists.

        Raises:
            InvalidSettings: the file can not be read, or a field is unknown or out of range.
        """
        given = {name: value for name, value in flags.items() if value is not None}
        from_environment = {
            name.removeprefix(self.prefix).lower(): value
            for name, value in environment.items()
            if name.startswith(self.prefix)
        }
        said = from_environment.pop("config", None)
        named = config or (Path(said) if said else None)
        home = given.get("home") or from_environment.get("home") or self._default_home
        file = named or Path(home) / self.file_name
        from_file = _of_file(file) if named or file.exists() else {}
        origins = {
            **dict.fromkeys(from_file, str(file)),
            **{name: f"{self.prefix}{name.upper()}" for name in from_environment},
            **{name: f"--{name.replace('_', '-')}" for name in given},
        }
        try:
            return self.shape.model_validate({**from_file, **from_environment, **given})
        except ValidationError as error:
            problems = [self._problem(e, origins) for e in error.errors()]
            raise InvalidSettings(problems) from None

    @property
    def _default_home(self) -> Path:
        return Path(self.shape.model_fields["home"].default)

    def _problem(self, error: Any, origins: Mapping[str, str]) -> Problem:
        name = str(error["loc"][0]) if error["loc"] else ""
        path = f"{origins.get(name, '')} {name}".strip()
        if error["type"] != "extra_forbidden":
            return Problem(path, error["msg"])
        known = self.shape.model_fields
        near = difflib.get_close_matches(name, known, n=1)
        meant = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        return Problem(path, f"there is no such setting; {meant}")


def _of_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or "it can not be read"
        raise InvalidSettings([Problem(str(file), reason)]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings([Problem(str(file), f"not TOML: {error}")]) from None
