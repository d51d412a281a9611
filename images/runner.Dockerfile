# The image of a sandboxed pod: seglam.sandbox with its engines, and nothing else of SEGLAM.
# Build in the repository's root: docker build -f images/runner.Dockerfile -t seglam-runner .
# The secrets pip.conf and ca.crt are optional; they tell pip which index to ask and which certificates to trust.

FROM docker.io/library/python:3.11-slim AS engine
RUN python3 -m venv /opt/build
COPY requirements/engine.lock.txt /src/requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.crt \
    /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /src/requirements/engine.lock.txt
COPY runtime/seglam/sandbox/*.py runtime/seglam/sandbox/recipe.toml /src/seglam/sandbox/
COPY runtime/seglam/sandbox/guest /src/seglam/sandbox/guest
# Two builds of one recipe differ, so whole components of this recipe are kept from one image to the next: evidence
# names engines by their digest. The image takes the machine code and the manifest that holds its digest.
RUN --mount=type=cache,id=seglam-engines,target=/var/cache/seglam-engines \
    SEGLAM_ENGINE_DIR=/var/cache/seglam-engines PYTHONPATH=/src /opt/build/bin/python -m seglam.sandbox.build && \
    mkdir -p /opt/seglam/engine && cp /var/cache/seglam-engines/*.json /var/cache/seglam-engines/*.cwasm /opt/seglam/engine/ && \
    chmod -R go-w,a+rX /opt/seglam/engine

FROM docker.io/library/python:3.11-slim AS packages
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/seglam
COPY requirements/runner.lock.txt /src/requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.crt \
    /opt/build/bin/pip --python /opt/seglam/bin/python install --no-cache-dir --require-hashes --only-binary :all: \
    -r /src/requirements/runner.lock.txt
COPY runtime/seglam/sandbox /opt/seglam/lib/python3.11/site-packages/seglam/sandbox
RUN python3 -m compileall -q /opt/seglam/lib/python3.11/site-packages/seglam

FROM docker.io/library/python:3.11-slim
COPY --from=packages /opt/seglam /opt/seglam
COPY --from=engine /opt/seglam/engine /opt/seglam/engine
ENV PATH=/opt/seglam/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    SEGLAM_ENGINE_DIR=/opt/seglam/engine
USER 65532:65532
ENTRYPOINT ["python", "-m", "seglam.sandbox.runner"]
