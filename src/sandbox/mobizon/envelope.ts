/** What Mobizon answers, with HTTP 200, whether it did the thing or not. */
export interface Envelope {
  readonly code: number;
  readonly data: unknown;
  readonly message: string;
}

export function done(data: unknown): Envelope {
  return { code: 0, data, message: "" };
}

export function refusal(code: number, message: string, data: unknown = null): Envelope {
  return { code, data, message };
}

export function wrongFields(fields: Readonly<Record<string, string>>): Envelope {
  return refusal(1, "Validation failed", fields);
}

/** A stand-in that ignored what it does not know would show a success that is not one. */
export function notSupported(parameter: string): Envelope {
  return refusal(15, `The sandbox does not support ${parameter}`);
}

/** Mobizon's ids come as texts or as numbers. Here the even ones are numbers, so that both occur. */
export function looseId(id: number): string | number {
  return id % 2 === 0 ? id : String(id);
}

/** The same for other whole numbers. */
export function looseNumber(value: number): string | number {
  return looseId(value);
}

export function isWithin(text: string, least: number, most: number): boolean {
  return /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most;
}

/** The vendor's times name no zone. This one is not UTC, so that nobody compares it with a clock. */
export function timeText(at: number): string {
  return new Date(at + 5 * 3_600_000).toISOString().slice(0, 19).replace("T", " ");
}
