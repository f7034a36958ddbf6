# syntax=docker/dockerfile:1.7
# The service and its client on Debian: no compiler, no package beyond the base, not root.

# The image of Rust brings what the build needs beside it: cc, make and perl, for OpenSSL and SQLite.
FROM rust:1.95.0-bookworm AS build
WORKDIR /src
# More than the default, by package: FEATURES=crypt-keeper-server/dynamo,crypt-keeper-server/vault
ARG FEATURES=""
COPY . .
# Registry and target folder stay with the builder between builds, so the programs are copied out of
# the cache before the step ends.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --features "$FEATURES" --bin crypt-keeper --bin ckc \
    && install -D -m 0755 target/release/crypt-keeper target/release/ckc -t /out/bin

FROM debian:12.13-slim
ARG VERSION=unreleased
LABEL org.opencontainers.image.title="Crypt-Keeper" \
      org.opencontainers.image.description="A secure document exchange: documents are encrypted before they leave the client, keys never lie beside them." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"

# Certificate authorities, to reach S3 over TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/bin/ /usr/local/bin/
# The embedded default writes here and nowhere else; on PostgreSQL and S3 nothing is written at all.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/crypt-keeper
VOLUME /var/lib/crypt-keeper

# 0.0.0.0 is refused at start until TLS, a trusted proxy or HTTP__ALLOW_PLAIN is configured.
ENV CRYPT_KEEPER__DATA_DIR=/var/lib/crypt-keeper \
    CRYPT_KEEPER__HTTP__LISTEN=0.0.0.0:8080
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
WORKDIR /var/lib/crypt-keeper
EXPOSE 8080
STOPSIGNAL SIGTERM
# Alive, not ready: restarting the service cures no outage of a database.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["crypt-keeper", "healthcheck", "--alive"]
ENTRYPOINT ["crypt-keeper"]
CMD ["serve"]
