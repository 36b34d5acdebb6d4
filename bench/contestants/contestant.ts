import type pg from "pg";

/** What comes in: it gets one SMS when it is due. */
export interface Lead {
  readonly name: string;
  readonly phone: string;
  readonly email: string | null;
  readonly dueAt: Date;
}

/** Where a worker process works. */
export interface Place {
  readonly databaseUrl: string;
  readonly gatewayUrl: string;
  /** Of the oncebox to run: from the sources, or as it is installed. */
  readonly onceboxMain: string;
  /** Sends under way at once where that can be set; null for its own default. */
  readonly inFlight: number | null;
}

/** What to start; the rest of the environment is the caller's. */
export interface Program {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Registers leads, as the application would. */
export interface Sender extends AsyncDisposable {
  /** One lead in a transaction of its own, on a client that has none open. */
  registerOne(client: pg.ClientBase, lead: Lead): Promise<void>;
  /** All of them in one transaction. */
  registerMany(client: pg.ClientBase, leads: readonly Lead[]): Promise<void>;
}

/**
 * A table of which each row is copied: `set` has an SQL expression for each column that differs, of the row `p`
 * that is copied and the copy's number `i`.
 */
export interface CopiedTable {
  readonly table: string;
  readonly set: Readonly<Record<string, string>>;
}

/** Something that sends one SMS a lead from Postgres, set up as its documentation advises. */
export interface Contestant {
  /** As `--contestants` takes it, and as the results have it. */
  readonly name: string;
  readonly title: string;
  /** What differs from its defaults; printed with the results. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** Makes what it needs in an empty database. */
  prepare(pool: pg.Pool, databaseUrl: string): Promise<void>;
  openSender(databaseUrl: string): Promise<Sender>;
  /** What a registration adds, to be copied by plain SQL; `dueAt` is the copies' due time, in SQL. */
  copies(dueAt: string): readonly CopiedTable[];
  /** What a lead that was sent leaves; left out where a backlog of these is not measured. */
  readonly finished?: readonly CopiedTable[];
  /** Lets a database that was filled be copied, where it would notice. */
  beforeCopying?(pool: pg.Pool): Promise<void>;
  worker(place: Place): Program;
}

/** A contestant whose worker is ours to write: it runs in `bench/worker.ts`. */
export interface Peer extends Contestant {
  /** Works until it is told to stop. */
  work(place: Pick<Place, "databaseUrl" | "gatewayUrl">): Promise<{ stop(): Promise<void> }>;
}

/** How many sends each contestant has under way at once, where it can. */
export const IN_FLIGHT = 100;
