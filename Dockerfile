# syntax=docker/dockerfile:1
# Any Replicate model behind a slash command. docs/operating.md says how to run it.
FROM python:3.13-slim AS build
WORKDIR /build
RUN python -m venv /opt/replicord
ENV PATH=/opt/replicord/bin:$PATH
COPY requirements.txt build-requirements.txt ./
RUN pip install --no-cache-dir --only-binary :all: --require-hashes -r requirements.txt \
    && /usr/local/bin/pip install --no-cache-dir --only-binary :all: --require-hashes -r build-requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY cogs cogs
COPY sandbox sandbox
RUN /usr/local/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
    && pip install --no-cache-dir --no-deps --no-index dist/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin replicord \
    && install -d -o replicord -g replicord /data
COPY --from=build /opt/replicord /opt/replicord
ENV PATH=/opt/replicord/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATABASE_URL=sqlite+aiosqlite:////data/replicord.db \
    HTTP_HOST=0.0.0.0 \
    HTTP_PORT=8080
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"HTTP_PORT\"]}/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["replicord"]
CMD ["run"]
