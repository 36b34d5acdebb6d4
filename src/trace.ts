import {
  type Attributes,
  context,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  ProxyTracerProvider,
  propagation,
  type Span,
  type SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";

export { type Span, SpanKind } from "@opentelemetry/api";

interface SpanSettings {
  readonly kind?: SpanKind;
  /** Ids, states and counts; never a recipient, a name or a text. */
  readonly attributes?: Attributes;
}

/** What work gets that nobody records, and that is in no trace of a caller's. */
const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/**
 * Does the work in a span of this name; whatever it throws passes through. Where no OpenTelemetry SDK
 * is set up it only calls it (`node bench/no-tracing.ts`): no span is made, as a worker has several of
 * them for each message, alive as long as it is under way.
 */
export function inSpan<T>(
  name: string,
  settings: SpanSettings,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const tracer = findTracer();
  if (tracer === null) return work(trace.getActiveSpan() ?? NO_SPAN);
  return tracer.startActiveSpan(name, settings, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      // Not its message: one of Postgres may have a whole row in it.
      failSpan(span, codeOf(error));
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Null where no SDK is set up: the API's own stand-in would then make spans that record nothing. */
function findTracer(): Tracer | null {
  const provider = trace.getTracerProvider();
  if (!(provider instanceof ProxyTracerProvider)) return provider.getTracer("oncebox");
  return provider.getDelegateTracer("oncebox") ?? null;
}

/** Marks what a span is about as gone wrong. */
export function failSpan(span: Span, code: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute("error.type", code);
}

function codeOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return typeof code === "string" ? code : typeof name === "string" ? name : "unknown";
}

/** The span as the header `traceparent` writes it (W3C Trace Context); null when nobody records it. */
export function traceparentOf(span: Span): string | null {
  const it = span.spanContext();
  if (!isSpanContextValid(it) || (it.traceFlags & TraceFlags.SAMPLED) === 0) return null;
  return `00-${it.traceId}-${it.spanId}-${it.traceFlags.toString(16).padStart(2, "0")}`;
}

/** Links a span to one that was written down. */
export function linkTo(span: Span, traceparent: string | null): void {
  const [, traceId = "", spanId = "", flags = ""] =
    /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? "") ?? [];
  const target = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  if (isSpanContextValid(target)) span.addLink({ context: target });
}

/** Does the work in the trace that a request's headers name, if they name one. */
export function continueTrace<T>(headers: object, work: () => T): T {
  return context.with(propagation.extract(context.active(), headers), work);
}
