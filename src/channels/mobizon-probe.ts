import { randomBytes } from "node:crypto";
import type { ProbeStep } from "../outbox/outcome.ts";
import type { MobizonApi } from "./mobizon-api.ts";
import type { Answer } from "./mobizon-call.ts";

/** Text of the draft; no person gets it. */
const TEXT = "oncebox doctor: a draft that is never sent";

/**
 * What a send in campaign mode asks of the account, without its last call: a draft without a
 * recipient is made, looked up and thrown away. Not even a mistake could send it to anyone.
 */
export async function probeMobizon(
  api: MobizonApi,
  signal: AbortSignal,
): Promise<readonly ProbeStep[]> {
  const steps: ProbeStep[] = [];
  /** Undefined when the step failed. */
  async function step<T>(
    name: string,
    answer: Answer<T>,
    judge: (value: T) => { readonly ok: boolean; readonly detail: string },
  ): Promise<T | undefined> {
    if (!answer.ok) {
      const { failure } = answer;
      const trouble = "trouble" in failure ? failure.trouble : undefined;
      const detail = `${failure.code}: ${failure.detail}`;
      steps.push({ name, ok: false, detail, ...(trouble && { trouble }) });
      return undefined;
    }
    const judged = judge(answer.value);
    steps.push({ name, ...judged });
    return judged.ok ? answer.value : undefined;
  }

  const balance = await step("balance", await api.getBalance(signal), ({ balance, currency }) => ({
    ok: true,
    detail: `${balance} ${currency}`,
  }));
  if (balance === undefined) return steps;

  // No reference of a notification: nobody takes it for one.
  const name = `oncebox-doctor-${randomBytes(6).toString("hex")}`;
  const id = await step(
    "create a draft",
    await api.createCampaign({ name, text: TEXT }, signal),
    (it) => ({
      ok: true,
      detail: `campaign ${it}`,
    }),
  );
  if (id === undefined) return steps;

  await step("look it up", await api.getCampaign(id, signal), (campaign) => ({
    ok: campaign?.name === name && campaign.status === "NEW",
    detail:
      campaign === null
        ? "it is not there"
        : campaign.name === name
          ? `status ${campaign.status}`
          : "it came back under another name",
  }));
  // Whatever the look-up said: nothing is left behind.
  await step("delete it", await api.deleteCampaign(id, signal), (isDeleted) => ({
    ok: isDeleted,
    detail: isDeleted ? "gone" : `campaign ${id} could not be deleted`,
  }));
  return steps;
}
