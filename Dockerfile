# oneping's images:
#   oneping  the binary, CA certificates and licences, nothing else: edge and connector (the default target)
#   laptop   a client, and the tools that people ask the network with
#   server   an application server: HTTP and DNS
#   setup    what an operator types on a new edge, for docker-compose.yml
#
#   docker build --build-arg VERSION="$(git describe --tags --always)" -t oneping .
#
# Each builder builds it: nothing here needs BuildKit. Where no image registry is
# reachable, scripts/images.sh makes both base images.

# In front of the build: builders without BuildKit make every stage up to the one that is asked for.
FROM debian:bookworm-slim AS server
RUN apt-get update && apt-get install -y --no-install-recommends busybox dnsmasq-base \
	&& rm -rf /var/lib/apt/lists/*
COPY --chown=65532:65532 deploy/compose/index.html /srv/
COPY --chown=65532:65532 deploy/compose/server.sh /usr/local/bin/server
USER 65532:65532
ENTRYPOINT ["bash", "/usr/local/bin/server"]

FROM golang:1.26-bookworm AS build
WORKDIR /src
# The same source, version and Go make the same binary, bit for bit.
ENV CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
COPY go.mod go.sum ./
# The largest dependencies are compiled in a layer that only go.mod changes. One that is not named here costs time, nothing else.
RUN go mod download && go build github.com/nats-io/nats-server/v2/server github.com/nats-io/nats.go/jetstream \
		github.com/prometheus/client_golang/prometheus/promhttp github.com/quic-go/quic-go github.com/spf13/cobra \
		gvisor.dev/gvisor/pkg/tcpip/stack gvisor.dev/gvisor/pkg/tcpip/transport/tcp
COPY . .
ARG VERSION=dev
RUN go build -ldflags "-X main.version=$VERSION" -o /out/usr/local/bin/oneping . \
	&& install -D -m 644 LICENSE /out/usr/share/doc/oneping/LICENSE \
	&& scripts/licenses >/out/usr/share/doc/oneping/third-party-licenses
# Directories that volumes are mounted on: a new volume takes their owner.
RUN mkdir -p /out/state/edge /out/state/connector /out/state/client /out/run/edge /out/run/token

FROM debian:bookworm-slim AS laptop
RUN apt-get update && apt-get install -y --no-install-recommends \
		bind9-dnsutils curl iperf3 iproute2 iputils-ping iputils-tracepath mtr-tiny netcat-openbsd tcpdump traceroute \
	&& rm -rf /var/lib/apt/lists/*
ENV ONEPING_STATE_DIR=/var/lib/oneping
COPY --from=build /out/usr/local/bin/oneping /usr/local/bin/
COPY --from=build /out/usr/share/doc/oneping /usr/share/doc/oneping
LABEL org.opencontainers.image.licenses=Apache-2.0
ENTRYPOINT ["oneping"]
CMD ["client", "up"]

FROM debian:bookworm-slim AS setup
COPY --from=build /out/usr/local/bin/oneping /usr/local/bin/
COPY --from=build /out/usr/share/doc/oneping /usr/share/doc/oneping
LABEL org.opencontainers.image.licenses=Apache-2.0
COPY --from=build --chown=65532:65532 /out/run/token /run/oneping/connector-token
COPY --from=build --chown=65532:65532 /out/run/token /run/oneping/laptop-token
COPY --from=build --chown=65532:65532 /out/run/edge /run/oneping/edge
COPY --chown=65532:65532 deploy/compose/policy.yaml /etc/oneping/
COPY --chown=65532:65532 deploy/compose/setup.sh /usr/local/bin/setup
USER 65532:65532
ENTRYPOINT ["sh", "/usr/local/bin/setup"]

FROM scratch AS oneping
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/usr/local/bin/oneping /usr/local/bin/
COPY --from=build /out/usr/share/doc/oneping /usr/share/doc/oneping
LABEL org.opencontainers.image.licenses=Apache-2.0
COPY --from=build --chown=65532:65532 /out/state /var/lib/oneping
COPY --from=build --chown=65532:65532 /out/run /run/oneping
ENV ONEPING_STATE_DIR=/var/lib/oneping
USER 65532:65532
EXPOSE 7844/udp
ENTRYPOINT ["oneping"]
CMD ["version"]
