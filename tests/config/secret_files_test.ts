import { assert, assertEquals } from "@std/assert";
import type { ConfigFiles } from "../../lib/config/config_files.ts";
import { loadConfig } from "../../lib/config/load_config.ts";
import { parseSetFlag } from "../../lib/config/flag_settings.ts";
import { load, loadError } from "./load.ts";
import { type MemoryFile, memoryFiles, systemError } from "./memory_files.ts";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const KEY = "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n";

const ALL_KEYS = [
  "kafka.tls.enabled=on",
  "kafka.tls.caFile=/ca.pem",
  "kafka.tls.certFile=/cert.pem",
  "kafka.tls.keyFile=/key.pem",
  "kafka.sasl.username=u",
  "kafka.sasl.passwordFile=/password",
  "http.tokenFile=/token",
];

const ALL_FILES = {
  "/ca.pem": CERTIFICATE,
  "/cert.pem": CERTIFICATE,
  "/key.pem": KEY,
  "/password": "hunter2 \r\n",
  "/token": "0123456789abcdef\n",
};

Deno.test("readSecretFiles() reads each file and takes off its last newline", async () => {
  const { config, warnings } = await load({ set: ALL_KEYS, files: ALL_FILES });
  assertEquals(config.secrets, {
    tlsCa: CERTIFICATE.trimEnd(),
    tlsCert: CERTIFICATE.trimEnd(),
    tlsKey: KEY.trimEnd(),
    saslPassword: "hunter2 ",
    httpToken: "0123456789abcdef",
  });
  assertEquals(warnings, []);
});

Deno.test("readSecretFiles() takes the password from the environment, too", async () => {
  const { config } = await load({
    set: ["kafka.sasl.username=u"],
    environment: { SESSIONWHEEL__KAFKA__SASL__PASSWORD: "hunter2" },
  });
  assertEquals(config.secrets.saslPassword, "hunter2");
});

Deno.test("readSecretFiles() is not asked for by commands that need no secret", async () => {
  const { config } = await load({ set: ALL_KEYS, readSecrets: false });
  assertEquals(Object.values(config.secrets), [null, null, null, null, null]);
});

type FileKey =
  | "kafka.sasl.passwordFile"
  | "http.tokenFile"
  | "kafka.tls.keyFile"
  | "kafka.tls.caFile";

const PATHS: Readonly<Record<FileKey, string>> = {
  "kafka.sasl.passwordFile": "/password",
  "http.tokenFile": "/token",
  "kafka.tls.keyFile": "/key.pem",
  "kafka.tls.caFile": "/ca.pem",
};

interface Refusal {
  readonly key: FileKey;
  readonly content: string | Uint8Array;
  readonly found: string;
  readonly fix: string;
}

const REFUSALS: readonly Refusal[] = [
  {
    key: "kafka.sasl.passwordFile",
    content: "\n",
    found: 'an empty file: "/password"',
    fix: "write a password to it",
  },
  {
    key: "kafka.sasl.passwordFile",
    content: "hunter2\nhunter3\n",
    found: 'a file of several lines: "/password"',
    fix: "leave one line in it",
  },
  {
    key: "kafka.sasl.passwordFile",
    content: new Uint8Array([0xff, 0xfe, 0x68, 0x00]),
    found: 'a file in UTF-16: "/password"',
    fix: "save it as UTF-8",
  },
  {
    key: "kafka.sasl.passwordFile",
    content: new Uint8Array([0xe4, 0xf6]),
    found: 'a file that is not UTF-8: "/password"',
    fix: "save it as UTF-8",
  },
  {
    key: "kafka.sasl.passwordFile",
    content: new Uint8Array([0x61, 0x00]),
    found: 'a file with zero bytes: "/password"',
    fix: "save it as UTF-8 text",
  },
  {
    key: "kafka.sasl.passwordFile",
    content: "x".repeat(1024 * 1024 + 1),
    found: 'a file of more than 1048576 bytes: "/password"',
    fix: "check that it is the right one",
  },
  {
    key: "http.tokenFile",
    content: "hunter2 hunter2 hunter2",
    found: 'a file with characters that a header cannot carry: "/token"',
    fix: "use letters and digits, like those of `openssl rand -hex 32`",
  },
  {
    key: "kafka.tls.keyFile",
    content: CERTIFICATE,
    found: 'a PEM file of something else: "/key.pem"',
    fix: "name the file of the private key",
  },
  {
    key: "kafka.tls.keyFile",
    content: "-----BEGIN ENCRYPTED PRIVATE KEY-----\nhunter2\n",
    found: 'an encrypted key: "/key.pem"',
    fix: "decrypt it (`openssl pkey -in FILE -out FILE`)",
  },
  {
    key: "kafka.tls.keyFile",
    content: "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nhunter2\n",
    found: 'an encrypted key: "/key.pem"',
    fix: "decrypt it (`openssl pkey -in FILE -out FILE`)",
  },
  {
    key: "kafka.tls.keyFile",
    content: "hunter2",
    found: 'a file that is not PEM: "/key.pem"',
    fix: "convert it to PEM (`openssl pkey -inform der`)",
  },
  {
    key: "kafka.tls.caFile",
    content: KEY,
    found: 'a PEM file of something else: "/ca.pem"',
    fix: "name the file of the certificate",
  },
];

for (const { key, content, found, fix } of REFUSALS) {
  Deno.test(`readSecretFiles() refuses for ${key} ${found}`, async () => {
    const files = { ...ALL_FILES, [PATHS[key]]: { content } };
    const error = await loadError({ set: ALL_KEYS, files });
    assertEquals(error.problems.map((problem) => [problem.key, problem.found, problem.fix]), [
      [key, found, fix],
    ]);
    assert(!error.message.includes("hunter"), error.message);
  });
}

const READ_ERRORS: readonly (readonly [error: Error, found: string, fix: string])[] = [
  [systemError("NotFound"), "no such file", "correct the path, or create the file"],
  [
    systemError("PermissionDenied"),
    "a file we may not read",
    "let the user who runs this read it",
  ],
  [systemError("IsADirectory"), "a folder", "name a file in it"],
  [systemError("Error", "Is a directory (os error 21)"), "a folder", "name a file in it"],
  [systemError("Error", "i/o error"), "a file that cannot be read: i/o error", "make it readable"],
];

for (const [cause, found, fix] of READ_ERRORS) {
  Deno.test(`readSecretFiles() says that ${cause.name} ${cause.message} is ${found}`, async () => {
    const others = memoryFiles(ALL_FILES);
    const files: ConfigFiles = {
      read: (path, bytesMax) =>
        path === "/password" ? Promise.reject(cause) : others.read(path, bytesMax),
    };
    let told: unknown = null;
    try {
      await loadConfig({
        path: null,
        flags: ALL_KEYS.map(parseSetFlag),
        environment: {},
        files,
        hostname: "h",
        readSecrets: true,
      });
    } catch (error) {
      told = (error as { problems: { found: string; fix: string }[] }).problems
        .map((problem) => [problem.found, problem.fix]);
    }
    assertEquals(told, [[`${found}: "/password"`, fix]]);
  });
}

Deno.test("readSecretFiles() does not repeat a secret put where its file's path belongs", async () => {
  const set = ["kafka.sasl.username=u", "kafka.sasl.passwordFile=hunter2"];
  const error = await loadError({ set });
  assertEquals(
    error.message,
    `Cannot use the configuration: 1 problem

--set kafka.sasl.passwordFile  kafka.sasl.passwordFile
  found     no such file of that name
  expected  a file that holds a password
  fix       name a file; if that is the secret itself, put it in one`,
  );
});

Deno.test("readSecretFiles() warns of private files that everybody may read", async () => {
  const files: Record<string, MemoryFile> = Object.fromEntries(
    Object.entries(ALL_FILES).map(([path, content]) => [path, { content, mode: 0o644 }]),
  );
  const { warnings } = await load({ set: ALL_KEYS, files });
  assertEquals(warnings, [
    "kafka.tls.keyFile: everybody on this machine may read /key.pem; chmod 600 would do",
    "kafka.sasl.passwordFile: everybody on this machine may read /password; chmod 600 would do",
    "http.tokenFile: everybody on this machine may read /token; chmod 600 would do",
  ]);
  const closed: Record<string, MemoryFile> = Object.fromEntries(
    Object.entries(ALL_FILES).map(([path, content]) => [path, { content, mode: 0o640 }]),
  );
  assertEquals((await load({ set: ALL_KEYS, files: closed })).warnings, []);
});

Deno.test("readSecretFiles() warns of a token that can be guessed", async () => {
  const { warnings } = await load({ set: ["http.tokenFile=/t"], files: { "/t": "short\n" } });
  assertEquals(warnings, [
    "http.tokenFile: the token has fewer than 16 characters and can be guessed",
  ]);
});
