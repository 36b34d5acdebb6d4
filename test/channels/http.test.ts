import { createSecureServer } from "node:http2";
import { connect, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Worker } from "node:worker_threads";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { type HttpResult, type HttpTimeouts, postForm } from "../../src/channels/http.ts";
import {
  type Certificate,
  closedPort,
  fakeMobizon,
  listen,
  makeCertificate,
  rawServer,
  trust,
} from "./support/servers.ts";

const TIMEOUTS = { connectMs: 400, headersMs: 300, bodyMs: 300 };
const FORM = new URLSearchParams({ recipient: "77771234567", text: "one & two" });
const FULL_REQUEST =
  /^POST \/service HTTP\/1\.1\r\n[\s\S]*connection: keep-alive[\s\S]*text=one\+%26\+two$/;

let localhost: Certificate;
let elsewhere: Certificate;

beforeAll(async () => {
  localhost = await makeCertificate("localhost");
  elsewhere = await makeCertificate("elsewhere.test");
  trust(localhost, elsewhere);
});

function post(
  url: string,
  overrides: { signal?: AbortSignal; mayWrite?: () => boolean; timeouts?: HttpTimeouts } = {},
): Promise<HttpResult> {
  const signal = overrides.signal ?? AbortSignal.timeout(10_000);
  const { origin, pathname, search } = new URL(url);
  const path = `${pathname}${search}`;
  return postForm({ origin, path, form: FORM, timeouts: TIMEOUTS, signal, ...overrides });
}

/** Runs the script once the whole request is there. */
function afterRequest(script: (socket: Socket) => void): (socket: Socket) => void {
  return (socket) => {
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      if (FULL_REQUEST.test(received)) script(socket);
    });
  };
}

/** After each request that a connection brings. */
function afterRequests(script: (socket: Socket) => void): (socket: Socket) => void {
  return (socket) => {
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      if (!FULL_REQUEST.test(received)) return;
      received = "";
      script(socket);
    });
  };
}

describe("a call that never got to its request is not_started", () => {
  test("when the port is closed", async () => {
    const result = await post(`http://127.0.0.1:${await closedPort()}/service`);

    expect(result).toMatchObject({ phase: "not_started", code: "ECONNREFUSED" });
  });

  test("when the name does not exist", async () => {
    const result = await post("http://nowhere.invalid/service");

    expect(result).toMatchObject({
      phase: "not_started",
      code: expect.stringMatching(/^(?:ENOTFOUND|EAI_AGAIN)$/),
    });
  });

  test("when nobody takes the connection (SYN dropped)", async () => {
    const port = await fullBacklog();

    const result = await post(`http://127.0.0.1:${port}/service`);

    expect(result).toMatchObject({ phase: "not_started", code: "UND_ERR_CONNECT_TIMEOUT" });
  });

  test("when the url is none that can be posted to", async () => {
    const result = await post("ftp://127.0.0.1/service");

    expect(result).toMatchObject({ phase: "not_started", code: "UND_ERR_INVALID_ARG" });
  });

  const handshakes: ReadonlyArray<[name: string, script: (socket: Socket) => void, code: RegExp]> =
    [
      ["stalls", () => {}, /^UND_ERR_CONNECT_TIMEOUT$/],
      ["ends in a FIN", (socket) => socket.once("data", () => socket.end()), /^ECONNRESET$/],
      [
        "ends in an RST",
        (socket) => socket.once("data", () => socket.resetAndDestroy()),
        /^ECONNRESET$/,
      ],
      [
        "is refused by an RST right after accept",
        (socket) => socket.resetAndDestroy(),
        /^ECONNRESET$/,
      ],
      [
        "meets a server that speaks plain text",
        (socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
        /^ERR_SSL_/,
      ],
    ];
  for (const [name, script, code] of handshakes) {
    test(`when the TLS handshake ${name}`, async () => {
      const server = await rawServer(script);

      const result = await post(`https://localhost:${server.port}/service`);

      expect(result).toMatchObject({ phase: "not_started", code: expect.stringMatching(code) });
      expect(server.received()).not.toContain("POST");
    });
  }

  test("when the certificate is for another name", async () => {
    const { port, requests } = await tlsServer(elsewhere);

    const result = await post(`https://localhost:${port}/service`);

    expect(result).toMatchObject({ phase: "not_started", code: "ERR_TLS_CERT_ALTNAME_INVALID" });
    expect(requests()).toBe("");
  });

  test("when the certificate is nobody's we trust, whatever the environment allows", async () => {
    const { port, requests } = await tlsServer(await makeCertificate("localhost"));
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    onTestFinished(() => {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    });

    const result = await post(`https://localhost:${port}/service`);

    expect(result).toMatchObject({
      phase: "not_started",
      code: expect.stringMatching(/SELF_SIGNED|UNABLE_TO_VERIFY|CERT_SIGNATURE_FAILURE/),
    });
    expect(requests()).toBe("");
  });

  test("when the last look says no: the server sees a connection and not one byte", async () => {
    const server = await rawServer();

    const result = await post(`http://127.0.0.1:${server.port}/service`, { mayWrite: () => false });

    expect(result).toMatchObject({ phase: "not_started", code: "lease_over" });
    await server.allClosed();
    expect(server.connections()).toBe(1);
    expect(server.received()).toBe("");
  });

  test("when the deadline was over before the call: no connection at all", async () => {
    const server = await rawServer();

    const result = await post(`http://127.0.0.1:${server.port}/service`, {
      signal: AbortSignal.abort(),
    });

    expect(result).toMatchObject({ phase: "not_started", code: "aborted" });
    expect(server.connections()).toBe(0);
  });

  test("when it is aborted while connecting: at once, and nothing is written later", async () => {
    const abort = new AbortController();
    // The handshake would succeed, had the abort not come: the late connect must not write.
    const { port, requests, resume, closed } = await tlsServer(localhost, {
      onHello: () => abort.abort(),
    });
    const startedAt = performance.now();

    const result = await post(`https://localhost:${port}/service`, { signal: abort.signal });

    expect(result).toMatchObject({ phase: "not_started", code: "aborted" });
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUTS.connectMs);
    resume();
    await closed;
    expect(requests()).toBe("");
  });
});

describe("a call that wrote its request and got no whole answer is started", () => {
  const HEAD = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
  const FLOOD = `HTTP/1.1 200 OK\r\n${`x-flood: ${"y".repeat(1000)}\r\n`.repeat(40)}\r\n`;
  const HUGE = `HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n${"z".repeat(200_000)}`;
  const cases: ReadonlyArray<[name: string, script: (socket: Socket) => void, code: RegExp]> = [
    ["RST after the full request", (socket) => socket.resetAndDestroy(), /^ECONNRESET$/],
    ["FIN after the full request", (socket) => socket.end(), /^UND_ERR_SOCKET$/],
    ["no answer", () => {}, /^UND_ERR_HEADERS_TIMEOUT$/],
    ["a body that stalls", (socket) => socket.write(`${HEAD}{`), /^UND_ERR_BODY_TIMEOUT$/],
    ["a body cut by FIN", (socket) => socket.end(`${HEAD}{`), /^UND_ERR_SOCKET$/],
    [
      "a body cut by RST",
      (socket) => socket.write(`${HEAD}{`, () => socket.resetAndDestroy()),
      /^(?:ECONNRESET|UND_ERR_SOCKET)$/,
    ],
    ["half a status line", (socket) => socket.end("HTTP/1.1 20"), /./],
    [
      "garbage instead of HTTP",
      (socket) => socket.end("220 smtp.example.test ESMTP\r\n"),
      /HTTPParserError|HPE_/,
    ],
    ["a header flood", (socket) => socket.end(FLOOD), /^UND_ERR_HEADERS_OVERFLOW$/],
    ["a body of 200 KB", (socket) => socket.end(HUGE), /^UND_ERR_RES_EXCEEDED_MAX_SIZE$/],
    ["100 Continue and no more", (socket) => socket.write("HTTP/1.1 100 Continue\r\n\r\n"), /./],
    [
      "two lengths",
      (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"),
      /./,
    ],
  ];
  for (const [name, script, code] of cases) {
    test(name, async () => {
      const server = await rawServer(afterRequest(script));

      const result = await post(`http://127.0.0.1:${server.port}/service`);

      expect(result).toMatchObject({ phase: "started", code: expect.stringMatching(code) });
      expect(server.received()).toMatch(FULL_REQUEST);
      expect(server.connections()).toBe(1);
    });
  }

  test("accept, then close without reading: it looks the same, so it is the same", async () => {
    const server = await rawServer((socket) => socket.pause().end());

    const result = await post(`http://127.0.0.1:${server.port}/service`);

    expect(result.phase).toBe("started");
    expect(server.connections()).toBe(1);
  });

  test("aborted after the write", async () => {
    const abort = new AbortController();
    const server = await rawServer(afterRequest(() => abort.abort()));

    const result = await post(`http://127.0.0.1:${server.port}/service`, { signal: abort.signal });

    expect(result).toMatchObject({ phase: "started", code: "aborted" });
    expect(server.received()).toMatch(FULL_REQUEST);
  });

  test("a body that trickles past the deadline", async () => {
    const server = await rawServer(
      afterRequest((socket) => {
        socket.write(HEAD);
        const timer = setInterval(() => socket.write(" "), 50);
        socket.once("close", () => clearInterval(timer));
      }),
    );

    const result = await post(`http://127.0.0.1:${server.port}/service`, {
      signal: AbortSignal.timeout(600),
    });

    expect(result).toMatchObject({ phase: "started", code: "deadline" });
  });
});

describe("a call with a whole answer is answered", () => {
  test("with the status and the body, and the connection does not stay", async () => {
    const server = await rawServer(
      afterRequest((socket) =>
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"code":0}'),
      ),
    );

    const result = await post(`http://127.0.0.1:${server.port}/service`);

    expect(result).toEqual({ phase: "answered", status: 200, body: '{"code":0}' });
    await server.allClosed();
  });

  test("once over HTTP/1.1, also by a server that prefers HTTP/2", async () => {
    const versions: string[] = [];
    const server = createSecureServer({ ...localhost, allowHTTP1: true }, (req, res) => {
      versions.push(req.httpVersion);
      res.end("{}");
    });
    const port = await listen(server);

    const result = await post(`https://localhost:${port}/service`);

    expect(result).toMatchObject({ phase: "answered", status: 200 });
    expect(versions).toEqual(["1.1"]);
  });

  test("with a 307 as such: nobody else gets the body and the key", async () => {
    const other = await rawServer();
    const server = await fakeMobizon((_call, res) => {
      res.writeHead(307, { location: `http://127.0.0.1:${other.port}/service` }).end();
    });

    const result = await post(`${server.url}/service`);

    expect(result).toMatchObject({ phase: "answered", status: 307 });
    expect(server.calls).toHaveLength(1);
    expect(other.connections()).toBe(0);
  });

  test("through no proxy that the environment names", async () => {
    const proxy = await rawServer();
    const server = await fakeMobizon((_call, res) => res.end("{}"));
    for (const name of ["HTTP_PROXY", "http_proxy", "NODE_USE_ENV_PROXY"]) {
      process.env[name] = name === "NODE_USE_ENV_PROXY" ? "1" : `http://127.0.0.1:${proxy.port}`;
      onTestFinished(() => {
        delete process.env[name];
      });
    }

    const result = await post(`${server.url}/service`);

    expect(result).toMatchObject({ phase: "answered", status: 200 });
    expect(proxy.connections()).toBe(0);
  });
});

test("twenty calls at once wait for nobody: each has a connection, and ends at its deadline", async () => {
  const server = await rawServer();
  const url = `http://127.0.0.1:${server.port}/service`;
  const startedAt = performance.now();

  const results = await Promise.all(
    Array.from({ length: 20 }, () => post(url, { signal: AbortSignal.timeout(200) })),
  );

  expect(results.every((it) => it.phase === "started")).toBe(true);
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  expect(server.connections()).toBe(20);
});

describe("a connection", () => {
  const ANSWER = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

  test("takes the next call of a burst, and none after a rest", async () => {
    const server = await rawServer(afterRequests((socket) => socket.write(ANSWER)));
    const url = `http://127.0.0.1:${server.port}/service`;

    for (let call = 0; call < 3; call++) expect(await post(url)).toMatchObject({ status: 200 });
    expect(server.connections()).toBe(1);

    await server.allClosed();
    expect(await post(url)).toMatchObject({ status: 200 });
    expect(server.connections()).toBe(2);
  });

  test("is not used again by the wall clock either, as after a freeze", async () => {
    const server = await rawServer(afterRequests((socket) => socket.write(ANSWER)));
    const url = `http://127.0.0.1:${server.port}/service`;

    await post(url);
    vi.spyOn(Date, "now").mockReturnValue(Date.now() + 60_000);
    onTestFinished(() => void vi.restoreAllMocks());
    await post(url);

    expect(server.connections()).toBe(2);
  });

  test("that failed takes no other call", async () => {
    let calls = 0;
    const server = await rawServer(
      afterRequests((socket) => {
        calls++;
        if (calls === 2) socket.resetAndDestroy();
        else socket.write(ANSWER);
      }),
    );
    const url = `http://127.0.0.1:${server.port}/service`;

    const results = [await post(url), await post(url), await post(url)];

    expect(results.map((it) => it.phase)).toEqual(["answered", "started", "answered"]);
    expect(calls).toBe(3);
    expect(server.connections()).toBe(2);
  });

  test("that the server closed meanwhile is opened anew, before anything is written", async () => {
    const server = await rawServer(afterRequests((socket) => socket.end(ANSWER)));
    const url = `http://127.0.0.1:${server.port}/service`;

    await post(url);
    await server.allClosed();
    const result = await post(url);

    expect(result).toMatchObject({ phase: "answered", status: 200 });
    expect(server.connections()).toBe(2);
  });

  test("is not shared with calls that allow themselves other times", async () => {
    const server = await rawServer(afterRequests((socket) => socket.write(ANSWER)));
    const url = `http://127.0.0.1:${server.port}/service`;

    await post(url);
    await post(url, { timeouts: { headersMs: 123 } });

    expect(server.connections()).toBe(2);
  });
});

/** A TLS server that records what it could decrypt. `onHello` holds the handshake until `resume`. */
async function tlsServer(
  certificate: Certificate,
  { onHello }: { onHello?: () => void } = {},
): Promise<{ port: number; requests: () => string; resume: () => void; closed: Promise<void> }> {
  let requests = "";
  const held = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  if (onHello === undefined) held.resolve();
  const server = createTlsServer({
    ...certificate,
    SNICallback: (_name, done) => {
      onHello?.();
      void held.promise.then(() => done(null));
    },
  });
  server.on("secureConnection", (socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      requests += chunk.toString("latin1");
    });
  });
  server.on("connection", (socket: Socket) => socket.once("close", () => closed.resolve()));
  const port = await listen(server);
  return { port, requests: () => requests, resume: held.resolve, closed: closed.promise };
}

/** A port whose queue of connections is full, so that the kernel drops every further SYN. */
async function fullBacklog(): Promise<number> {
  // A thread that listens, and is then blocked for good: nothing is ever accepted.
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
     const server = require("node:net").createServer();
     server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
     });`,
    { eval: true },
  );
  onTestFinished(async () => {
    await worker.terminate();
  });
  const port = await new Promise<number>((resolve) => worker.once("message", resolve));
  const fillers = Array.from({ length: 8 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  onTestFinished(() => {
    for (const filler of fillers) filler.destroy();
  });
  await new Promise((resolve) => fillers[0]?.once("connect", resolve));
  return port;
}
