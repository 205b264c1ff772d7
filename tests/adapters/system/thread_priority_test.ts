import { assertEquals } from "@std/assert";

const MODULE = new URL("../../../lib/adapters/system/thread_priority.ts", import.meta.url).href;

/** In a process of its own, since this one is to stay as it is. */
const SCRIPT = `
  const niceOf = (path) => {
    const stat = Deno.readTextFileSync(path + "/stat");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
  };
  const worker = new Worker("data:application/javascript,setInterval(() => {}, 1000)", {
    type: "module",
    name: "engine",
  });
  const { giveWayToOtherThreads } = await import(${JSON.stringify(MODULE)});
  giveWayToOtherThreads();
  const own = niceOf("/proc/self/task/" + Deno.pid);
  const others = [...Deno.readDirSync("/proc/self/task")]
    .map(({ name }) => niceOf("/proc/self/task/" + name));
  console.log(JSON.stringify({ own, others: others.filter((nice) => nice > 0).length }));
  Deno.exit(0);
`;

Deno.test({
  name: "giveWayToOtherThreads() lowers the priority of its own thread and of no other",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-lock", SCRIPT],
      stderr: "inherit",
    }).output();
    // It counts itself among those above 0.
    assertEquals(JSON.parse(new TextDecoder().decode(stdout)), { own: 10, others: 1 });
  },
});
