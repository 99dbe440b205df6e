# Who plays and audits from inside the cluster: this repository as it is, from source.
FROM node:24-bookworm-slim
WORKDIR /repo
COPY . .
ENV NODE_OPTIONS="--conditions=tributary-source --disable-warning=ExperimentalWarning"
USER 1000:1000
CMD ["node", "tests/cluster/player/main.ts"]
