/** The servers that are compared: askonce, nginx as people cache LLM APIs with it, Varnish, and the least of Bun. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { freePort, launch, type Server, temporaryFolder } from "./processes.ts";

export type Peer = "nginx" | "varnish" | "bare" | "source" | "executable";

export interface PeerOptions {
  /** Where misses go: the provider's port on this machine. */
  readonly origin: number;
  /** Bytes of the largest prompt, which nginx needs room for in a cached answer's head. */
  readonly prompt: number;
  /** What the bare server answers. */
  readonly answer?: string;
  /** Of an earlier start: what was kept there is found again. */
  readonly folder?: string;
  /** askonce's own. */
  readonly flags?: readonly string[];
  readonly cores?: string;
}

const KIB = 1024;
const root = join(import.meta.dirname, "../..");
/** What it prints once it takes connections. */
const LISTENS = /listens on http:\/\/127\.0\.0\.1:(\d+)/;

export const names: Readonly<Record<Peer, string>> = {
  nginx: "nginx",
  varnish: "Varnish",
  bare: "bare Bun",
  source: "askonce (source)",
  executable: "askonce (executable)",
};

export function startPeer(peer: Peer, options: PeerOptions): Promise<Server> {
  switch (peer) {
    case "nginx":
      return startNginx(options);
    case "varnish":
      return startVarnish(options);
    case "bare":
      return startBare(options);
    case "source":
      return startAskonce([join(root, "scripts/start")], options);
    case "executable":
      return startAskonce([join(root, "dist/askonce")], options);
  }
}

/** With its log and its journal on, as it comes. */
function startAskonce(command: readonly string[], options: PeerOptions): Promise<Server> {
  const folder = options.folder ?? temporaryFolder();
  const flags = ["--listen", "127.0.0.1:0", "--data", dataOf(folder), "--max-size", "64GiB"];
  const provider = ["--provider", `openai=http://127.0.0.1:${options.origin}`];
  return launch({
    command: [...command, ...flags, ...provider, ...(options.flags ?? [])],
    folder,
    port: LISTENS,
    ...(options.cores === undefined ? {} : { cores: options.cores }),
  });
}

/** Where a peer that was given this folder keeps its answers. */
export function dataOf(folder: string): string {
  return join(folder, "data");
}

/** The cache as it is found in the field: the whole body is the key, answers stay 4 days, one line a request. */
async function startNginx({ origin, prompt, folder = temporaryFolder() }: PeerOptions): Promise<Server> {
  const port = await freePort();
  const head = Math.ceil((prompt + 16 * KIB) / KIB);
  const lines = [
    "daemon off; master_process off; worker_processes 1;",
    `pid ${folder}/pid; error_log ${folder}/error.log;`,
    "events { worker_connections 8192; }",
    "http {",
    `  client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;`,
    `  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;`,
    "  log_format cache '$remote_addr - - [$time_local] \"$request\" $status $body_bytes_sent '",
    '    \'"$http_referer" "$http_user_agent" Cache: $upstream_cache_status\';',
    `  access_log ${folder}/access.log cache;`,
    `  proxy_cache_path ${dataOf(folder)} levels=1:2 keys_zone=llm:200m max_size=10g inactive=4d use_temp_path=off;`,
    `  upstream provider { server 127.0.0.1:${origin}; keepalive 64; }`,
    "  server {",
    `    listen 127.0.0.1:${port} backlog=4096;`,
    "    keepalive_requests 100000000; keepalive_timeout 1h;",
    "    location / {",
    `      client_max_body_size 64m; client_body_buffer_size ${Math.max(16, head)}k;`,
    '      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";',
    "      proxy_cache llm; proxy_cache_methods GET HEAD POST; proxy_cache_lock on;",
    "      proxy_cache_key $request_method$request_uri$request_body;",
    "      proxy_cache_valid 200 4d; proxy_cache_valid 404 1m;",
    "      proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;",
    `      proxy_buffer_size ${head}k; proxy_buffers 8 ${head}k; proxy_busy_buffers_size ${head * 2}k;`,
    "      add_header X-Cache-Status $upstream_cache_status;",
    "    }",
    "  }",
    "}",
  ];
  const conf = join(folder, "nginx.conf");
  writeFileSync(conf, `${lines.join("\n")}\n`);
  mkdirSync(dataOf(folder), { recursive: true });
  return launch({ command: ["nginx", "-c", conf, "-p", folder], folder, port });
}

/** Varnish with the body in the hash, as its `bodyaccess` module does it. */
async function startVarnish({ origin, prompt }: PeerOptions): Promise<Server> {
  const folder = temporaryFolder();
  const port = await freePort();
  const lines = [
    "vcl 4.1;",
    "import std; import bodyaccess;",
    `backend default { .host = "127.0.0.1"; .port = "${origin}"; }`,
    "sub vcl_recv {",
    `  std.cache_req_body(${prompt + 64 * KIB}B);`,
    "  unset req.http.authorization;",
    "  return (hash);",
    "}",
    "sub vcl_hash { bodyaccess.hash_req_body(); }",
    'sub vcl_backend_fetch { set bereq.method = "POST"; }',
    "sub vcl_backend_response { set beresp.ttl = 4d; unset beresp.http.cache-control; }",
    'sub vcl_deliver { if (obj.hits > 0) { set resp.http.X-Cache-Status = "HIT"; } else { set resp.http.X-Cache-Status = "MISS"; } }',
  ];
  const vcl = join(folder, "default.vcl");
  // It reads the file as another user.
  chmodSync(folder, 0o755);
  writeFileSync(vcl, `${lines.join("\n")}\n`);
  const command = ["varnishd", "-F", "-n", join(folder, "work"), "-f", vcl, "-a", `127.0.0.1:${port}`];
  const settings = ["-s", "malloc,2G", "-p", "thread_pools=1", "-p", "http_max_hdr=64"];
  return launch({ command: [...command, ...settings], folder, port });
}

/** Reads the body and answers a constant: what no proxy on Bun's own server can pass. */
async function startBare({ answer = "" }: PeerOptions): Promise<Server> {
  const folder = temporaryFolder();
  const port = await freePort();
  const script = join(folder, "bare.ts");
  writeFileSync(
    script,
    `const answer = ${JSON.stringify(answer)};
Bun.serve({ port: ${port}, hostname: "127.0.0.1", development: false, async fetch(request) {
  await request.arrayBuffer();
  return new Response(answer, { headers: { "content-type": "application/json", "x-cache-status": "HIT" } });
} });\n`,
  );
  return launch({ command: [process.execPath, script], folder, port });
}
