import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Context,
  type ContextManager,
  context,
  propagation,
  ROOT_CONTEXT,
  SpanStatusCode,
  type TextMapPropagator,
  trace,
} from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { type Kysely, sql } from "kysely";
import { afterEach, describe, expect } from "vitest";
import { readConfig } from "../../src/config.ts";
import { createLogger } from "../../src/log.ts";
import { eraseLead } from "../../src/outbox/erase.ts";
import { registerLead, registerLeads } from "../../src/outbox/register.ts";
import type { Gateways } from "../../src/sandbox/gateways.ts";
import type { Seams } from "../../src/shift.ts";
import { continueTrace, traceparentOf } from "../../src/trace.ts";
import { runWorker, type Worker } from "../../src/worker.ts";
import { countStates, makeLeads, phoneOf, register } from "../support/leads.ts";
import { test } from "../support/running.ts";
import { until } from "../support/until.ts";

/** What the SDK's `AsyncLocalStorageContextManager` does, as far as it is used here. */
class Contexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();
  active = () => this.#storage.getStore() ?? ROOT_CONTEXT;
  with: ContextManager["with"] = (active, fn, self, ...args) =>
    this.#storage.run(active, () => fn.apply(self as never, args));
  bind: ContextManager["bind"] = (_, target) => target;
  enable = () => this;
  disable = () => this;
}

/** What the SDK's `W3CTraceContextPropagator` does of reading. */
const W3C: TextMapPropagator = {
  inject() {},
  fields: () => ["traceparent"],
  extract(active, carrier) {
    const [, traceId = "", spanId = "", flags = ""] = (
      (carrier as Record<string, string>).traceparent ?? ""
    ).split("-");
    return traceId === ""
      ? active
      : trace.setSpanContext(active, {
          ...{ traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true },
        });
  },
};

/** Sets an SDK up, as a program that records traces does. */
function recordTraces(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  context.setGlobalContextManager(new Contexts());
  propagation.setGlobalPropagator(W3C);
  return exporter;
}

afterEach(() => {
  trace.disable();
  context.disable();
  propagation.disable();
});

/** A worker in this process, so that its spans are ours to see. */
async function work(databaseUrl: string, gateways: Gateways, seams?: Seams): Promise<Worker> {
  const config = readConfig(
    {},
    {
      DATABASE_URL: databaseUrl,
      MOBIZON_API_URL: gateways.mobizonUrl,
      MOBIZON_API_KEY: gateways.mobizonApiKey,
    },
  );
  return await runWorker(config, createLogger("silent"), seams);
}

async function tracesOf(db: Kysely<unknown>): Promise<(string | null)[]> {
  const { rows } = await sql<{
    traceparent: string | null;
  }>`select traceparent from oncebox.registration`.execute(db);
  return rows.map((it) => it.traceparent);
}

function named(spans: readonly ReadableSpan[], name: string): ReadableSpan {
  const found = spans.filter((it) => it.name === name);
  expect(found, name).toHaveLength(1);
  return found[0] as ReadableSpan;
}

const LEAD = makeLeads(1, { email: null });

describe("where an OpenTelemetry SDK is set up", () => {
  test("spans lead from the registration to the provider, across the outbox", async ({
    databaseUrl,
    db,
    gateways,
  }) => {
    const exporter = recordTraces();
    const worker = await work(databaseUrl, gateways);
    await trace
      .getTracer("site")
      .startActiveSpan("POST /apply", async (request) =>
        register(db, LEAD).finally(() => request.end()),
      );
    await until("it is sent", async () => (await countStates(db)).sent === 1);
    await worker.stop();

    const spans = exporter.getFinishedSpans();
    const request = named(spans, "POST /apply");
    const registered = named(spans, "oncebox.register");
    const send = named(spans, "oncebox.send");
    const inSend = (it: ReadableSpan) =>
      it.parentSpanContext?.spanId === send.spanContext().spanId &&
      it.spanContext().traceId === send.spanContext().traceId;

    expect(registered.parentSpanContext?.spanId).toBe(request.spanContext().spanId);
    expect(await tracesOf(db)).toEqual([traceparentOf(registered as never)]);
    expect(send.links.map((it) => it.context.spanId)).toEqual([registered.spanContext().spanId]);
    expect(send.links.map((it) => it.context.traceId)).toEqual([request.spanContext().traceId]);
    expect(spans.filter(inSend).map((it) => it.name)).toEqual([
      ...["oncebox.claim", "oncebox.provider", "oncebox.settle"],
    ]);
    expect(send.attributes).toEqual({
      "oncebox.notification_id": "1",
      "oncebox.verdict": "claimed",
      "oncebox.channel": "sms",
      "oncebox.attempt": 1,
      "oncebox.outcome": "accepted",
      "oncebox.state": "sent",
    });
  });

  test("a send that goes wrong is marked with its code, and no span tells of a person", async ({
    databaseUrl,
    db,
    gateways,
  }) => {
    await gateways.addSmsFault({
      match: { method: "campaign/addRecipients" },
      fault: { accept: false, answer: "code", code: 1, message: `bad number ${phoneOf(0)}` },
    });
    const exporter = recordTraces();
    const worker = await work(databaseUrl, gateways);
    await register(db, LEAD);
    await until("it is refused", async () => (await countStates(db)).failed === 1);
    const wrong = { ...LEAD[0], name: "Сапаргуль", phone: "77019998877 0" };
    await db
      .transaction()
      .execute((tx) => registerLead(tx, wrong))
      .catch(() => {});
    await worker.stop();

    const spans = exporter.getFinishedSpans();
    expect(named(spans, "oncebox.provider")).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { "oncebox.outcome": "rejected", "error.type": "mobizon_1" },
    });
    expect(spans.filter((it) => it.name === "oncebox.register").at(-1)).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { "error.type": "ONCEBOX_LEAD_INVALID" },
    });
    const told = JSON.stringify(
      spans.map((it) => [it.name, it.attributes, it.events, it.status, it.links]),
    );
    for (const secret of ["7701", "Айгерим", "Сапаргуль", gateways.mobizonApiKey]) {
      expect(told).not.toContain(secret);
    }
  });

  test("the trace that a request's headers name goes on", async ({ db }) => {
    const exporter = recordTraces();
    const traceId = "0af7651916cd43dd8448eb211c80319c";

    await continueTrace({ traceparent: `00-${traceId}-b7ad6b7169203331-01` }, () =>
      register(db, LEAD),
    );

    const registered = named(exporter.getFinishedSpans(), "oncebox.register");
    expect(registered.spanContext().traceId).toBe(traceId);
    expect(registered.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
  });

  test("a registration that is repeated stays in the trace of the first", async ({ db }) => {
    recordTraces();
    await register(db, LEAD);
    const first = await tracesOf(db);

    await register(db, LEAD);

    expect(first).toEqual([expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)]);
    expect(await tracesOf(db)).toEqual(first);
  });

  test("erasing a person takes the trace away", async ({ db }) => {
    recordTraces();
    const [leadId = ""] = await register(db, LEAD);

    await eraseLead(db, leadId, "operator");

    expect(await tracesOf(db)).toEqual([null]);
  });
});

describe("where none is", () => {
  test("the same statements are run as without traces, and nothing is written down", async ({
    db,
    pool,
  }) => {
    const texts: string[] = [];
    const client = await pool.connect();
    const listening = {
      query: (text: string, values: unknown[]) => {
        texts.push(text);
        return client.query(text, values);
      },
    };

    await registerLeads(listening, makeLeads(2)).finally(() => client.release());

    expect(texts).toHaveLength(1);
    expect(texts[0]).not.toContain("traceparent");
    expect(await tracesOf(db)).toEqual([null, null]);
  });

  test("a trace that only passes through is kept all the same", async ({ db }) => {
    context.setGlobalContextManager(new Contexts());
    propagation.setGlobalPropagator(W3C);
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    await continueTrace({ traceparent }, () => register(db, LEAD));

    expect(await tracesOf(db)).toEqual([traceparent]);
  });

  test("a worker asks for no trace", async ({ databaseUrl, db, gateways }) => {
    let asked = 0;
    const worker = await work(databaseUrl, gateways, {
      moves: (moves) => ({
        ...moves,
        traceOf: (id) => {
          asked += 1;
          return moves.traceOf(id);
        },
      }),
    });
    await register(db, LEAD);
    await until("it is sent", async () => (await countStates(db)).sent === 1);

    await worker.stop();

    expect(asked).toBe(0);
  });
});

describe("a caller in another language", () => {
  const given: readonly [what: string, setting: string, kept: string | null][] = [
    [
      "sets its trace for the transaction",
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ],
    ["is registered all the same with one that is none", "+77011234567'; drop table x", null],
    ["is registered all the same with an empty one", "", null],
  ];
  for (const [what, setting, kept] of given) {
    test(what, async ({ db, pool }) => {
      const client = await pool.connect();
      await client.query("begin");
      await client.query("select set_config('oncebox.traceparent', $1, true)", [setting]);
      await client.query("select * from oncebox.register_lead(phone => '+77011234567')");
      await client.query("commit");
      await client.query("select * from oncebox.register_lead(phone => '+77011234568')");
      client.release();

      expect(await tracesOf(db)).toEqual([kept, null]);
    });
  }
});
