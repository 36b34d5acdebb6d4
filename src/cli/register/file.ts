import type { ClientBase } from "pg";
import { OnceboxError } from "../../errors.ts";
import { registerCommitted } from "../../outbox/commit.ts";
import type { Refusal } from "../../outbox/register.ts";
import { inChunks } from "./chunks.ts";
import { type Defaults, type FileRecord, refusal, toLeadRecord } from "./record.ts";

/** What became of the records so far; every lead among them is committed. */
interface Tally {
  read: number;
  created: number;
  recognised: number;
  refused: number;
}

export interface FileResult {
  readonly tally: Readonly<Tally>;
  /** False when something ended it before the end of the file. */
  readonly isComplete: boolean;
  /** What the database said, when it was that; null otherwise. */
  readonly error: unknown;
}

/** Hears of everything in the order of the file. */
export interface FileListener {
  /** A record, or the rest of the file. `line` is null where trouble has no place, such as a bad disk. */
  refused(line: number | null, refusal: Refusal): void;
  /** A chunk is in the database. */
  committed(tally: Readonly<Tally>): void;
}

interface FileSettings {
  readonly defaults: Defaults;
  /** Ends the work after the transaction that is under way. */
  readonly signal: AbortSignal;
  readonly listener: FileListener;
}

/**
 * So many that the round trip and the commit hardly count, and so few that Ctrl-C is answered at
 * once and nobody waits long for a lock of ours.
 */
const CHUNK = { maxRecords: 500, maxBytes: 4 * 1024 * 1024, maxWaitMs: 1_000 } as const;

/** Registers records as they come, a transaction a chunk; a refused record holds no other back. */
export async function registerFile(
  client: ClientBase,
  records: AsyncIterable<FileRecord>,
  { defaults, signal, listener }: FileSettings,
): Promise<FileResult> {
  const tally: Tally = { read: 0, created: 0, recognised: 0, refused: 0 };
  for await (const chunk of inChunks(withoutThrowing(records, signal), { ...CHUNK, signal })) {
    const readable = chunk.filter((it) => it.kind !== "broken");
    let fates: readonly Fate[];
    try {
      fates = await registerChunk(client, readable, defaults);
    } catch (error) {
      return { tally, isComplete: false, error };
    }
    for (const [index, { line }] of readable.entries()) {
      const fate = fates[index] as Fate;
      tally.read += 1;
      tally[typeof fate === "string" ? fate : "refused"] += 1;
      if (typeof fate !== "string") listener.refused(line, fate);
    }
    listener.committed(tally);
    const broken = chunk.find((it) => it.kind === "broken");
    if (broken !== undefined) {
      listener.refused(broken.line, broken.refusal);
      return { tally, isComplete: false, error: null };
    }
  }
  return { tally, isComplete: !signal.aborted, error: null };
}

/** What became of one record. */
type Fate = "created" | "recognised" | Refusal;

async function registerChunk(
  client: ClientBase,
  chunk: readonly Exclude<FileRecord, { kind: "broken" }>[],
  defaults: Defaults,
): Promise<Fate[]> {
  const read = chunk.map((it) => (it.kind === "fields" ? toLeadRecord(it.fields, defaults) : it));
  const records = read.flatMap((it) => ("record" in it ? [it.record] : []));
  const results = records.length === 0 ? [] : await registerCommitted(client, records);
  let next = 0;
  return read.map((it) => {
    if ("refusal" in it) return it.refusal;
    const result = results[next++];
    if (result === undefined) throw new TypeError("a record was registered without a result");
    return result.refusal ?? (result.created ? "created" : "recognised");
  });
}

/** A file that cannot be read further ends like one that is broken: what came before it stays. */
async function* withoutThrowing(
  records: AsyncIterable<FileRecord>,
  signal: AbortSignal,
): AsyncGenerator<FileRecord> {
  try {
    yield* records;
  } catch (error) {
    if (signal.aborted || error instanceof OnceboxError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    yield {
      kind: "broken",
      line: null,
      refusal: {
        ...refusal(
          null,
          `the file cannot be read further: ${code ?? message}`,
          "Run the same command again: what was registered is recognised.",
        ),
        code: "ONCEBOX_INPUT_INVALID",
      },
    };
  }
}
