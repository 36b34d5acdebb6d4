import { OnceboxError } from "../errors.ts";

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  readonly tls: "implicit" | "starttls" | "if_offered" | "off";
  readonly rejectUnauthorized: boolean;
  readonly login: { readonly user: string; readonly pass: string } | null;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i;
const HOST = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])$/;
const SWITCHES = ["requireTLS", "tls.rejectUnauthorized"] as const;
type Switch = (typeof SWITCHES)[number];

/**
 * Reads `smtp[s]://[user:pass@]host[:port][?requireTLS=..&tls.rejectUnauthorized=..]`.
 *
 * - `smtps://`  TLS from the first byte; port 465 unless said.
 * - `smtp://`   STARTTLS, and no mail without it; port 587 unless said. To a loopback address
 *   plain, unless `requireTLS=true`. `requireTLS=false` takes STARTTLS only where it is
 *   offered: whoever sits in between can then strip it and read password and mail.
 * - `tls.rejectUnauthorized=false` takes any certificate, so only where the way is trusted.
 *
 * Any other query is refused: it may be a setting that someone believes to be in force.
 *
 * @throws OnceboxError `ONCEBOX_CONFIG_INVALID` - with what is wrong, and never the password.
 */
export function parseSmtpUrl(text: string): SmtpServer {
  const url = URL.parse(text);
  if (url === null || !["smtp:", "smtps:"].includes(url.protocol) || !HOST.test(url.hostname)) {
    throw invalid("it is not smtp://host or smtps://host");
  }
  if (!["", "/"].includes(url.pathname) || url.hash !== "") {
    throw invalid("it has a path or a fragment");
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const switches = parseSwitches(url.searchParams);
  const isImplicit = url.protocol === "smtps:";
  if (!isImplicit && url.port === "465") {
    throw invalid("port 465 speaks TLS from the first byte, which is smtps://");
  }
  return {
    host,
    port: url.port === "" ? (isImplicit ? 465 : 587) : Number(url.port),
    tls: isImplicit ? "implicit" : startTls(switches.get("requireTLS"), LOOPBACK.test(host)),
    rejectUnauthorized: switches.get("tls.rejectUnauthorized") ?? true,
    login: parseLogin(url),
  };
}

function startTls(required: boolean | undefined, isLoopback: boolean): SmtpServer["tls"] {
  if (required ?? !isLoopback) return "starttls";
  // The self-signed certificate of a local relay is no reason to refuse it.
  return isLoopback ? "off" : "if_offered";
}

function parseSwitches(query: URLSearchParams): ReadonlyMap<Switch, boolean> {
  const switches = new Map<Switch, boolean>();
  for (const [name, value] of query) {
    const known = SWITCHES.find((it) => it === name);
    if (known === undefined || !["true", "false"].includes(value)) {
      throw invalid(`its query knows only ${SWITCHES.join(" and ")}, each true or false`);
    }
    switches.set(known, value === "true");
  }
  return switches;
}

function parseLogin({ username, password }: URL): SmtpServer["login"] {
  if (username === "" && password === "") return null;
  if (username === "" || password === "") throw invalid("it has a user or a password alone");
  try {
    return { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
  } catch {
    throw invalid("its user or password is not percent-encoded correctly");
  }
}

function invalid(detail: string): OnceboxError {
  return new OnceboxError("ONCEBOX_CONFIG_INVALID", "the SMTP address cannot be used", {
    detail,
    hint: "Set SMTP_URL to smtps://user:password@host or smtp://user:password@host:587; characters such as @ and / in the password are percent-encoded.",
  });
}
