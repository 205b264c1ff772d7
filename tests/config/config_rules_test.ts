import { assertEquals } from "@std/assert";
import { load, loadError, type Sources } from "./load.ts";

interface Refusal {
  readonly what: string;
  readonly sources: Sources;
  /** `where | key | found | fix` of each problem. */
  readonly problems: readonly string[];
}

const PASSWORD = { SESSIONWHEEL__KAFKA__SASL__PASSWORD: "hunter2" };

const REFUSALS: readonly Refusal[] = [
  {
    what: "a user name without a password",
    sources: { set: ["kafka.sasl.username=u"] },
    problems: [
      "--set kafka.sasl.username | kafka.sasl.username | a user name without a password | " +
      "set kafka.sasl.passwordFile, or the variable SESSIONWHEEL__KAFKA__SASL__PASSWORD",
    ],
  },
  {
    what: "a password without a user name",
    sources: { environment: PASSWORD },
    problems: [
      "SESSIONWHEEL__KAFKA__SASL__PASSWORD | kafka.sasl.password | " +
      "a password without a user name | set kafka.sasl.username",
    ],
  },
  {
    what: "a password file without a user name",
    sources: { set: ["kafka.sasl.passwordFile=/pw"], files: { "/pw": "hunter2" } },
    problems: [
      "--set kafka.sasl.passwordFile | kafka.sasl.passwordFile | " +
      "a password without a user name | set kafka.sasl.username",
    ],
  },
  {
    what: "a password in two places",
    sources: {
      set: ["kafka.sasl.username=u", "kafka.sasl.passwordFile=/pw"],
      environment: PASSWORD,
      files: { "/pw": "hunter2" },
    },
    problems: [
      "--set kafka.sasl.passwordFile | kafka.sasl.passwordFile | a password file besides the " +
      "variable SESSIONWHEEL__KAFKA__SASL__PASSWORD | remove one of the two",
    ],
  },
  {
    what: "a certificate without its key",
    sources: {
      set: ["kafka.tls.enabled=on", "kafka.tls.certFile=/c"],
      files: { "/c": "-----BEGIN CERTIFICATE-----\nx\n" },
    },
    problems: [
      "--set kafka.tls.certFile | kafka.tls.certFile | a certificate without its key | " +
      "set kafka.tls.keyFile, too",
    ],
  },
  {
    what: "a key without its certificate",
    sources: {
      set: ["kafka.tls.enabled=on", "kafka.tls.keyFile=/k"],
      files: { "/k": "-----BEGIN PRIVATE KEY-----\nx\n" },
    },
    problems: [
      "--set kafka.tls.keyFile | kafka.tls.keyFile | a key alone | set kafka.tls.certFile, too",
    ],
  },
  {
    what: "TLS settings while nobody switched TLS on or off",
    sources: { yaml: "kafka: { tls: { serverName: kafka.example } }\n" },
    problems: [
      "sw.yaml:1:29 | kafka.tls.serverName | a TLS setting, but TLS is off | " +
      "set kafka.tls.enabled: on",
    ],
  },
  {
    what: "an output topic that is read",
    sources: { yaml: "input: { topics: [a, b] }\noutput: { topic: b }\n" },
    problems: [
      'sw.yaml:2:18 | output.topic | "b", which is both output.topic and one of input.topics | ' +
      "name another topic",
    ],
  },
  {
    what: "an input topic that is the default dead-letter topic",
    sources: { set: ["input.topics=sessions.dlq"] },
    problems: [
      '--set input.topics | input.topics | "sessions.dlq", which is both deadLetters.topic and ' +
      "one of input.topics | name another topic to read",
    ],
  },
  {
    what: "one topic for records and dead letters",
    sources: { set: ["output.topic=x", "deadLetters.topic=x"] },
    problems: [
      '--set deadLetters.topic | deadLetters.topic | "x", which is both output.topic and ' +
      "deadLetters.topic | name another topic",
    ],
  },
  {
    what: "the output topic among the default topics of a layout",
    sources: { set: ["input.layout=rtm-gaming", "output.topic=pc_sessions"] },
    problems: [
      '--set output.topic | output.topic | "pc_sessions", which is both output.topic and one of ' +
      "input.topics | name another topic",
    ],
  },
  {
    what: "one field for two meanings",
    sources: { yaml: "input: { layout: { sessionId: id, deviceId: id } }\n" },
    problems: [
      'sw.yaml:1:31 | input.layout.sessionId | the field "id" for both input.layout.deviceId and ' +
      "input.layout.sessionId (topic events) | name another field",
    ],
  },
  {
    what: "a chosen field that another one has by default",
    sources: { set: ["input.layout.deviceId=sessionId"] },
    problems: [
      '--set input.layout.deviceId | input.layout.deviceId | the field "sessionId" for both ' +
      "input.layout.deviceId and input.layout.sessionId (topic events) | name another field",
    ],
  },
  {
    what: "one value for starts and ends",
    sources: { set: ["input.layout.startValue=end"] },
    problems: [
      '--set input.layout.startValue | input.layout.startValue | "end" for both the start and ' +
      "the end | write the type that the events really carry",
    ],
  },
  {
    what: "device fields that do not go with the topics",
    sources: { yaml: "input: { topics: [a, b], layout: { deviceId: { a: x, c: y } } }\n" },
    problems: [
      'sw.yaml:1:46 | input.layout.deviceId | the topic "c", which is not read | ' +
      "remove it, or add it to input.topics",
      'sw.yaml:1:46 | input.layout.deviceId | no field for the topic "b" | add b',
    ],
  },
  {
    what: "an open address without a token",
    sources: { environment: { SESSIONWHEEL__HTTP__ADDRESS: "0.0.0.0:8484" } },
    problems: [
      'SESSIONWHEEL__HTTP__ADDRESS | http.address | "0.0.0.0:8484", which other machines can ' +
      "reach, and no token | set http.tokenFile, or http.insecure: true to serve everybody",
    ],
  },
];

for (const { what, sources, problems } of REFUSALS) {
  Deno.test(`checkCombinations() refuses ${what}`, async () => {
    const error = await loadError(sources);
    const told = error.problems.map(({ where, key, found, fix }) =>
      [where, key, found, fix].join(" | ")
    );
    assertEquals(told, problems);
  });
}

Deno.test("checkCombinations() does not echo a problem that a single value has already", async () => {
  const set = ["kafka.sasl.username=", "http.address=nowhere", "output.topic=a b"];
  const error = await loadError({ set, environment: { SESSIONWHEEL__HTTP__INSECURE: "perhaps" } });
  assertEquals(error.problems.map(({ key }) => key), [
    "output.topic",
    "http.address",
    "http.insecure",
  ]);
});

const TOKEN = "0123456789abcdef";

const ALLOWED: readonly (readonly [what: string, sources: Sources])[] = [
  ["an open address with a token", {
    set: ["http.address=[::]:8484", "http.tokenFile=/t"],
    files: { "/t": TOKEN },
  }],
  ["TLS files while TLS is switched off in so many words", {
    yaml: "kafka: { tls: { enabled: off, caFile: /ca } }",
    files: { "/ca": "-----BEGIN CERTIFICATE-----\n" },
  }],
  ["a user name with a password from the environment", {
    set: ["kafka.sasl.username=u"],
    environment: PASSWORD,
  }],
  ["a field each for the devices of both topics", {
    yaml: "input: { topics: [a, b], layout: { deviceId: { a: x, b: y } } }\n",
  }],
];

for (const [what, sources] of ALLOWED) {
  Deno.test(`checkCombinations() allows ${what}, without a warning`, async () => {
    assertEquals((await load(sources)).warnings, []);
  });
}

const WARNED: readonly (readonly [what: string, sources: Sources, warnings: readonly string[]])[] =
  [
    ["a mechanism without a user", { set: ["kafka.sasl.mechanism=plain"] }, [
      "kafka.sasl.mechanism is set, but there is no kafka.sasl.username: nobody logs in",
    ]],
    ["a readable password", {
      set: [
        "kafka.sasl.username=u",
        "kafka.sasl.mechanism=plain",
        "kafka.brokers=127.0.0.1:1,kafka.example:9092",
      ],
      environment: PASSWORD,
    }, [
      "kafka.sasl.mechanism is plain and kafka.tls.enabled is off: " +
      "the password crosses the network readably",
    ]],
    ["sessions without heartbeats", { set: ["session.maxDuration=30s"] }, [
      "session.maxDuration is not above session.heartbeatInterval: sessions have no heartbeats",
    ]],
    ["a topic that the reference does not have", {
      set: ["input.layout=rtm-gaming", "input.topics=pc_sessions,phones"],
    }, [
      "input topic phones is not one of the reference's: its devices are read from hostPcId",
    ]],
    ["an open address without a token that was wanted so", {
      set: ["http.address=0.0.0.0:1", "http.insecure=on"],
    }, [
      "http.insecure is on: everybody who can reach 0.0.0.0:1 can read and call everything",
    ]],
  ];

for (const [what, sources, warnings] of WARNED) {
  Deno.test(`warnOfCombinations() warns of ${what}`, async () => {
    assertEquals((await load(sources)).warnings, warnings);
  });
}
