# One image per role. All run as the same unprivileged user, and keep what they make in /cache:
#
#   docker build --target setup -t trifold-setup .              # compiles circuits, makes or imports keys; has Node
#   docker build --target coordinator -t trifold-coordinator .  # no shell, no Node: takes both from /cache
#   docker build --target worker -t trifold-worker .
#   docker build --target worker-cuda -t trifold-worker-cuda .  # with NVRTC; needs the NVIDIA container runtime
#
#   docker run --rm -v trifold-cache:/cache trifold-setup setup
#   docker run -v trifold-cache:/cache -p 9464:9464 trifold-worker --nats nats://host:4222 --genesis /cache/genesis.json
#
# deploy/compose has a whole farm, docs/operations.md says the rest.

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install --no-install-recommends --yes g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p trifold && strip target/release/trifold
# What the last stages copy: a checkout without the tests, and folders that belong to the user of all images.
RUN mkdir -p /image/opt/trifold /image/cache /image/network /image/etc/trifold/nats /image/var/lib/trifold-nats \
    && cp -r circuits tools /image/opt/trifold/ \
    && chown -R 65532:65532 /image/cache /image/network /image/etc/trifold /image/var/lib/trifold-nats

# Node runs the Circom compiler, which is WebAssembly.
FROM node:20-bookworm-slim AS setup
COPY --from=build /src/target/release/trifold /usr/local/bin/trifold
COPY --from=build /image/ /
ENV TRIFOLD_ROOT=/opt/trifold TRIFOLD_CACHE=/cache HOME=/cache
USER 65532:65532
VOLUME /cache
ENTRYPOINT ["trifold"]
CMD ["setup"]

FROM gcr.io/distroless/cc-debian12:nonroot AS service
COPY --from=build /src/target/release/trifold /usr/local/bin/trifold
COPY --from=build /image/ /
ENV TRIFOLD_ROOT=/opt/trifold TRIFOLD_CACHE=/cache TRIFOLD_LISTEN=0.0.0.0:9464
USER 65532:65532
VOLUME /cache
EXPOSE 9464
# Ready is later than alive: keys are loaded and a self-test proof is made first.
HEALTHCHECK --interval=10s --timeout=6s --start-period=10m --retries=3 CMD ["trifold", "health"]
STOPSIGNAL SIGTERM

FROM service AS coordinator
ENTRYPOINT ["trifold", "coordinator"]

FROM service AS worker
ENTRYPOINT ["trifold", "worker"]

# The runtime image has libnvrtc; libcuda comes with the host's driver.
FROM nvidia/cuda:13.0.1-runtime-ubuntu24.04 AS worker-cuda
COPY --from=build /src/target/release/trifold /usr/local/bin/trifold
COPY --from=build /image/ /
ENV TRIFOLD_ROOT=/opt/trifold TRIFOLD_CACHE=/cache TRIFOLD_LISTEN=0.0.0.0:9464 TRIFOLD_BACKEND=cuda
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 65532:65532
VOLUME /cache
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=6s --start-period=10m --retries=3 CMD ["trifold", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["trifold", "worker"]
