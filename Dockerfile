# syntax=docker/dockerfile:1
# A static binary in an empty image, run by a user without privileges.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache gcc musl-dev
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package anymq \
 && install -D -s -m 0755 target/release/anymq /out/usr/bin/anymq \
 && install -d -m 0700 -o 65532 -g 65532 /out/var/lib/anymq

FROM scratch
COPY --from=build /out /
USER 65532:65532
# Inside a container the admin port must be reachable from outside it; publish only the ports you want.
ENV ANYMQ_SERVER__DATA_DIR=/var/lib/anymq \
    ANYMQ_ADMIN__ADDRESSES=0.0.0.0,:: \
    ANYMQ_LOGGING__FORMAT=json
VOLUME ["/var/lib/anymq"]
# AMQP, AMQP over TLS, admin API, metrics and health.
EXPOSE 5672 5671 9092 15672 15692
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/usr/bin/anymq", "health"]
# The user guest may log in from inside the container only: give RABBITMQ_DEFAULT_USER and RABBITMQ_DEFAULT_PASS.
ENTRYPOINT ["/usr/bin/anymq"]
CMD ["serve"]
