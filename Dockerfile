# syntax=docker/dockerfile:1
# Two images. `program` (the last one): the program alone, static, as a user without rights, for jobs inside of a cluster.
# `shell`: with a shell, kubectl and what the scripts of CI need, for Tekton's `script:`, GitLab and kustomize.

# From source; a release replaces this stage by the programs of its archives (release/image.sh).
FROM rust:1.95-alpine AS build
ARG TARGETARCH
RUN apk add --no-cache musl-dev
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src ./src
RUN cargo build --release --locked --bin kubectl-delivery \
 && install -D target/release/kubectl-delivery "/linux_$TARGETARCH/kubectl-delivery"

FROM registry.k8s.io/kubectl:v1.37.2 AS kubectl

FROM alpine:3.22 AS shell
ARG TARGETARCH
RUN apk add --no-cache bash ca-certificates curl git jq
COPY --from=kubectl /bin/kubectl /usr/local/bin/kubectl
COPY --from=build /linux_$TARGETARCH/kubectl-delivery /usr/local/bin/kubectl-delivery
COPY actions/scripts /usr/local/lib/kubectl-delivery
COPY LICENSE /LICENSE
# kubectl and git write below the home; nothing else is writable.
ENV HOME=/tmp
USER 65532:65532
WORKDIR /work
CMD ["/bin/bash"]

FROM gcr.io/distroless/static-debian12:nonroot AS program
ARG TARGETARCH
COPY --from=build /linux_$TARGETARCH/kubectl-delivery /usr/local/bin/kubectl-delivery
COPY LICENSE /LICENSE
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/kubectl-delivery"]
