/** C0, C1, and the marks that reorder or hide text: a file must not be able to write to a terminal. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu;

/** Text that has come from a file or an argument, fit for a terminal: one line, nothing hidden. */
export function printable(text: string): string {
  return text.replace(UNSAFE, "�");
}

/** One line of JSON that is as safe to look at: what JSON.stringify leaves as it is, escaped. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (marks) =>
    Array.from({ length: marks.length }, (_, index) => {
      const unit = marks.charCodeAt(index).toString(16).padStart(4, "0");
      return `\\u${unit}`;
    }).join(""),
  );
}

/** A name from outside as it is shown in a message: quoted, and not longer than a line can take. */
export function quoted(name: string): string {
  return printableJson(name.length > 60 ? `${name.slice(0, 60)}…` : name);
}
