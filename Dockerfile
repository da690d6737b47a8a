# The `trifold` command with the circuits' sources. Compiled circuits and keys live in the volume /cache, so that a
# container finds what an earlier one made:
#
#   docker build -t trifold .
#   docker run -v trifold-cache:/cache trifold setup
#   docker run -v trifold-cache:/cache trifold worker --nats nats://host:4222

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p trifold

# Node runs the Circom compiler, which is WebAssembly.
FROM node:20-bookworm-slim
WORKDIR /opt/trifold
COPY --from=build /src/target/release/trifold /usr/local/bin/trifold
COPY circuits circuits
COPY tools tools
ENV TRIFOLD_ROOT=/opt/trifold TRIFOLD_CACHE=/cache
RUN mkdir /cache && chown node:node /cache
VOLUME /cache
USER node
ENTRYPOINT ["trifold"]
