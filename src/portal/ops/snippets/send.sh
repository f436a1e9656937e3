#!/bin/sh
# Sends a signed work_item.closed to your receiver, like the portal does. Needs curl and openssl:
#   API_KEY=... SIGNING_SECRET=whsec_... sh send.sh http://127.0.0.1:4000/service-hooks
set -eu

url=${1:-http://127.0.0.1:4000/service-hooks}
id=test-$(openssl rand -hex 12)
timestamp=$(date +%s)
body=$(cat <<'JSON'
SAMPLE_BODY
JSON
)

# HMAC-SHA256 of id.timestamp.body. The key is the base64-decoded secret.
secret=$(printf %s "${SIGNING_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
signature=$(printf %s "$id.$timestamp.$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$secret" -binary | openssl base64 -A)

curl --silent --show-error --include "$url" \
  --header "content-type: application/json" \
  --header "x-api-key: $API_KEY" \
  --header "x-service-hook-event: work_item.closed" \
  --header "webhook-id: $id" \
  --header "webhook-timestamp: $timestamp" \
  --header "webhook-signature: v1,$signature" \
  --data-binary "$body"
