# The gateway as a container image: Node.js, the packages that it runs on, and its source.
#   docker build --tag aigateway .
FROM node:26-slim

WORKDIR /app
# The optional packages bring a Node.js along, and this image has one.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional && npm cache clean --force
COPY bin bin
COPY src src
# Without its types once, here, where it can be kept: a start cannot write to this folder.
RUN node bin/stripped.js

# The ledger's spool, and without ENCRYPTION_KEY the master key: keep it in a volume.
RUN install --directory --owner=node --group=node --mode=0700 /data
VOLUME /data
USER node
ENV AIGATEWAY_HOST=0.0.0.0 AIGATEWAY_DATA_DIR=/data
EXPOSE 8080
HEALTHCHECK --start-period=30s --interval=10s --timeout=3s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Without npm or a shell in between, so that SIGTERM arrives.
CMD ["node", "bin/aigateway.js", "serve"]
