import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { control, type Routes } from "./control.ts";
import { listen } from "./listen.ts";
import type { SmsRecord } from "./mobizon/account.ts";
import type { MobizonSettings } from "./mobizon/context.ts";
import { mobizonControl } from "./mobizon/control.ts";
import type { MobizonFaultWish } from "./mobizon/faults.ts";
import { parseForm } from "./mobizon/form.ts";
import type { ServiceOptions } from "./mobizon/service.ts";
import { type MobizonRequest, type MobizonService, mobizonService } from "./mobizon/service.ts";
import type { WebhookFaultWish, WebhookPost } from "./mobizon/webhooks.ts";
import { answer, write } from "./mobizon/wire.ts";
import { refuseInProduction } from "./refuse-production.ts";

export type { SmsRecord } from "./mobizon/account.ts";
export type { MobizonSettings } from "./mobizon/context.ts";
export type { MobizonFault, MobizonFaultWish } from "./mobizon/faults.ts";
export type { MobizonRequest } from "./mobizon/service.ts";
export type { WebhookFaultWish, WebhookPost } from "./mobizon/webhooks.ts";

export interface MobizonOptions extends Omit<ServiceOptions, "apiKey"> {
  readonly apiKey?: string | undefined;
  /** By default one that is free. */
  readonly port?: number | undefined;
}

export interface SandboxMobizon extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly apiKey: string;
  /** What went to people. */
  messages(): SmsRecord[];
  /** The last calls, the oldest first. */
  requests(): MobizonRequest[];
  /** Asks for a fault on the next requests that match, or for faults by seed. */
  addFault(wish: MobizonFaultWish): void;
  /** Asks for a fault on the next webhooks that match. */
  addWebhookFault(wish: WebhookFaultWish): void;
  /** Of both kinds. */
  clearFaults(): void;
  /** The last webhooks that were posted, the oldest first. */
  webhooks(): WebhookPost[];
  set(settings: Partial<MobizonSettings>): void;
  close(): Promise<void>;
}

/**
 * Starts a stand-in for Mobizon on 127.0.0.1. What it accepted is in its ledger before it
 * answers, and a start on the same ledger knows all of it again.
 */
export async function startMobizon(options: MobizonOptions = {}): Promise<SandboxMobizon> {
  refuseInProduction("the sandbox's Mobizon");
  const apiKey = options.apiKey ?? "sandbox-key";
  const service = mobizonService({ ...options, apiKey });
  const routes = mobizonControl(service);
  const server = createServer((request, response) => {
    serve(service, routes, request, response).catch((error: unknown) =>
      response.destroy(error as Error),
    );
  });
  const port = await listen(server, options.port);
  const close = async () => {
    service.stop();
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    apiKey,
    messages: () => service.messages(),
    requests: () => service.requests(),
    addFault: (wish) => service.faults.add(wish),
    addWebhookFault: (wish) => service.webhooks.faults.add(wish),
    clearFaults: () => {
      service.faults.clear();
      service.webhooks.faults.clear();
    },
    webhooks: () => service.webhooks.posts(),
    set: (settings) => service.set(settings),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function serve(
  service: MobizonService,
  routes: Routes,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://sandbox");
  if (pathname.startsWith("/_sandbox/")) return control(routes, request, response, pathname);
  const method = /^\/service\/([^/]+\/[^/]+)\/?$/.exec(pathname)?.[1];
  if (method === undefined || request.method !== "POST") return write(response, 404, "{}");

  const form = parseForm(await text(request));
  const { envelope, fault } = service.handle({ method, query: searchParams, form });
  if (service.settings.delayMs > 0) {
    await delay(service.settings.delayMs, undefined, { ref: false });
  }
  await answer(request, response, envelope, fault);
}
