# syntax=docker/dockerfile:1
# The whole of `loop` in one image, without weights; docs/deployment.md says how to run it.
#   docker build -t label-studio-yolo-loop:cuda .                       for machines with NVIDIA GPUs; runs without one too
#   docker build -t label-studio-yolo-loop:cpu --build-arg VARIANT=cpu .    without CUDA, so smaller
ARG VARIANT=cuda

FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PATH=/opt/loop/bin:$PATH

# Each package of the lock is checked by its hash; those that only the tests need are left out of the image.
FROM base AS packages-cuda
WORKDIR /build
COPY requirements.lock deploy/only-dev.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/loop \
    && pip install --no-deps --require-hashes -r requirements.lock \
    && pip uninstall --yes --quiet -r only-dev.txt

# The same without CUDA. PyTorch's own index has that build under the same version; the lock has no hash of it.
FROM base AS packages-cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /build
COPY requirements.lock deploy/only-dev.txt ./
RUN awk '/^[^ ]/ {gpu = /^torch(vision)?==/ || /^(cuda|nvidia|triton).* sys_platform == .linux/} !gpu' \
        requirements.lock > cpu.lock \
    && sed -n 's/^\(torch\|torchvision\)==\([^ ;]*\).*/\1==\2/p' requirements.lock > torch.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/loop \
    && pip install --no-deps --require-hashes -r cpu.lock \
    && pip install --no-deps --index-url "$TORCH_INDEX" -r torch.txt \
    && pip uninstall --yes --quiet -r only-dev.txt

# hadolint ignore=DL3006
FROM packages-${VARIANT} AS packages

FROM base
RUN useradd --create-home --uid 1000 loop && install -d -m 700 -o loop -g loop /data
COPY --from=packages /opt/loop /opt/loop

WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY backend backend
COPY loop loop
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

USER 1000:1000
ENV LOOP_HOME=/data LOOP_HOST=0.0.0.0 LOOP_PORT=9090 \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
VOLUME /data
EXPOSE 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9090/health', timeout=2)"]
CMD ["loop", "up"]
