import { InvalidArgumentError } from "commander";
import { parseIntervalMs } from "../config.ts";

/** Reads an option's interval, as Postgres writes it, into milliseconds; `wanted` says what may be given. */
export function interval(
  { leastMs = 1, mostMs }: { readonly leastMs?: number; readonly mostMs: number },
  wanted: string,
): (text: string) => number {
  return (text) => {
    const ms = parseIntervalMs(text);
    if (ms !== null && ms >= leastMs && ms <= mostMs) return ms;
    throw new InvalidArgumentError(`wanted an interval ${wanted}.`);
  };
}
