/** One label of a domain: letters, digits and inner hyphens. */
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
/** The last label begins with a letter, so that an IP address is none. */
const DOT_ATOM_AT_FQDN = new RegExp(
  `^(${ATOM}(?:\\.${ATOM})*)@((?:${LABEL}\\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9]))$`,
);

/**
 * Whether the text is one plain address and nothing else: a dot-atom, `@`, a full domain name.
 *
 * Deliberately narrower than the standard. Quoted local parts, comments, groups, lists, IP
 * literals and everything beyond ASCII are what mail libraries disagree about, and where they
 * disagree a stranger becomes a recipient: nodemailer sends `a@x.test,evil@y.test` to both.
 */
export function isPlainAddress(text: string): boolean {
  if (text.length > 254) return false;
  const local = DOT_ATOM_AT_FQDN.exec(text)?.[1];
  return local !== undefined && local.length <= 64;
}
