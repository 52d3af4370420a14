#!/bin/sh
# Installs the packages of /run/sluice/lock.txt into /opt/packages, each checked against its hash.
set -eu
python=$(command -v python || command -v python3) || { echo "the base image has no Python on PATH" >&2; exit 1; }
uv="/run/sluice/tools/uv-$(uname -m)"
[ -x "$uv" ] || { echo "no uv for $(uname -m) in the build context" >&2; exit 1; }

# The base's own certificates, where it has some: they may hold a company's.
bundle=/etc/ssl/certs/ca-certificates.crt
if [ -z "${SSL_CERT_FILE:-}" ] && [ -f "$bundle" ]; then export SSL_CERT_FILE="$bundle"; fi
# Indexes and their credentials: a secret of the build, in no layer.
if [ -f /run/secrets/uv.toml ]; then export UV_CONFIG_FILE=/run/secrets/uv.toml; else export UV_NO_CONFIG=1; fi
# What is compiled here never changes: readers need not compare times, which an exporter may rewrite.
export PYC_INVALIDATION_MODE=UNCHECKED_HASH UV_CACHE_DIR=/var/cache/sluice-uv UV_LINK_MODE=copy

mkdir -p /opt/packages
exec "$uv" pip install --target /opt/packages --python "$python" --no-python-downloads --no-progress \
    --no-deps --require-hashes --requirement /run/sluice/lock.txt
