import { assertEquals } from "@std/assert";
import { RequestsInFlight } from "../../../lib/adapters/kafka/requests_in_flight.ts";
import { Random } from "../../support/random.ts";

Deno.test("RequestsInFlight does what a Map does, in the order of a Map", () => {
  const random = new Random(7);
  const map = new Map<number, number>();
  const requests = new RequestsInFlight<number>();
  for (let step = 0; step < 5_000; step++) {
    const id = random.int(0, 11);
    const action = random.int(0, 99);
    if (action < 50) {
      map.set(id, step);
      requests.set(id, step);
    } else if (action < 99) assertEquals(requests.delete(id), map.delete(id));
    else {
      map.clear();
      requests.clear();
    }
    assertEquals([requests.has(id), requests.get(id)], [map.has(id), map.get(id)]);
    assertEquals(requests.size, map.size);
    assertEquals([...requests.values()], [...map.values()]);
  }
});

Deno.test("RequestsInFlight visits every entry though the visitor deletes it", () => {
  const requests = new RequestsInFlight<string>();
  for (const id of [3, 1, 2]) requests.set(id, `request ${id}`);
  const visited: string[] = [];
  requests.forEach((value, id) => {
    visited.push(value);
    requests.delete(id);
  });
  assertEquals(visited, ["request 3", "request 1", "request 2"]);
  assertEquals(requests.size, 0);
});
