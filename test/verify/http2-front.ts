import { once } from "node:events";
import { request } from "node:http";
import { constants, createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

const fronts = new Map<string, Promise<string>>();

/** The same place, over HTTP/2 without TLS: a front that stands before a provider, as one does before many. */
export async function throughHttp2(origin: string): Promise<string> {
  const front = fronts.get(origin) ?? openFront(origin);
  fronts.set(origin, front);
  return await front;
}

async function openFront(origin: string): Promise<string> {
  const refused = new Set<string>();
  const server = createServer();
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    void handOn(stream, new URL(headers[":path"] ?? "/", origin), refused);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function handOn(stream: ServerHttp2Stream, url: URL, refused: Set<string>): Promise<void> {
  const form = await text(stream);
  const behind = request(url, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  stream.on("close", () => behind.destroy());
  behind.on("error", () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  behind.on("response", async (answer) => {
    const body = await text(answer).catch(() => null);
    if (body === null) return stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    if (isRefused(form, refused)) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
    if (stream.closed) return;
    stream.respond({ ":status": answer.statusCode ?? 502, "content-type": "application/json" });
    stream.end(body);
  });
  behind.end(form);
}

/** One person in ten: their request was carried out, and the front says once that it was not. */
function isRefused(form: string, refused: Set<string>): boolean {
  const recipient = new URLSearchParams(form).get("recipient");
  if (recipient === null || !recipient.endsWith("7") || refused.has(recipient)) return false;
  refused.add(recipient);
  return true;
}
