/** What must be passed over as a whole: a `;` inside does not end a statement. */
const WHOLE = [
  /--[^\n]*/y,
  /\/\*[\s\S]*?\*\//y,
  /\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'/y,
  /'(?:[^']|'')*'/y,
  /"(?:[^"]|"")*"/y,
  /\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$/y,
];

/** The statements of an SQL text, without the `;`, each with the comments above it. */
export function splitStatements(text: string): string[] {
  const statements: string[] = [];
  let from = 0;
  let at = 0;
  while (at < text.length) {
    const length = wholeAt(text, at);
    if (length === 0 && text[at] === ";") {
      statements.push(text.slice(from, at));
      from = at + 1;
    }
    at += length || 1;
  }
  statements.push(text.slice(from));
  return statements.map((it) => it.trim()).filter((it) => withoutComments(it) !== "");
}

/** The statement in one line, as a rule about its first words can read it. */
export function withoutComments(statement: string): string {
  let bare = "";
  let at = 0;
  while (at < statement.length) {
    const length = wholeAt(statement, at);
    const piece = statement.slice(at, at + (length || 1));
    bare += /^(?:--|\/\*)/.test(piece) ? " " : piece;
    at += piece.length;
  }
  return bare.replaceAll(/\s+/g, " ").trim();
}

function wholeAt(text: string, at: number): number {
  for (const pattern of WHOLE) {
    pattern.lastIndex = at;
    const [found] = pattern.exec(text) ?? [""];
    if (found !== "") return found.length;
  }
  return 0;
}
