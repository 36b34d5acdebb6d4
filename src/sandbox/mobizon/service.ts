import { type FaultBook, faultBook } from "../faults.ts";
import { openAccount, type SmsRecord, type StatusStep } from "./account.ts";
import { type Call, perform, refuse, traitsOf } from "./call.ts";
import { DEFAULT_SETTINGS, type MobizonContext, type MobizonSettings } from "./context.ts";
import { type Envelope, refusal } from "./envelope.ts";
import { MOBIZON_FAULTS, type MobizonFault } from "./faults.ts";
import { moderator } from "./moderator.ts";
import { type Webhooks, webhooks } from "./webhooks.ts";

export interface ServiceOptions {
  readonly apiKey: string;
  /** Where it remembers, across restarts. By default it forgets when it is closed. */
  readonly ledgerFile?: string | undefined;
  /** Registered sender ids, the default one first. */
  readonly senders?: readonly string[] | undefined;
  readonly initialBalance?: number | undefined;
  readonly segmentPrice?: number | undefined;
  /** How a message moves once it went out; the last step stands for its final status. */
  readonly statusSteps?: readonly StatusStep[] | undefined;
  readonly settings?: Partial<MobizonSettings> | undefined;
  /** Called for every SMS that went to a person. */
  readonly onSms?: ((sms: SmsRecord) => void) | undefined;
}

/** One call as it was treated. */
export interface MobizonRequest {
  readonly at: string;
  readonly method: string;
  readonly name: string | undefined;
  readonly recipient: string | undefined;
  /** What was decided, before the fault changed what the caller saw. */
  readonly code: number;
  readonly fault: MobizonFault["answer"] | null;
}

/** The vendor without its wire. */
export interface MobizonService {
  readonly faults: FaultBook<MobizonFault>;
  readonly settings: MobizonSettings;
  readonly webhooks: Webhooks;
  handle(call: Call): { readonly envelope: Envelope; readonly fault: MobizonFault | null };
  messages(): SmsRecord[];
  requests(): MobizonRequest[];
  set(settings: Partial<MobizonSettings>): void;
  stop(): void;
}

const STATUS_STEPS: readonly StatusStep[] = [
  { status: "NEW", afterMs: 0 },
  { status: "ENQUEUD", afterMs: 50 },
  { status: "ACCEPTD", afterMs: 150 },
  { status: "DELIVRD", afterMs: 400 },
];

const REQUESTS_KEPT = 10_000;

export function mobizonService(options: ServiceOptions): MobizonService {
  let settings: MobizonSettings = { ...DEFAULT_SETTINGS, ...options.settings };
  const segmentPrice = options.segmentPrice ?? 11;
  const statusSteps = options.statusSteps ?? STATUS_STEPS;
  const posting = webhooks(() => settings);
  const account = openAccount({
    ledgerFile: options.ledgerFile,
    statusSteps,
    initialBalance: options.initialBalance ?? 1_000_000,
    segmentPrice,
    onSms: (sms) => {
      options.onSms?.(sms);
      posting.expect(sms, statusSteps.at(-1)?.afterMs ?? 0);
    },
  });
  const person = moderator(account, () => settings);
  const senders = options.senders ?? ["oncebox"];
  const faults = faultBook<MobizonFault>(MOBIZON_FAULTS);
  const requests: MobizonRequest[] = [];
  const isTooOften = callCounter();

  function decide(call: Call, context: MobizonContext, fault: MobizonFault | null): Envelope {
    if (fault?.accept === false) return refusal(999, "General service error");
    const refused = refuse(call, context, options.apiKey);
    if (refused !== null) return refused;
    if (isTooOften(settings.callsPerSecond)) return refusal(30, "Called too often");
    return perform(call, context);
  }

  return {
    faults,
    webhooks: posting,
    get settings() {
      return settings;
    },
    handle: (call) => {
      const context = { account, moderator: person, settings, senders, segmentPrice };
      const traits = traitsOf(call, context);
      const fault = faults.draw(traits);
      const envelope = decide(call, context, fault);
      const at = new Date().toISOString();
      requests.push({ at, ...traits, code: envelope.code, fault: fault?.answer ?? null });
      if (requests.length > REQUESTS_KEPT) requests.shift();
      return { envelope, fault };
    },
    messages: () => account.sent(),
    requests: () => [...requests],
    set: (changed) => {
      settings = { ...settings, ...changed };
    },
    stop: () => {
      person.stop();
      posting.stop();
    },
  };
}

/** Counts the calls of the last second. */
function callCounter(): (limit: number | null) => boolean {
  let recent: number[] = [];
  return (limit) => {
    const now = Date.now();
    recent = recent.filter((at) => at > now - 1_000);
    if (limit !== null && recent.length >= limit) return true;
    recent.push(now);
    return false;
  };
}
