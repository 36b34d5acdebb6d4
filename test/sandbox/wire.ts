import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect } from "vitest";

export interface Answer {
  readonly code: number;
  // biome-ignore lint/suspicious/noExplicitAny: the data has another shape for every method
  readonly data: any;
  readonly message: string;
}

/** Whom to call. */
export interface Address {
  readonly url: string;
  readonly apiKey: string;
}

export async function call(
  { url, apiKey }: Address,
  method: string,
  form: Readonly<Record<string, string>> = {},
  query: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const given = new URLSearchParams({ output: "json", api: "v1", apiKey, ...query });
  const response = await fetch(`${url}/service/${method}?${given}`, {
    method: "POST",
    body: new URLSearchParams(form),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Answer;
}

/** A campaign with one recipient that has not been sent. */
export async function draft(
  address: Address,
  recipient: string,
  fields: Readonly<Record<string, string>> = {},
): Promise<{ readonly id: string; readonly messageId: string }> {
  const created = await call(address, "campaign/create", {
    "data[name]": "oncebox-1",
    "data[text]": "hello",
    "data[type]": "1",
    ...fields,
  });
  const id = String(created.data);
  const added = await call(address, "campaign/addRecipients", { id, "recipients[]": recipient });
  return { id, messageId: String(added.data[0].messageId) };
}

export async function messageStatus(address: Address, id: string): Promise<string> {
  return (await call(address, "message/getSMSStatus", { ids: id })).data[0].status;
}

export interface Seen {
  readonly text: string;
  readonly end: "fin" | "rst" | "open";
}

/**
 * What a call looks like on the wire: every byte of the answer, and how the connection ended.
 *
 * @param answered - Matches when all has been said and the connection is to stay open. Null when
 *   nothing is to come: then a second of silence has to do.
 */
export async function rawCall(
  { url, apiKey }: Address,
  method: string,
  form: Readonly<Record<string, string>>,
  answered: RegExp | null,
): Promise<Seen> {
  const body = new URLSearchParams(form).toString();
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  await once(socket, "connect");
  socket.write(
    `POST /service/${method}?output=json&api=v1&apiKey=${apiKey} HTTP/1.1\r\nhost: x\r\n` +
      `content-type: application/x-www-form-urlencoded\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  let text = "";
  const end = await endOf(
    socket,
    (chunk) => {
      text += chunk;
      return answered?.test(text) ?? false;
    },
    answered === null,
  );
  return { text, end };
}

/** How a connection ends, or `open` once `isAll` says so or the silence that is expected is there. */
export async function endOf(
  socket: Socket,
  isAll: (chunk: string) => boolean,
  expectsSilence: boolean,
): Promise<Seen["end"]> {
  const end = await new Promise<Seen["end"]>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      if (isAll(chunk.toString())) resolve("open");
    });
    socket.once("end", () => resolve("fin"));
    socket.once("error", () => resolve("rst"));
    socket.setTimeout(expectsSilence ? 1_000 : 20_000, () => resolve("open"));
  });
  socket.destroy();
  return end;
}
