/**
 * The gateway that all contestants send to, as a process of its own: Mobizon's calls as far as a worker in good
 * health makes them, over plain node:http and as cheap as that gets. The stand-in of `oncebox dev` keeps a ledger on
 * disk and knows faults; this one only counts.
 *
 *   node bench/gateway.ts       tells its parent the port, and ends with it
 *
 * Control: POST /_bench/reset?delayMs=50, GET /_bench/counts, GET /_bench/arrivals.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { listen } from "../src/sandbox/listen.ts";

let delayMs = 0;
let calls = 0;
let lastId = 0;
/** When each number's first SMS was sent, in the order they came; milliseconds of the clock. */
let arrivals = new Map<string, number>();
/** The recipient of each campaign that is not sent yet. */
let campaigns = new Map<number, string>();

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (part: string) => {
    body += part;
  });
  request.on("end", () => void answer(request, response, body));
});
const port = await listen(server);
process.send?.({ port });
process.once("disconnect", () => process.exit());
// Ctrl-C reaches the whole group; we are needed until our parent goes.
process.on("SIGINT", () => {});

async function answer(
  { url = "" }: IncomingMessage,
  response: ServerResponse,
  body: string,
): Promise<void> {
  const control = url.startsWith("/_bench/") ? new URL(url, "http://gateway") : null;
  const method = /^\/service\/([^?]+)/.exec(url)?.[1] ?? "";
  const data = control === null ? handle(method, body) : handleControl(control);
  if (control === null && delayMs > 0) await sleep(delayMs);
  const text = JSON.stringify(control === null ? { code: 0, data, message: "" } : data);
  response.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

function handle(method: string, body: string): unknown {
  switch (method) {
    case "message/sendSmsMessage":
      arrive(digitsIn(body, "recipient"));
      lastId += 1;
      return { campaignId: lastId, messageId: lastId, status: 2 };
    case "campaign/create":
      lastId += 1;
      return lastId;
    case "campaign/addRecipients": {
      const id = Number(digitsIn(body, "id"));
      const recipient = digitsIn(body, "recipients%5B0%5D");
      campaigns.set(id, recipient);
      return [{ recipient, code: 0, messageId: id }];
    }
    case "campaign/send": {
      const id = Number(digitsIn(body, "id"));
      arrive(campaigns.get(id) ?? "nobody");
      campaigns.delete(id);
      return 2;
    }
    case "message/getSMSStatus":
      return valuesIn(body, "ids").map((id) => ({ id, status: "DELIVRD", segNum: 2 }));
    case "message/list": {
      const items = valuesIn(body, "criteria").map((id) => {
        return { id, campaignId: id, status: "DELIVRD", segNum: 2, segUserBuy: "18.50" };
      });
      return { items, totalItemCount: items.length };
    }
    case "user/getOwnBalance":
      return { balance: "100000.0000", currency: "KZT" };
    default:
      return { items: [], totalItemCount: 0 };
  }
}

function arrive(recipient: string): void {
  calls += 1;
  if (!arrivals.has(recipient)) arrivals.set(recipient, performance.timeOrigin + performance.now());
}

/** A field of digits; the plus of a number may be there, and is not part of it. */
function digitsIn(body: string, name: string): string {
  return new RegExp(`(?:^|&)${name}=(?:%2B)?(\\d+)`).exec(body)?.[1] ?? "";
}

/** The values of a list such as `ids[0]=1&ids[1]=2`, decoded or not. */
function valuesIn(body: string, name: string): string[] {
  return [...new URLSearchParams(body)]
    .filter(([key]) => key.startsWith(`${name}[`))
    .map(([, value]) => value);
}

function handleControl({ pathname, searchParams }: URL): unknown {
  switch (pathname) {
    case "/_bench/reset":
      delayMs = Number(searchParams.get("delayMs") ?? 0);
      calls = 0;
      arrivals = new Map();
      campaigns = new Map();
      return {};
    case "/_bench/counts":
      return { people: arrivals.size, calls };
    case "/_bench/arrivals":
      return [...arrivals];
    default:
      return { refused: pathname };
  }
}
