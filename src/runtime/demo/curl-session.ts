/** A session that a person can paste into a shell with curl: upload, complete, download, usage. */
export function curlSession({
  gatewayUrl,
  apiKey,
  bucket,
}: {
  readonly gatewayUrl: string
  readonly apiKey: string
  readonly bucket: string
}): string {
  return `# Paste this into a second shell, in an empty folder. It needs curl and Node.
SIGNET=${gatewayUrl}
KEY=${apiKey}
echo 'Hello, Signet!' > hello.txt

# 1. Ask for permission to upload 15 bytes of text. The quota is taken now.
curl -sS "$SIGNET/v1/uploads" -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
  -d '{"bucket":"${bucket}","filename":"hello.txt","sizeBytes":15,"contentType":"text/plain"}' > upload.json

# 2. Send the bytes straight to the store, as the answer says.
node -p 'const {request:r} = require("./upload.json"); [\`url="\${r.url}"\`, ...Object.entries(r.headers).map(([k, v]) => \`header="\${k}: \${v}"\`)].join("\\n")' > put.curl
curl -sS -K put.curl -T hello.txt -w 'the store says %{http_code}\\n'

# 3. Say that it is done: Signet looks at the object and settles.
ID=$(node -p 'require("./upload.json").id')
curl -sS -X POST "$SIGNET/v1/uploads/$ID/complete" -H "Authorization: Bearer $KEY"; echo

# 4. Read it back through a pre-signed GET.
OBJECT=$(node -p 'require("./upload.json").key')
URL=$(curl -sS -o /dev/null -w '%{redirect_url}' "$SIGNET/v1/objects/${bucket}/$OBJECT" -H "Authorization: Bearer $KEY")
curl -sS "$URL"

# 5. What is used, and what is left.
curl -sS "$SIGNET/v1/usage" -H "Authorization: Bearer $KEY"; echo
`
}
