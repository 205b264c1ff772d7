import type { Secrets } from "./config.ts";
import { type ConfigFiles, readConfigText } from "./config_files.ts";
import type { ConfigProblem } from "./config_problem.ts";
import type { ConfigKey, ConfigValues } from "./config_schema.ts";
import { quote } from "./value_type.ts";

/** Bundles of authorities are the largest: the system's own has some 250 KB. */
const SECRET_FILE_BYTES_MAX = 1024 * 1024;

/** Shorter tokens can be guessed by trying. */
const TOKEN_CHARACTERS_MIN = 16;

/** Permission bit: everybody may read. */
const MODE_OTHERS_READ = 0o004;

type SecretFileKey =
  | "kafka.sasl.passwordFile"
  | "kafka.tls.caFile"
  | "kafka.tls.certFile"
  | "kafka.tls.keyFile"
  | "http.tokenFile";

interface SecretFileKind {
  readonly noun: string;
  /** What others may not know. Certificates are public. */
  readonly isPrivate: boolean;
  /** Null when the content is fit. Never repeats it. */
  check(content: string): { readonly found: string; readonly fix: string } | null;
}

const KINDS: Readonly<Record<SecretFileKey, SecretFileKind>> = {
  "kafka.sasl.passwordFile": { noun: "a password", isPrivate: true, check: checkOneLine },
  "http.tokenFile": { noun: "a token", isPrivate: true, check: checkToken },
  "kafka.tls.caFile": {
    noun: "certificates in PEM",
    isPrivate: false,
    check: (content) => checkPem(content, "CERTIFICATE"),
  },
  "kafka.tls.certFile": {
    noun: "a certificate in PEM",
    isPrivate: false,
    check: (content) => checkPem(content, "CERTIFICATE"),
  },
  "kafka.tls.keyFile": {
    noun: "a private key in PEM, not encrypted",
    isPrivate: true,
    check: checkKey,
  },
};

/** Secrets, and what is wrong or unwise about the files they come from. */
export interface ReadSecrets {
  readonly secrets: Secrets;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly string[];
}

/**
 * Reads and checks every file that is named. Relative paths start at the working directory.
 *
 * @param where tells where a key was set, for problems.
 */
export async function readSecretFiles(
  values: ConfigValues,
  files: ConfigFiles,
  where: (key: ConfigKey) => string,
): Promise<ReadSecrets> {
  const problems: ConfigProblem[] = [];
  const warnings: string[] = [];
  async function read(key: SecretFileKey): Promise<string | null> {
    const path = values[key];
    if (path === null) return null;
    const kind = KINDS[key];
    const read = await readConfigText(files, path, SECRET_FILE_BYTES_MAX);
    const problem = "found" in read ? read : checkContent(read.text, kind);
    if (problem !== null) {
      const shown = showPath(path, kind);
      problems.push({
        where: where(key),
        key,
        found: shown === null ? `${problem.found} of that name` : `${problem.found}: ${shown}`,
        expected: `a file that holds ${kind.noun}`,
        fix: shown === null
          ? "name a file; if that is the secret itself, put it in one"
          : problem.fix,
      });
      return null;
    }
    const { text, mode } = read as { text: string; mode: number | null };
    if (kind.isPrivate && mode !== null && (mode & MODE_OTHERS_READ) !== 0) {
      warnings.push(`${key}: everybody on this machine may read ${path}; chmod 600 would do`);
    }
    const content = trimLastNewline(text);
    if (key === "http.tokenFile" && content.length < TOKEN_CHARACTERS_MIN) {
      warnings.push(
        `${key}: the token has fewer than ${TOKEN_CHARACTERS_MIN} characters and can be guessed`,
      );
    }
    return content;
  }
  const tlsCa = await read("kafka.tls.caFile");
  const tlsCert = await read("kafka.tls.certFile");
  const tlsKey = await read("kafka.tls.keyFile");
  const passwordInFile = await read("kafka.sasl.passwordFile");
  const httpToken = await read("http.tokenFile");
  const saslPassword = passwordInFile ?? values["kafka.sasl.password"];
  return { secrets: { saslPassword, httpToken, tlsCa, tlsCert, tlsKey }, problems, warnings };
}

/**
 * Null when the text may be a secret that was put where the path of its file belongs: paths have
 * slashes or a suffix.
 */
function showPath(path: string, kind: SecretFileKind): string | null {
  return kind.isPrivate && !/[/\\.]/.test(path) ? null : quote(path);
}

function checkContent(
  text: string,
  kind: SecretFileKind,
): { readonly found: string; readonly fix: string } | null {
  const content = trimLastNewline(text);
  if (content.trim() === "") {
    return { found: "an empty file", fix: `write ${kind.noun} to it` };
  }
  return kind.check(content);
}

function checkOneLine(content: string): { found: string; fix: string } | null {
  return /[\r\n]/.test(content)
    ? { found: "a file of several lines", fix: "leave one line in it" }
    : null;
}

/** A token travels in a header: printable ASCII without spaces. */
function checkToken(content: string): { found: string; fix: string } | null {
  return checkOneLine(content) ?? (/^[\x21-\x7e]+$/.test(content) ? null : {
    found: "a file with characters that a header cannot carry",
    fix: "use letters and digits, like those of `openssl rand -hex 32`",
  });
}

function checkPem(content: string, label: string): { found: string; fix: string } | null {
  if (content.includes(`-----BEGIN ${label}-----`)) return null;
  return content.includes("-----BEGIN ")
    ? { found: "a PEM file of something else", fix: "name the file of the certificate" }
    : { found: "a file that is not PEM", fix: "convert it to PEM (`openssl x509 -inform der`)" };
}

function checkKey(content: string): { found: string; fix: string } | null {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(content)) {
    return { found: "an encrypted key", fix: "decrypt it (`openssl pkey -in FILE -out FILE`)" };
  }
  if (/-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/.test(content)) return null;
  return content.includes("-----BEGIN ")
    ? { found: "a PEM file of something else", fix: "name the file of the private key" }
    : { found: "a file that is not PEM", fix: "convert it to PEM (`openssl pkey -inform der`)" };
}

function trimLastNewline(text: string): string {
  return text.replace(/(\r?\n)+$/, "");
}
