/** The unit files that `askonce service install` writes for systemd. */

/** Whose first line it is: nothing else is overwritten or taken away. */
export const MARK =
  "# Written by askonce service install, which writes it anew: change it with systemctl edit.";

export interface UnitOptions {
  /** The service's command line. */
  readonly command: readonly string[];
  /** Files that only root can read, by the variable that tells askonce of them. */
  readonly secrets: readonly Secret[];
  /** Whether it listens on a port below 1024. */
  readonly lowPort: boolean;
  /** How long answers in flight may take at the end, in ms. */
  readonly graceMs: number;
}

export interface Secret {
  readonly variable: string;
  /** Its name among the service's credentials. */
  readonly id: string;
  readonly path: string;
}

/** systemd's own patience, once the grace is over: the store is closed by then. */
const CLOSE_S = 15;
const LONGEST_GRACE_MS = 3_600_000;

/** A unit of the whole system: an account of its own that exists while it runs, and sees nothing but its data. */
export function systemUnit(options: UnitOptions): string {
  return unit({
    ...options,
    wantedBy: "multi-user.target",
    service: [
      "DynamicUser=yes",
      "StateDirectory=askonce",
      "StateDirectoryMode=0700",
      "ConfigurationDirectory=askonce",
      ...options.secrets.flatMap(({ id, path, variable }) => [
        `LoadCredential=${id}:${path.replaceAll("%", "%%")}`,
        `Environment=${variable}=%d/${id}`,
      ]),
      "",
      "# What it may do. Not MemoryDenyWriteExecute: JavaScript is compiled to memory and run from there.",
      ...(options.lowPort
        ? ["AmbientCapabilities=CAP_NET_BIND_SERVICE", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"]
        : ["CapabilityBoundingSet=", "PrivateUsers=yes"]),
      ...HARDENED,
      ...SANDBOX,
    ],
  });
}

/** A unit of one user: the data are those of the user's own commands. */
export function userUnit(options: UnitOptions): string {
  return unit({ ...options, wantedBy: "default.target", service: ["", ...HARDENED] });
}

/** Limits that need no rights to be set. */
const HARDENED = [
  "NoNewPrivileges=yes",
  "UMask=0077",
  "LockPersonality=yes",
  "RestrictNamespaces=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
  "SystemCallArchitectures=native",
  "SystemCallFilter=@system-service",
  "SystemCallFilter=~@privileged @resources",
  "SystemCallErrorNumber=EPERM",
];

/** Limits that the system's manager sets: other mounts, other processes, other devices are not there. */
const SANDBOX = [
  "ProtectSystem=strict",
  "ProtectHome=yes",
  "PrivateMounts=yes",
  "PrivateTmp=yes",
  "PrivateDevices=yes",
  "DevicePolicy=closed",
  "ProtectClock=yes",
  "ProtectControlGroups=yes",
  "ProtectHostname=yes",
  "ProtectKernelLogs=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelTunables=yes",
  "ProtectProc=invisible",
  "ProcSubset=pid",
  "RemoveIPC=yes",
  "KeyringMode=private",
];

function unit({
  command,
  graceMs,
  wantedBy,
  service,
}: UnitOptions & { readonly wantedBy: string; readonly service: readonly string[] }): string {
  const stopS = Math.ceil(Math.min(graceMs, LONGEST_GRACE_MS) / 1000) + CLOSE_S;
  return `${[
    MARK,
    "[Unit]",
    "Description=askonce, a caching reverse proxy for LLM APIs",
    "After=network-online.target",
    "Wants=network-online.target",
    "StartLimitIntervalSec=1min",
    "StartLimitBurst=5",
    "",
    "[Service]",
    "Type=notify",
    "# It tells of its readiness through systemd-notify.",
    "NotifyAccess=all",
    `ExecStart=${command.map(quoted).join(" ")}`,
    "# The shell's own kill: Debian has the program in a package that may be missing.",
    `ExecReload=sh -c "kill -HUP \${MAINPID}"`,
    "Restart=on-failure",
    "RestartSec=1s",
    "# A setting that cannot be used (2) does not get better by trying.",
    "RestartPreventExitStatus=2",
    "KillMode=mixed",
    `TimeoutStopSec=${stopS}s`,
    "LimitNOFILE=65536",
    ...service,
    "",
    "[Install]",
    `WantedBy=${wantedBy}`,
  ].join("\n")}\n`;
}

/** One word of a command line, as systemd reads it: %, $ and \ mean themselves when doubled. */
function quoted(word: string): string {
  const plain = word.replace(/[\\%$]/g, "$&$&").replaceAll("\n", "\\n");
  return /^[A-Za-z0-9_@%$+=:,./\\~-]+$/.test(plain) ? plain : `"${plain.replaceAll('"', '\\"')}"`;
}
