# askonce in a container: docker build -t askonce . && docker compose up -d
# BUILD has bun 1.4.5 and a shell; BASE has glibc and nothing else that is needed.
ARG BUILD=docker.io/oven/bun:1.4.5-slim
ARG BASE=gcr.io/distroless/base-nossl-debian12:nonroot

FROM ${BUILD} AS build
WORKDIR /src
COPY package.json bun.lock bunfig.toml tsconfig.json ./
COPY scripts scripts
COPY src src
RUN scripts/build && mkdir -p /empty

FROM ${BASE}
COPY --from=build /src/dist/askonce /usr/local/bin/askonce
# A volume takes over this folder's owner.
COPY --from=build --chown=65532:65532 /empty /data
USER 65532:65532
ENV ASKONCE_DATA=/data ASKONCE_LISTEN=0.0.0.0:81
VOLUME /data
EXPOSE 81
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/usr/local/bin/askonce", "health"]
ENTRYPOINT ["/usr/local/bin/askonce"]
CMD ["serve"]
