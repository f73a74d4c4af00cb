# Node 24 LTS. For a release pin it by digest: FROM node:24-trixie-slim@sha256:…
FROM node:24-trixie-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Production dependencies need no install script.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm cache clean --force && mkdir /data

FROM gcr.io/distroless/nodejs24-debian13:nonroot
WORKDIR /app
ENV NODE_ENV=production SIGNET_CONFIG=/etc/signet/signet.yaml
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY src ./src
# A new volume takes over this owner: 65532 is "nonroot".
COPY --from=dependencies --chown=65532:65532 /data /data
# No shell and no root. The root file system can be read-only; state and audit log go to /data, as in
# config/examples/container.yaml. The admin listener stays inside: publish 9090 only where it is meant to be.
USER nonroot
VOLUME ["/data"]
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["/nodejs/bin/node", "/app/src/runtime/health-check.ts"]
ENTRYPOINT ["/nodejs/bin/node", "--disable-sigusr1", "--report-exclude-env"]
CMD ["--max-semi-space-size=4", "--import", "/app/src/runtime/compile-cache.mjs", "/app/src/runtime/node.ts"]
