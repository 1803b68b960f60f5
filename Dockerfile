# syntax=docker/dockerfile:1

FROM rust:1.95-bookworm AS build
# SQLite, libpq, OpenSSL and AWS-LC are built from their sources: a C compiler, cmake, perl and make.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cmake make perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --package accounts-server \
    && install -D --strip target/release/accounts /out/accounts \
    && install -d /out/data

FROM debian:bookworm-slim
# The certificates are there to check those of PostgreSQL and of the mail server.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/accounts /usr/local/bin/accounts
COPY --from=build --chown=65532:65532 /out/data /var/lib/accounts
USER 65532:65532
ENV ACCOUNTS_DATA=/var/lib/accounts \
    ACCOUNTS_LISTEN=0.0.0.0:8080 \
    ACCOUNTS_METRICS_LISTEN=0.0.0.0:9090
VOLUME /var/lib/accounts
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["accounts", "healthcheck"]
ENTRYPOINT ["accounts"]
CMD ["serve"]
