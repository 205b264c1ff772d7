# The binary on an image without a shell. Build: docker build -t sessionwheel .
#
# Runs as user 65532 with a read-only root file system; /data is the one place it writes to.
# Settings come by environment (SESSIONWHEEL__KAFKA__BROKERS=…) or a mounted file
# (SESSIONWHEEL_CONFIG=/etc/sessionwheel.yaml). See deploy/compose.yaml.
FROM denoland/deno:2.9.6 AS build
WORKDIR /build
COPY . .
# What /version and the metrics say: --build-arg SOURCE_COMMIT=$(git rev-parse --short=12 HEAD)
ARG SOURCE_COMMIT=unknown
RUN SOURCE_COMMIT=$SOURCE_COMMIT deno task compile && mkdir data

# "cc" holds glibc, libgcc and CA certificates, which is all that the binary links to or reads.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/dist/sessionwheel /sessionwheel
# A new volume takes over owner and mode of the folder that it covers.
COPY --from=build --chown=65532:65532 /build/data /data
# Of freed memory glibc keeps up to 64 MB a thread unless a bound is set: a quarter of the whole.
ENV SESSIONWHEEL__STATE__DIR=/data MALLOC_MMAP_THRESHOLD_=1048576
VOLUME /data
USER 65532:65532
# It asks for readiness, which brokers that are away end: where something restarts what is unhealthy
# (Swarm), use "health --live". A start may restore, or look for an older copy, for a minute or two.
HEALTHCHECK --interval=10s --timeout=5s --start-period=2m CMD ["/sessionwheel", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/sessionwheel"]
CMD ["run"]
