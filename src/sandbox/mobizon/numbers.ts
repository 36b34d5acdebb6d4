/** Every status a message can have, spelled as Mobizon does. */
export type MessageStatus =
  | "NEW"
  | "ENQUEUD"
  | "ACCEPTD"
  | "PDLIVRD"
  | "DELIVRD"
  | "UNDELIV"
  | "REJECTD"
  | "EXPIRED"
  | "DELETED";

/** Numbers that stand for an ending: any number with these last four digits. */
const FINAL_STATUS: Readonly<Record<string, MessageStatus>> = {
  "9991": "UNDELIV",
  "9992": "REJECTD",
  "9993": "EXPIRED",
  "9994": "DELETED",
};

/** Numbers that Mobizon refuses to take: the recipient's code in `campaign/addRecipients`. */
const REFUSAL: Readonly<Record<string, number>> = {
  "9995": 5, // in the stop list
  "9996": 6, // a country that this account may not send to
  "9997": 7, // operator unknown
  "9998": 8, // operator not supported
};

/** How the moderator decides on what goes to numbers with these last four digits. */
const MODERATION: Readonly<Record<string, "approve" | "decline">> = {
  "9980": "approve",
  "9981": "decline",
};

export function finalStatusOf(number: string): MessageStatus {
  return FINAL_STATUS[number.slice(-4)] ?? "DELIVRD";
}

export function moderationOf(number: string): "approve" | "decline" | undefined {
  return MODERATION[number.slice(-4)];
}

/** Digits only, or null: a `+` that was encoded is taken off, one that was not is a space by now. */
export function normalise(given: string): string | null {
  const digits = given.startsWith("+") ? given.slice(1) : given;
  return /^[1-9]\d{9,14}$/.test(digits) && !isLocal(digits) ? digits : null;
}

/** The recipient's code in `campaign/addRecipients`: 0 is taken. */
export function recipientCode(given: string): number {
  if (given === "") return 1;
  if (!/\d/.test(given)) return 2;
  const number = normalise(given);
  if (number === null) return 3;
  return REFUSAL[number.slice(-4)] ?? 0;
}

/** Kazakhstan's numbers as dialled at home, with 8 in place of 7. */
function isLocal(digits: string): boolean {
  return /^87\d{9}$/.test(digits);
}

// The characters of GSM 03.38, in which a segment holds more of them, and those that count twice.
const GSM =
  /^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà^{}\\[~\]|€]*$/;
const GSM_DOUBLE = /[\^{}\\[~\]|€]/g;

/** How many SMS a text takes, which is what Mobizon charges for. */
export function segmentsOf(text: string): number {
  const isGsm = GSM.test(text);
  const length = text.length + (isGsm ? (text.match(GSM_DOUBLE)?.length ?? 0) : 0);
  const [alone, joined] = isGsm ? [160, 153] : [70, 67];
  return length <= alone ? 1 : Math.ceil(length / joined);
}
