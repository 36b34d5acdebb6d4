import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import tls from "node:tls";
import selfsigned from "selfsigned";
import { onTestFinished } from "vitest";

interface Listening {
  readonly port: number;
}

/** Listens on a free loopback port, and goes away with the test, connections and all. */
export async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

export interface RawServer extends Listening {
  /** Every byte of every connection, as latin1. */
  received(): string;
  connections(): number;
  /** Resolves when every connection made so far has closed. */
  allClosed(): Promise<void>;
}

/** A TCP server that records what comes in, and misbehaves as told. */
export async function rawServer(onSocket: (socket: Socket) => void = () => {}): Promise<RawServer> {
  let received = "";
  const closed: Promise<unknown>[] = [];
  const server = createTcpServer((socket) => {
    closed.push(new Promise((resolve) => socket.once("close", resolve)));
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
    });
    onSocket(socket);
  });
  return {
    port: await listen(server),
    received: () => received,
    connections: () => closed.length,
    allClosed: async () => {
      await Promise.all(closed);
    },
  };
}

/** A loopback port nobody listens on: it was ours a moment ago. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate made for this run; no key is kept anywhere. */
export async function makeCertificate(name: "localhost" | "elsewhere.test"): Promise<Certificate> {
  const made = await selfsigned.generate([{ name: "commonName", value: name }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true },
      { name: "subjectAltName", altNames: [{ type: 2, value: name }] },
    ],
  });
  return { cert: made.cert, key: made.private };
}

/** As an operator does it with NODE_EXTRA_CA_CERTS, for this process. */
export function trust(...certificates: readonly Certificate[]): void {
  tls.setDefaultCACertificates(certificates.map((it) => it.cert));
}

interface ApiCall {
  readonly method: string;
  readonly form: Readonly<Record<string, string>>;
  readonly url: string;
  readonly verb: string;
  readonly contentType: string;
}

export type Script = (call: ApiCall, res: ServerResponse, req: IncomingMessage) => void;

export interface FakeMobizon extends Listening {
  readonly calls: ApiCall[];
  readonly url: string;
  /** The methods called, in order. */
  methods(): readonly string[];
}

/** An HTTP server in the shape of Mobizon, which answers as the script says. */
export async function fakeMobizon(script: Script): Promise<FakeMobizon> {
  const calls: ApiCall[] = [];
  const onRequest: RequestListener = async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    const url = req.url ?? "";
    const call = {
      method: /\/service\/([^?]+)/.exec(url)?.[1] ?? url,
      form: Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString())),
      url,
      verb: req.method ?? "",
      contentType: req.headers["content-type"] ?? "",
    };
    calls.push(call);
    script(call, res, req);
  };
  const port = await listen(createServer((req, res) => void onRequest(req, res)));
  return {
    port,
    calls,
    url: `http://127.0.0.1:${port}`,
    methods: () => calls.map((it) => it.method),
  };
}

/** A script that answers each method with its own envelope. */
export function answers(byMethod: Readonly<Record<string, object | Script>>): Script {
  return (call, res, req) => {
    const answer = byMethod[call.method] ?? { code: 5, data: null, message: "no such method" };
    if (typeof answer === "function") return (answer as Script)(call, res, req);
    res.setHeader("content-type", "application/json");
    res.end(JSON.stringify(answer));
  };
}
