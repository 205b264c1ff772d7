import { assertEquals, assertRejects } from "@std/assert";
import { ConcurrencyLimit } from "../../../lib/adapters/kafka/concurrency_limit.ts";

Deno.test("ConcurrencyLimit.run() lets so many run, the others in order, failures too", async () => {
  const limit = new ConcurrencyLimit(2);
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
  const started: number[] = [];
  const results = ends.map(({ promise }, index) =>
    limit.run(async () => {
      started.push(index);
      return await promise;
    })
  );
  const settle = async (): Promise<void> => await new Promise((resolve) => setTimeout(resolve, 0));
  await settle();
  assertEquals(started, [0, 1]);
  const failed = assertRejects(() => results[1]!, Error, "no");
  ends[1]!.reject(new Error("no"));
  await failed;
  await settle();
  assertEquals(started, [0, 1, 2]);
  for (const index of [0, 2, 3, 4]) ends[index]!.resolve(index);
  assertEquals(await Promise.all([0, 2, 3, 4].map((index) => results[index])), [0, 2, 3, 4]);
  assertEquals(started, [0, 1, 2, 3, 4]);
});
