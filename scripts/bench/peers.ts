/** What askonce is compared with: nginx as people cache LLM APIs with it, Varnish, and the least that Bun can do. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import type { Server } from "./bursts.ts";
import { temporaryFolder } from "./bursts.ts";

const KIB = 1024;

export interface PeerOptions {
  /** Where misses go: the provider's port on this machine. */
  readonly origin: number;
  /** Bytes of the largest prompt, which nginx needs room for in a cached answer's head. */
  readonly prompt: number;
}

/** The cache as it is found in the field: the whole body is the key, answers stay 4 days, one line a request. */
export async function startNginx({ origin, prompt }: PeerOptions): Promise<Server> {
  const folder = temporaryFolder();
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
    `  proxy_cache_path ${folder}/cache levels=1:2 keys_zone=llm:200m max_size=10g inactive=4d use_temp_path=off;`,
    `  upstream provider { server 127.0.0.1:${origin}; keepalive 64; }`,
    "  server {",
    `    listen 127.0.0.1:${port} backlog=4096;`,
    "    keepalive_requests 1000000;",
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
  return started(["nginx", "-c", conf, "-p", folder], port);
}

/** Varnish with the body in the hash, as its `bodyaccess` module does it. */
export async function startVarnish({ origin, prompt }: PeerOptions): Promise<Server> {
  const folder = temporaryFolder();
  const port = await freePort();
  const lines = [
    "vcl 4.1;",
    "import std; import bodyaccess;",
    `backend default { .host = "127.0.0.1"; .port = "${origin}"; }`,
    "sub vcl_recv {",
    `  std.cache_req_body(${prompt + 64 * KIB}B);`,
    "  set req.http.x-method = req.method;",
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
  const command = ["varnishd", "-F", "-n", folder, "-f", vcl, "-a", `127.0.0.1:${port}`, "-s", "malloc,1G"];
  return started([...command, "-p", "thread_pools=1"], port);
}

/** Reads the body and answers a constant: what no proxy on Bun can pass. */
export async function startBare(bun: string, answer: string): Promise<Server> {
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
  return started([bun, script], port);
}

/** A program on core 0, once something listens on its port. */
export async function started(command: readonly string[], port: number): Promise<Server> {
  const [program = "", ...args] = command;
  const child = spawn("taskset", ["-c", "0", program, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  let printed = "";
  child.stderr.on("data", (bytes) => {
    printed += String(bytes);
  });
  const until = performance.now() + 15_000;
  while (!(await listens(port))) {
    if (child.exitCode !== null || performance.now() > until) throw new Error(`${program}: ${printed}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { port, pid: child.pid ?? 0, stop: () => stopped(child) };
}

function stopped(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) resolve();
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
