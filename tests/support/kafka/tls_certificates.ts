/** Certificates for tests, made by openssl where and when they are needed. */

export interface TlsCertificates {
  /** PEM of the authority that signed both. */
  readonly caFile: string;
  /** The server's certificate: 127.0.0.1, localhost and broker.test. */
  readonly serverCertFile: string;
  readonly serverKeyFile: string;
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
  /** Key and certificates in one file, as Java's PEM key store wants it. */
  readonly serverKeyStoreFile: string;
  /** An authority that signed nothing. */
  readonly otherCaFile: string;
}

/** Writes a set of certificates into `directory`, valid for two days. Takes 0.1 s. */
export async function makeTlsCertificates(directory: string): Promise<TlsCertificates> {
  await Deno.mkdir(directory, { recursive: true });
  await makeAuthority(directory, "ca", "sessionwheel test authority");
  await makeAuthority(directory, "other-ca", "another authority");
  await makeLeaf(
    directory,
    "server",
    "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:broker.test",
  );
  await makeLeaf(directory, "client", "extendedKeyUsage=clientAuth");
  const keyStore = `${directory}/server-keystore.pem`;
  await Deno.writeTextFile(
    keyStore,
    await Deno.readTextFile(`${directory}/server.key`) +
      await Deno.readTextFile(`${directory}/server.crt`) +
      await Deno.readTextFile(`${directory}/ca.crt`),
  );
  return {
    caFile: `${directory}/ca.crt`,
    serverCertFile: `${directory}/server.crt`,
    serverKeyFile: `${directory}/server.key`,
    clientCertFile: `${directory}/client.crt`,
    clientKeyFile: `${directory}/client.key`,
    serverKeyStoreFile: keyStore,
    otherCaFile: `${directory}/other-ca.crt`,
  };
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

async function makeAuthority(directory: string, name: string, subject: string): Promise<void> {
  await openssl(directory, [
    "req",
    "-x509",
    ...NEW_KEY,
    "-days",
    "2",
    "-subj",
    `/CN=${subject}`,
    "-addext",
    "basicConstraints=critical,CA:TRUE",
    "-addext",
    "keyUsage=critical,keyCertSign,cRLSign",
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.crt`,
  ]);
}

async function makeLeaf(directory: string, name: string, extension: string): Promise<void> {
  await openssl(directory, [
    "req",
    ...NEW_KEY,
    "-subj",
    `/CN=${name}`,
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.csr`,
  ]);
  await Deno.writeTextFile(`${directory}/${name}.ext`, `${extension}\n`);
  await openssl(directory, [
    "x509",
    "-req",
    "-in",
    `${name}.csr`,
    "-CA",
    "ca.crt",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-days",
    "2",
    "-extfile",
    `${name}.ext`,
    "-out",
    `${name}.crt`,
  ]);
}

async function openssl(cwd: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args: [...args], cwd }).output();
  if (!success) {
    throw new Error(`Cannot run openssl ${args[0]}: ${new TextDecoder().decode(stderr)}`);
  }
}
