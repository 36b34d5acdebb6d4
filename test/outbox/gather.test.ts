import { describe, expect, test } from "vitest";
import { gather } from "../../src/outbox/gather.ts";

/** Answers each number with its double; the statements that were asked are kept. */
function doubling(fail: (numbers: readonly number[]) => void = () => {}): {
  ask: (number: number) => Promise<number>;
  statements: number[][];
} {
  const statements: number[][] = [];
  const ask = gather<number, number>(String, async (numbers) => {
    statements.push([...numbers]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    fail(numbers);
    return numbers.map((it) => it * 2);
  });
  return { ask, statements };
}

describe("what is gathered", () => {
  test("goes at once, and together with what came in the same turn", async () => {
    const { ask, statements } = doubling();

    expect(await Promise.all([ask(1), ask(2)])).toEqual([2, 4]);
    expect(statements).toEqual([[1, 2]]);
  });

  test("goes together with all that came while the last statement was under way", async () => {
    const { ask, statements } = doubling();

    const first = ask(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await Promise.all([first, ask(2), ask(3)])).toEqual([2, 4, 6]);

    expect(statements).toEqual([[1], [2, 3]]);
  });

  test("waits for more after a statement of several, so that fewer statements serve them", async () => {
    const { ask, statements } = doubling();

    await Promise.all([ask(1), ask(2)]);
    const third = ask(3);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await Promise.all([third, ask(4)])).toEqual([6, 8]);

    expect(statements).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test("has no two requests of one key in a statement", async () => {
    const { ask, statements } = doubling();

    expect(await Promise.all([ask(1), ask(1), ask(2)])).toEqual([2, 2, 4]);
    expect(statements).toEqual([[1, 2], [1]]);
  });

  test("fails alone where the statement fails for the sake of one", async () => {
    const { ask, statements } = doubling((numbers) => {
      if (numbers.includes(2)) throw Object.assign(new Error("check"), { code: "23514" });
    });

    const answers = await Promise.allSettled([ask(1), ask(2), ask(3)]);

    expect(answers.map((it) => it.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(statements).toEqual([[1, 2, 3], [1], [2], [3]]);
  });

  test("fails together where the connection broke: each asks again by itself", async () => {
    const { ask, statements } = doubling(() => {
      throw new Error("Connection terminated unexpectedly");
    });

    const answers = await Promise.allSettled([ask(1), ask(2)]);

    expect(answers.map((it) => it.status)).toEqual(["rejected", "rejected"]);
    expect(statements).toEqual([[1, 2]]);
  });

  test("is refused as locked where somebody holds its rows, and the others are answered", async () => {
    const ask = gather<number, number>(String, async (numbers) =>
      numbers.map((it) => (it === 2 ? undefined : it)),
    );

    const [one, two] = await Promise.allSettled([ask(1), ask(2)]);

    expect(one).toEqual({ status: "fulfilled", value: 1 });
    expect(two).toMatchObject({ status: "rejected", reason: { code: "55P03" } });
  });

  test("is at most two hundred a statement", async () => {
    const { ask, statements } = doubling();

    await Promise.all(Array.from({ length: 250 }, (_, index) => ask(index)));

    expect(statements.map((it) => it.length)).toEqual([200, 50]);
  });
});
