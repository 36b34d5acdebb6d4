import { OnceboxError } from "../errors.ts";

/**
 * The sandbox pretends to send. In production that would lose every message while all
 * looks well, so each part refuses to start there.
 */
export function refuseInProduction(part: string): void {
  if (process.env.NODE_ENV !== "production") return;
  throw new OnceboxError(
    "ONCEBOX_SANDBOX_FAILED",
    `${part} does not run with NODE_ENV=production`,
    {
      detail: "The sandbox only pretends to send: no message would reach anyone.",
      hint: "Configure the real provider, or unset NODE_ENV on a development machine.",
    },
  );
}
