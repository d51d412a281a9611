"""Keeping a Job's result: one ConfigMap of the Job's own name, written with the pod's own token."""

from __future__ import annotations

import json

from seglam.compiler.job.calls import CALL_SECONDS, Caller, CallFailed, words
from seglam.compiler.job.settings import JobSettings
from seglam.compiler.jobresult import JobResult
from seglam.resources.names import LABEL_COMPILATION, LABEL_COMPONENT, RESULT_KEY
from seglam.sandbox import TLS

COMPONENT = "compile"
HINTS = {
    401: "the pod's own token is not accepted",
    403: "see Role seglam-compile and policy seglam-compile-job: a Job may write only the object of its own name",
    404: "the namespace is gone",
    413: "the result is too large",
    422: "the API server refuses the object",
}


class Keeper:
    """Writes the result of one Job."""

    def __init__(self, settings: JobSettings, patience: float = CALL_SECONDS) -> None:
        self._settings = settings
        self._patience = patience

    def keep(self, result: JobResult) -> None:
        """Create the ConfigMap, or replace the one of an earlier attempt.

        Raises:
            CallFailed: the API server refuses or does not answer; the message says what to look at.
            OSError, TLSError: the pod's token, authority or namespace cannot be read.
        """
        account = self._settings.account
        namespace = (account / "namespace").read_text(encoding="ascii").strip()
        tls = TLS.bearer(account / "ca.crt", account / "token")
        caller = Caller("API server", self._settings.api_server, tls, self._patience)
        body = json.dumps(self._object(result, namespace), ensure_ascii=False).encode()
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        try:
            reply = caller.call("POST", path, body)
            if reply.status == 409:
                reply = caller.call("PUT", f"{path}/{self._settings.compilation}", body)
        finally:
            caller.close()
        if reply.status not in (200, 201):
            hint = HINTS.get(reply.status, "see the API server's message")
            raise CallFailed(f"the API server does not keep the result: {words(reply)}; {hint}")

    def _object(self, result: JobResult, namespace: str) -> dict[str, object]:
        name = self._settings.compilation
        metadata: dict[str, object] = {
            "name": name,
            "namespace": namespace,
            "labels": {LABEL_COMPONENT: COMPONENT, LABEL_COMPILATION: name},
        }
        if self._settings.job_uid is not None:
            owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": self._settings.job_uid}
            metadata["ownerReferences"] = [owner]
        data = {RESULT_KEY: result.written()}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
