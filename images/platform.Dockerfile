# The platform's image: operator, gateway, registry, compile Job and command line. Which of them runs is the pod's command.
# Build in the repository's root: docker build -f images/platform.Dockerfile -t seglam-platform .
# The secrets pip.conf and ca.crt are optional; they tell pip which index to ask and which certificates to trust.

FROM docker.io/library/python:3.11-slim AS packages
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/seglam
COPY requirements/build.lock.txt requirements/platform.lock.txt /src/requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.crt \
    /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /src/requirements/build.lock.txt && \
    /opt/build/bin/pip --python /opt/seglam/bin/python install --no-cache-dir --require-hashes --only-binary :all: \
    -r /src/requirements/platform.lock.txt

FROM packages AS build
COPY pyproject.toml README.md LICENSE /src/
COPY runtime /src/runtime
COPY operator /src/operator
COPY registry /src/registry
# Without an index: everything that the project needs is there, or the build ends here.
RUN /opt/build/bin/pip wheel --no-cache-dir --no-index --no-deps --no-build-isolation --wheel-dir /src/wheel /src && \
    /opt/build/bin/pip --python /opt/seglam/bin/python install --no-cache-dir --no-index --no-deps --root /src/made \
    /src/wheel/*.whl

FROM docker.io/library/python:3.11-slim
# Two layers: what the project needs stays as it is from one of its versions to the next.
COPY --from=packages /opt/seglam /opt/seglam
COPY --from=build /src/made/opt/seglam /opt/seglam
ENV PATH=/opt/seglam/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
CMD ["seglam", "--help"]
