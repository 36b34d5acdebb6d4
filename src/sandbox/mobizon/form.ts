/** A decoded form body: `params[name]=x` is `{ params: { name: "x" } }`. */
export interface Form {
  readonly [key: string]: string | Form;
}

interface OpenForm {
  [key: string]: string | OpenForm;
}

/** Decodes nested names as PHP does; `ids[]` takes the next free number. */
export function parseForm(body: string): Form {
  const form = emptyForm();
  for (const [name, value] of new URLSearchParams(body)) {
    const path = name
      .split("[")
      .map((part, index) => (index === 0 ? part : part.replace(/\]$/, "")));
    put(form, path, value);
  }
  return form;
}

export function textAt(form: Form, ...path: readonly string[]): string | undefined {
  const found = at(form, path);
  return typeof found === "string" ? found : undefined;
}

/** An array as it is; a text split at its commas. Undefined if it was not given at all. */
export function listAt(form: Form, ...path: readonly string[]): string[] | undefined {
  const found = at(form, path);
  if (found === undefined) return undefined;
  if (typeof found === "string") return found === "" ? [] : found.split(",").map((it) => it.trim());
  return Object.values(found).filter((it) => typeof it === "string");
}

function at(form: Form, path: readonly string[]): string | Form | undefined {
  let here: string | Form | undefined = form;
  for (const key of path) {
    if (here === undefined || typeof here === "string") return undefined;
    here = here[key];
  }
  return here;
}

function put(form: OpenForm, path: readonly string[], value: string): void {
  const [head = "", ...rest] = path;
  const key = head === "" ? String(Object.keys(form).length) : head;
  if (rest.length === 0) {
    form[key] = value;
    return;
  }
  const inner = form[key];
  const next = typeof inner === "object" ? inner : emptyForm();
  form[key] = next;
  put(next, rest, value);
}

/** Without a prototype, so that a parameter named `constructor` is a parameter. */
function emptyForm(): OpenForm {
  return Object.create(null) as OpenForm;
}
