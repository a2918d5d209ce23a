# shellcheck shell=bash
# Stand-ins for official images, on a machine that reaches Debian's mirror and no image registry: Debian's packages under the
# official names, with the users, folders and entry points that the official images have and the compose files rely on. The
# versions are Debian's, older than the pinned ones. Sourced by scripts/check-deploy.sh.

debian=docker.io/library/debian:bookworm-slim

# stand_in NAME: reads a Dockerfile, and makes an image of it, unless there is one.
stand_in() {
    podman image exists "$1" || podman build --quiet --tag "$1" - >/dev/null || fail "no stand-in for $1"
}

# stand_ins FOLDER MIRROR: all of them.
stand_ins() {
    local folder=$1 mirror=$2
    podman image exists "$debian" || {
        debootstrap --variant=minbase bookworm "$folder/debian" "$mirror" >"$folder/debootstrap.log" 2>&1 ||
            fail "debootstrap failed: $folder/debootstrap.log"
        tar -C "$folder/debian" -c . | podman import --quiet - "$debian" >/dev/null
        rm -rf "$folder/debian"
    }
    stand_in compiler <<DOCKERFILE
FROM $debian
RUN apt-get update -q && apt-get install -qy --no-install-recommends ca-certificates gcc libc6-dev
ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
DOCKERFILE
    podman image exists "$(image_of RUST)" || with_toolchain compiler "$(image_of RUST)"
    # No shell and no packages but these, as in the official one.
    stand_in "$(image_of RUNTIME)" <<DOCKERFILE
FROM $debian AS packages
RUN apt-get update -q && apt-get install -qy --no-install-recommends ca-certificates && mkdir -p /root-of/etc && cd /tmp && \
    apt-get download -q base-files netbase libc6 libgcc-s1 gcc-12-base tzdata && for package in *.deb; do dpkg -x \$package /root-of; done && \
    cp -a /etc/ssl /root-of/etc/ && mkdir -p /root-of/home/nonroot && chown 65532:65532 /root-of/home/nonroot && chmod 1777 /root-of/tmp && \
    echo 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >/root-of/etc/passwd && \
    echo 'root:x:0:\nnonroot:x:65532:' >/root-of/etc/group
FROM scratch
COPY --from=packages /root-of /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532
WORKDIR /home/nonroot
DOCKERFILE
    stand_in docker.io/library/redis:7.4-bookworm <<DOCKERFILE
FROM $debian
RUN groupadd -r -g 999 redis && useradd -r -g redis -u 999 redis && \
    apt-get update -q && apt-get install -qy --no-install-recommends redis-server && install -d -o redis -g redis /data
VOLUME /data
WORKDIR /data
CMD ["redis-server"]
DOCKERFILE
    stand_in docker.io/library/haproxy:3.0-bookworm <<DOCKERFILE
FROM $debian
RUN apt-get update -q && apt-get install -qy --no-install-recommends ca-certificates haproxy && \
    groupmod -g 99 haproxy && usermod -u 99 -g 99 haproxy && chown -R haproxy:haproxy /var/lib/haproxy
STOPSIGNAL SIGUSR1
USER haproxy
WORKDIR /var/lib/haproxy
CMD ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
DOCKERFILE
    stand_in docker.io/coturn/coturn:4.6.3 <<DOCKERFILE
FROM $debian
RUN apt-get update -q && apt-get install -qy --no-install-recommends coturn libcap2-bin && \
    setcap CAP_NET_BIND_SERVICE=+ep /usr/bin/turnserver && install -d -o nobody -g nogroup /var/lib/coturn
USER nobody:nogroup
VOLUME /var/lib/coturn
ENTRYPOINT ["turnserver"]
DOCKERFILE
    stand_in docker.io/prom/prometheus:v2.53.4 <<DOCKERFILE
FROM $debian
RUN apt-get update -q && apt-get install -qy --no-install-recommends prometheus && install -d -o nobody -g nogroup /prometheus
USER nobody
VOLUME /prometheus
WORKDIR /prometheus
ENTRYPOINT ["/usr/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
DOCKERFILE
    stand_in docker.io/oliver006/redis_exporter:v1.67.0 <<DOCKERFILE
FROM $debian
RUN apt-get update -q && apt-get install -qy --no-install-recommends prometheus-redis-exporter
USER 59000:59000
ENTRYPOINT ["/usr/bin/prometheus-redis-exporter"]
DOCKERFILE
}

# image_of NAME: the image that deploy/Dockerfile takes for it.
image_of() {
    sed -n "s/^ARG $1=//p" deploy/Dockerfile
}

# with_toolchain IMAGE NAME: the image with this machine's Rust, of the same version, and the authorities that it trusts: the
# way to crates.io may lead through a proxy.
with_toolchain() {
    local container
    container=$(podman create "$1" true)
    podman cp "$(rustc --print sysroot)/." "$container:/usr/local/rust"
    podman cp /etc/ssl/certs/ca-certificates.crt "$container:/etc/ssl/certs/ca-certificates.crt"
    podman commit --quiet "$container" "$2" >/dev/null
    podman rm "$container" >/dev/null
}
