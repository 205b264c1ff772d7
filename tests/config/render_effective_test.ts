import { assert, assertEquals } from "@std/assert";
import { renderEffective } from "../../lib/config/render_effective.ts";
import { load, type Sources } from "./load.ts";

Deno.test("renderEffective() writes each value with where it comes from", async () => {
  const loaded = await load({
    yaml: "session:\n  grace: 1m\n",
    environment: {
      SESSIONWHEEL__KAFKA__SASL__USERNAME: "u",
      SESSIONWHEEL__KAFKA__SASL__PASSWORD: "hunter2",
    },
    set: ["kafka.brokers=[::1]:9092,b:1"],
  });
  const text = renderEffective(loaded);
  const lines = text.split("\n").map((line) => line.replace(/ +# (?=[^#]*$)/, " # "));
  for (
    const line of [
      "app:",
      "  id: sessionwheel # default",
      "  node: edge-7 # default",
      '  brokers: "[::1]:9092,b:1" # --set kafka.brokers',
      "    caFile: # default",
      "    username: u # SESSIONWHEEL__KAFKA__SASL__USERNAME",
      "    # password: (hidden) # SESSIONWHEEL__KAFKA__SASL__PASSWORD",
      "  topics: events # default",
      "  layout: plain # default",
      "  grace: 1m # sw.yaml:2:10",
    ]
  ) {
    assert(lines.includes(line), `${line}\nis not in\n${lines.join("\n")}`);
  }
  assert(!text.includes("hunter2"));
});

const ROUND_TRIPS: readonly (readonly [what: string, sources: Sources])[] = [
  ["the defaults", {}],
  ["every kind of value", {
    set: [
      "app.node=a b: #c",
      "kafka.brokers=[::1]:9092,b:1",
      "kafka.tls.enabled=on",
      'kafka.tls.serverName="x"',
      "kafka.producer=stock",
      "input.topics=x,y",
      "output.fencing=off",
      "output.lostSessions=forget",
      "session.heartbeatInterval=1500ms",
      "session.maxDuration=24h",
      "session.grace=0",
      "checkpoint.interval=5m",
      "http.address=[::1]:0",
      "limits.maxSessions=1",
      "limits.maxEventBytes=1025B",
      "state.dir=~",
    ],
  }],
  ["a preset", { set: ["input.layout=rtm-gaming", "output.layout=rtm-gaming"] }],
  ["a layout of its own", {
    yaml: "input: { topics: [a, b], layout: { type: '#', deviceId: { a: x, b: y } } }",
  }],
  ["a preset with a field of its own", {
    set: ["input.layout=rtm-gaming", "input.layout.accountId=who"],
  }],
];

for (const [what, sources] of ROUND_TRIPS) {
  Deno.test(`renderEffective() writes ${what} so that it reads back the same`, async () => {
    const first = await load(sources);
    const second = await load({ yaml: renderEffective(first) });
    assertEquals(second.config, {
      ...first.config,
      kafka: { ...first.config.kafka, configured: true },
    });
    const isCustom = first.config.input.layoutName === "custom";
    for (const [index, { key, text }] of first.effective.entries()) {
      // A layout of its own is written field by field, whatever it began with.
      if (isCustom && key === "input.layout") continue;
      assertEquals(second.effective[index]!.text, text, key);
    }
  });
}
