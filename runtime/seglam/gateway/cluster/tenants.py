"""Whose request it is: a service account's namespace, unless the platform's team maps the identity to another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seglam.gateway.cluster.settings import SettingsInvalid
from seglam.procedures.document import ResourceName

REREAD_S = 10.0
_PREFIX = "system:serviceaccount:"

_log = logging.getLogger("seglam.gateway.tenants")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Identity(_Part):
    """Identities that belong to a tenant; `subject` may hold `*` and `?`."""

    subject: Annotated[str, Field(min_length=1, max_length=512)]
    tenant: ResourceName


class _File(_Part):
    identities: list[Identity] = []


class Tenants:
    """Maps subjects of tokens to tenants; the first entry that matches wins.

    Args:
        file: the mounted file, which need not exist.

    Raises:
        SettingsInvalid: the file cannot be used. Later, a faulty file is reported and the last good one stays.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._text = ""
        self._identities: Sequence[Identity] = ()
        self._read()

    def tenant_of(self, subject: str) -> str | None:
        """The tenant of a subject; None if it has none."""
        for each in self._identities:
            if fnmatchcase(subject, each.subject):
                return each.tenant
        if subject.startswith(_PREFIX):
            return subject.removeprefix(_PREFIX).partition(":")[0] or None
        return None

    async def run(self) -> None:
        """Read the file again as it changes, until cancelled."""
        while True:
            await asyncio.sleep(REREAD_S)
            try:
                await asyncio.to_thread(self._read)
            except SettingsInvalid as error:
                _log.error("%s; the last good one stays in force", error)

    def _read(self) -> None:
        try:
            text = self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            text = ""
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsInvalid(f"{self._file} cannot be read: {error}") from error
        if text == self._text:
            return
        self._identities = _parsed(text, self._file)
        self._text = text
        _log.info("%s maps %d identities", self._file, len(self._identities))


def _parsed(text: str, file: Path) -> Sequence[Identity]:
    try:
        content = yaml.safe_load(text)
        return _File.model_validate(content if isinstance(content, Mapping) or content else {}).identities
    except yaml.YAMLError as error:
        raise SettingsInvalid(f"{file} is no YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingsInvalid(f"{file}: {place}: {first['msg']}") from error
