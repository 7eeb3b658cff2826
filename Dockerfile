# Everything of `loop up` in one image, closed to all without a login or a token (docs/security.md); on a machine with a GPU, run it with `--gpus all`.
FROM python:3.11-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home loop \
    && install -d -m 700 -o loop -g loop /data

WORKDIR /app
COPY requirements.lock ./
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY backend backend
COPY loop loop
RUN pip install --no-cache-dir --no-deps .

USER loop
ENV LOOP_HOME=/data LOOP_HOST=0.0.0.0 LOOP_PORT=9090
VOLUME /data
EXPOSE 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:9090/health', timeout=2)"
CMD ["loop", "up"]
