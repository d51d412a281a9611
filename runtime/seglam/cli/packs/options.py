"""Options that several commands of `seglam pack` take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Registry = Annotated[
    str | None,
    typer.Option("--registry", metavar="URL", show_default=False,
                 help="The registry to ask (default: SEGLAM_REGISTRY, or the origin's source)."),
]  # fmt: skip
Pack = Annotated[
    str,
    typer.Argument(metavar="PACK", help="NAME@VERSION, NAME@sha256:..., oci://HOST/NAME:VERSION, or a file.",
                   show_default=False),
]  # fmt: skip
PackFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="A pack's file, as `seglam pack build` writes it.", show_default=False)
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Where to write (default: PACK-VERSION.tar here).",
                 show_default=False),
]  # fmt: skip
KeyFile = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="Sign with this private key (PEM; P-256 or Ed25519).",
                 show_default=False),
]  # fmt: skip
SigningToken = Annotated[
    Path | None,
    typer.Option("--identity-token-file", metavar="FILE", show_default=False,
                 help="Sign as the identity of this OIDC token, such as a pod's projected service account token."),
]  # fmt: skip
Login = Annotated[
    bool, typer.Option("--login", help="Sign as whoever logs in at the trust root's OIDC issuer, in a browser.")
]
SigningRoot = Annotated[
    str | None,
    typer.Option("--trust-root", metavar="NAME|FILE", show_default=False,
                 help="The trust root whose services issue the certificate (default: the only one that has some)."),
]  # fmt: skip
Policies = Annotated[
    list[Path] | None,
    typer.Option("--policy", metavar="FILE", show_default=False,
                 help="Use this trust policy instead of the configured ones; may be repeated."),
]  # fmt: skip
Roots = Annotated[
    list[Path] | None,
    typer.Option("--root", metavar="FILE", show_default=False,
                 help="Use this trust root instead of the configured ones; may be repeated."),
]  # fmt: skip
Tenant = Annotated[
    str, typer.Option("--namespace", metavar="TENANT", help="For whom: policies are chosen by tenant and pack.")
]
ConfigDir = Annotated[
    Path | None,
    typer.Option("--config-dir", metavar="DIRECTORY", show_default=False,
                 help="Where trust/ is (default: SEGLAM_CONFIG_DIR, or seglam in the user's config directory)."),
]  # fmt: skip
Token = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", show_default=False,
                 help="The OIDC token that proves who publishes (default: the local registry's own)."),
]  # fmt: skip
Waiver = Annotated[
    str | None,
    typer.Option("--waive-expired", metavar="REASON", show_default=False,
                 help="Accept an index whose time has run out, as behind an air gap; the reason is kept."),
]  # fmt: skip
Offline = Annotated[
    bool, typer.Option("--offline", help="Ask nobody: files, what was imported here, and the index as it is here.")
]
DEFAULT_TENANT = "default"
