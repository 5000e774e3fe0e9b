# The service over HTTP: small, not root, and well as long as it answers.
FROM python:3.13-slim AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY loyalty_mcp ./loyalty_mcp
RUN python -m venv /app && /app/bin/pip install --no-cache-dir ".[postgres,fast]" \
    && /app/bin/python -m compileall -q /app/lib

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin loyalty \
    && install -d -o loyalty -g loyalty /data
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 XDG_STATE_HOME=/data
USER loyalty
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["python", "-c", \
  "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=2); c.request('GET', '/health'); raise SystemExit(c.getresponse().status != 200)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["loyalty-mcp"]
CMD ["serve", "--http", "--host", "0.0.0.0", "--port", "8000"]
