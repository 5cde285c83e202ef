# SPDX-License-Identifier: Apache-2.0
#
# Two stages: the first has compilers and leaves, the second gets the installed programs and the libraries they load.
# docs/containers.md says how to run it; tools/image-test builds it without a Docker daemon and tries it.

ARG BASE=debian:12

FROM ${BASE} AS build
WORKDIR /src
COPY . .
RUN ./bootstrap build && make -C build -s install-strip DESTDIR=/out

FROM ${BASE}
RUN apt-get update -q \
	&& apt-get install -q -y --no-install-recommends \
		libdeflate0 libevent-2.1-7 libevent-core-2.1-7 libevent-pthreads-2.1-7 libjansson4 libnng1 \
		libprotobuf-c1 libseccomp2 libsqlite3-0 libssl3 libsystemd0 libxxhash0 zlib1g \
	&& rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
	&& useradd --system --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin lsm \
	&& install -d -o lsm -g lsm -m 0700 /data
COPY --from=build /out/ /

USER lsm
# A container is reached from outside or not at all; who may reach it is decided by what publishes the port, or by
# AUTH_TOKENS_FILE.
ENV HOST=0.0.0.0 LISTEN_PUBLIC=yes PORT=5000 DATA_DIR=/data
VOLUME /data
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["lsmctl", "status"]
ENTRYPOINT ["lsm-supervisor"]
