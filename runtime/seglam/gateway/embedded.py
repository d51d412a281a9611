"""Everything in one process: store, sandbox, compiler, watched directories."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from seglam.compiler import Bench, Budget, Compiler, Models, models_of
from seglam.compiler.tracing import TracedModel
from seglam.gateway.access.embedded import Access
from seglam.gateway.access.file import Rules
from seglam.gateway.access.keys import Keys
from seglam.gateway.access.limits import Limits
from seglam.gateway.answers import AnswerLog, AnswerSettings
from seglam.gateway.ledger import Ledgerbase
from seglam.gateway.misses import Compiling
from seglam.gateway.openai import UpstreamSettings
from seglam.gateway.packs.admission import Admission
from seglam.gateway.packs.trusted import roots_of
from seglam.gateway.packs.watching import Watch
from seglam.gateway.service import Service
from seglam.gateway.settings import Settings
from seglam.gateway.source import Source
from seglam.gateway.store import Store
from seglam.gateway.tenancy import Policy
from seglam.sandbox import Engine, Sandbox

Report = Callable[[str], None]


def build_service(settings: Settings, report: Report = lambda _: None) -> Service:
    """An embedded service, ready to answer.

    Args:
        settings: see `Settings`.
        report: called with a line about anything that goes wrong in the background.

    Raises:
        StoreError: the store cannot be opened.
        EngineError: there is no usable engine; the message says `make engine`.
        SettingsError, RecordingError: models or recordings cannot be used.
        SettingsInvalid, LedgerAddressInvalid: the access file or the ledger's address cannot be used.
        FileNotFoundError: a directory of procedures or recordings does not exist.
    """
    required = settings.access_required
    if settings.recordings is not None and not settings.recordings.is_dir():
        raise FileNotFoundError(
            f"{settings.recordings} is no directory; recordings lie in its folders author, verifier"
        )
    models = models_of(settings.recordings, settings.environ)
    resources = ExitStack()
    with ExitStack() as opened:
        sandbox = _sandbox(settings, "a", opened)
        compiler, compiling, bench = _compiler(settings, models, sandbox, opened)
        keeping = Ledgerbase(settings.ledger_url) if settings.ledger_url else None
        if keeping is not None:
            opened.callback(keeping.close)
        store = Store(settings.store_path, report=report, keeping=keeping)
        opened.callback(store.close)
        rules = Rules(settings.access_file, usual=Limits(daily_tokens=settings.daily_tokens))
        admission = Admission(store, settings.data_dir, settings.environ, online=True)
        service = Service(
            store,
            sandbox,
            compiler,
            policy=Policy(
                auto_approve=settings.auto_approve,
                strict=settings.strict,
                workers=settings.workers,
                queue=settings.queue,
                hotness=settings.hotness,
                pause_s=settings.pause_s,
                budget=lambda tenant: rules.limits_of(tenant).budget,
                prices=settings.book.of,
                health=settings.health,
            ),
            source=Source(settings.procedures, report),
            report=report,
            release=resources.close,
            refused=admission.refused,
            access=Access(rules, Keys(store.keeping, report), required=required),
            bench=bench,
            roots=partial(roots_of, settings.data_dir, settings.environ),
            answers=AnswerLog(AnswerSettings.of(settings.data_dir, settings.environ), report),
        )
        watch = Watch(service.recheck, admission, report)
        service.before_close(watch.close)
        watch.start()
        service.upstream = UpstreamSettings.from_environ(settings.environ, passes=not settings.strict)
        service.described = _described(settings, compiling, service)
        resources.push(opened.pop_all())
    return service


def _sandbox(settings: Settings, build: str, opened: ExitStack) -> Sandbox:
    engine = Engine.load(settings.engine_dir, build)
    return opened.enter_context(Sandbox(engine, budget_mib=settings.sandbox_mib))


def _compiler(
    settings: Settings, models: Models, sandbox: Sandbox, opened: ExitStack
) -> tuple[Compiling | None, str, Bench]:
    alone = Bench(sandbox, sandbox)  # for checks alone a second build is not worth its memory
    if settings.strict:
        return None, "strict: no model is ever called", alone
    if not models.live and settings.recordings is None:
        words = "no model and no recordings: set SEGLAM_MODEL and OPENAI_API_KEY or OPENAI_BASE_URL"
        return None, words, alone
    # Two builds of the engine, which differ in hash seeds: what depends on them shows.
    bench = Bench(sandbox, _sandbox(settings, "b", opened))
    budget = Budget(tokens=settings.compile_tokens, seconds=settings.compile_seconds)
    author = settings.environ.get("SEGLAM_MODEL", "") if models.live else "recorded"
    verifier = settings.environ.get("SEGLAM_VERIFIER_MODEL") or author
    compiler = Compiler(
        TracedModel(models.author, "author", author),
        TracedModel(models.verifier, "verifier", verifier if models.live else "recorded"),
        bench,
        budget=budget,
        choices=settings.choices,
        aliases=settings.aliases,
    )
    return compiler, models.described, bench


def _described(settings: Settings, compiling: str, service: Service) -> tuple[str, ...]:
    lines = [f"store: {settings.store_path}", f"compiler: {compiling}"]
    if service.access.required:
        lines.append("access: with an API key or a token only; `seglam keys create` makes the first key")
    lines += [f"procedures: {directory}" for directory in settings.procedures]
    lines.append(f"active: {len(service.index)} procedures")
    if settings.auto_approve is not None:
        lines.append(f"every proposal is approved at once as {settings.auto_approve!r}")
    lines += [
        f"compilation {row.id} was interrupted; POST /v1/compilations/{row.id}/continue goes on with it"
        for row in service.interrupted
    ]
    return tuple(lines)
