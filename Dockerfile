# The program alone, static, as a user without rights: for jobs inside of a cluster and for CI.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache musl-dev
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src ./src
# Cargo wants the test targets that the manifest names to be there.
COPY tests/architecture.rs ./tests/architecture.rs
COPY tests/it/main.rs ./tests/it/main.rs
COPY tests/krew.rs ./tests/krew.rs
RUN cargo build --release --locked --bin kubectl-delivery

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /build/target/release/kubectl-delivery /usr/local/bin/kubectl-delivery
COPY LICENSE /LICENSE
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/kubectl-delivery"]
