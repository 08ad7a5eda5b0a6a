# The images of docker-compose.yml: app (worker and webhook), s3 (the gateway), livy (Livy with Spark).

FROM node:24.11.1-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY samples samples
COPY src src
RUN npm run build && npm prune --omit=dev

FROM node:24.11.1-bookworm-slim AS app
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
COPY jobs jobs
USER node

# versitygw 1.8.0 needs Go 1.25, and this image fetches no newer toolchain by itself.
FROM golang:1.25.4-bookworm AS gateway-build
RUN go install github.com/versity/versitygw/cmd/versitygw@v1.8.0

FROM debian:bookworm-20251117-slim AS s3
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl && rm -rf /var/lib/apt/lists/*
COPY --from=gateway-build /go/bin/versitygw /usr/local/bin/versitygw

FROM app AS livy
USER root
RUN apt-get update \
  && apt-get install -y --no-install-recommends openjdk-17-jdk-headless maven python3 python3-venv procps curl \
  && rm -rf /var/lib/apt/lists/*
ENV SLUICE_CACHE=/opt/sluice
RUN node dist/src/local/serveLivy.js --install
