# SPDX-License-Identifier: Apache-2.0
"""The two files in /etc/frr: the operator's template, and frr.conf, which is ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netop.common.messages import Message
from netop.common.problem import Problem
from netop.common.store import replace_file
from netop.frr_templater.state import digest
from netop.frr_templater.template import Template, TemplateError, make_template, parse_template

# As Debian's frr makes it: the daemons read it, others need not see passwords.
MODE = 0o640


@dataclass(frozen=True)
class Loaded:
    """A template, with the digest of its text. `made` says that it was made just now."""

    template: Template
    mark: str
    made: bool = False


@dataclass(frozen=True)
class Files:
    """Where they are."""

    directory: Path = Path("/etc/frr")

    @property
    def configuration(self) -> Path:
        """What FRR reads."""
        return self.directory / "frr.conf"

    @property
    def template(self) -> Path:
        """What the operator writes."""
        return self.directory / "frr.conf.tpl"

    def read(self) -> str | None:
        """Return frr.conf, None where there is none; raises OSError."""
        try:
            return self.configuration.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None

    def write(self, text: str) -> None:
        """Replace frr.conf; raises OSError."""
        replace_file(self.configuration, text, MODE)

    def load(self) -> Loaded:
        """Return the template, made from frr.conf where there is none yet.

        Raises TemplateError, and OSError where a file cannot be read or written.
        """
        try:
            text = self.template.read_text(encoding="utf-8")
        except FileNotFoundError:
            return self._make()
        except UnicodeDecodeError as error:
            raise TemplateError((_no_text(self.template, error),)) from error
        return Loaded(parse_template(text, str(self.template)), digest(text))

    def _make(self) -> Loaded:
        try:
            source = self.configuration.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            problem = Problem(
                str(self.template),
                f"does not exist, and there is no {self.configuration} to make it from",
                remedy="provision frr.conf with the hints; README.md lists where each belongs",
                message=Message.TEMPLATE_WRONG,
            )
            raise TemplateError((problem,)) from error
        except UnicodeDecodeError as error:
            raise TemplateError((_no_text(self.configuration, error),)) from error
        text = make_template(source, str(self.configuration))
        replace_file(self.template, text, MODE)
        return Loaded(parse_template(text, str(self.template)), digest(text), made=True)


def _no_text(path: Path, error: UnicodeDecodeError) -> Problem:
    reason = f"is not text in UTF-8: {error}"
    return Problem(str(path), reason, message=Message.TEMPLATE_WRONG)
