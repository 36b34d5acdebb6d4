/** The most of a provider's text that is kept, in bytes of UTF-8. */
const MAX_DETAIL_BYTES = 1024;

/** C0, C1, and the marks that reorder or hide text on a terminal or in a log. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu;

// The counts are bounded so that 64 KiB of hostile text cannot make the search quadratic.
const EMAIL = /([^\s@<>"',;:()[\]])[^\s@<>"',;:()[\]]{0,63}@([\w.-]{1,253})/g;
// Nine digits and more, with the separators people write between them. Times and dates get
// masked along with phone numbers: too much hidden costs a glance, too little a leak.
const PHONE = /\+?\d(?:[\s().-]{0,2}\d){8,30}/g;

/**
 * Makes text from a provider or a library fit to be stored and shown: secrets, phone numbers
 * and addresses masked, control characters gone, at most 1 KiB.
 *
 * @param secrets - Exact strings that must not appear, such as an API key in each of its spellings.
 */
export function cleanText(text: string, secrets: readonly string[] = []): string {
  let cleaned = text;
  for (const secret of secrets) cleaned = cleaned.replaceAll(secret, "•••");
  return truncate(
    cleaned.replace(UNSAFE, " ").replace(EMAIL, "$1•••@$2").replace(PHONE, maskNumber).trim(),
  );
}

/** As `+7700•••••33`: enough to recognise a number one already has. */
function maskNumber(number: string): string {
  const plus = number.startsWith("+") ? "+" : "";
  const digits = number.replace(/\D/g, "");
  return `${plus}${digits.slice(0, 4)}•••••${digits.slice(-2)}`;
}

function truncate(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_DETAIL_BYTES) return text;
  // Room for the ellipsis, and a character cut in half is dropped.
  const kept = bytes
    .subarray(0, MAX_DETAIL_BYTES - 3)
    .toString()
    .replace(/\uFFFD+$/, "");
  return `${kept}…`;
}
