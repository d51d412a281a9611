"""`seglam pack` and its commands."""

from __future__ import annotations

import typer

from seglam.cli.packs import (
    auditing,
    comparing,
    exporting,
    importing,
    looking,
    making,
    namespaces,
    publishing,
    pulling,
    signing,
    trusting,
    verifying,
    yanking,
)

EPILOG = """\
\b
The way of a pack:
  seglam pack init registry.acme.example/finance/dates   a directory to fill with procedures
  seglam pack build dates                                test them; one file, and where they come from
  seglam pack sign dates-0.1.0.tar --key acme.pem        state and sign where they come from
  seglam pack publish dates-0.1.0.tar                    the registry tests, signs and lists it
  seglam pack verify NAME@VERSION                        what speaks for it here, step by step
  seglam pack import NAME@VERSION                        gate, tests, then procedures of your own store
  seglam pack audit NAME@VERSION                         the whole chain, also without any network

\b
A pack is named NAME@VERSION, NAME@sha256:DIGEST, oci://HOST/NAME:VERSION, or by its file.
NAME is origin/namespace/pack, such as registry.acme.example/finance/dates.

\b
Environment:
  SEGLAM_REGISTRY      the registry that is asked (default: the trust root's source of the pack's origin,
                       else the one that `seglam serve` serves on this machine)
  SEGLAM_CONFIG_DIR    trust/policies/*.yaml and trust/roots/*.yaml (default: seglam in the user's config directory)
"""

app = typer.Typer(
    help="Make, sign, publish, check and import packs: signed sets of procedures.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("init")(making.init)
app.command("build")(making.build)
app.command("sign")(signing.sign)
app.command("publish")(publishing.publish)
app.command("search")(looking.search)
app.command("show")(looking.show)
app.command("verify")(verifying.verify)
app.command("pull")(pulling.pull)
app.command("import")(importing.import_)
app.command("export")(exporting.export)
app.command("diff")(comparing.diff)
app.command("yank")(yanking.yank)
app.command("audit")(auditing.audit)
app.add_typer(namespaces.app, name="namespace")
app.add_typer(trusting.app, name="trust")
