/** What an administrator changes on a test broker while programs run: settings and rights. */
import { WireWriter } from "./wire_bytes.ts";
import { WireClient } from "./wire_client.ts";

/** Sets one setting of a topic. */
export async function setTopicConfig(
  bootstrap: string,
  topic: string,
  name: string,
  value: string,
): Promise<void> {
  await using client = await WireClient.connect(bootstrap);
  const body = new WireWriter().array(
    [topic],
    (w) => w.int8(TOPIC).string(topic).array([name], (w) => w.string(name).int8(SET).string(value)),
  )
    .int8(0).done();
  const answer = await client.request(INCREMENTAL_ALTER_CONFIGS, 0, body);
  answer.int32(); // throttle time
  answer.array((r) => {
    const error = r.int16();
    const message = r.string();
    r.int8();
    r.string();
    if (error !== 0) throw new Error(`Cannot set ${name} of ${topic}: error ${error}, ${message}`);
  });
}

/** Lets a user do everything. */
export async function allowAll(bootstrap: string, username: string): Promise<void> {
  const rights = [TOPIC, GROUP, TRANSACTIONAL_ID].map((resource) => ({ resource, name: "*" }));
  await createAcls(bootstrap, username, rights, { operation: ALL, permission: ALLOW });
}

/** Takes the right to write to a topic away, whatever else is allowed. */
export async function denyWrite(bootstrap: string, username: string, topic: string): Promise<void> {
  const rights = [{ resource: TOPIC, name: topic }];
  await createAcls(bootstrap, username, rights, { operation: WRITE, permission: DENY });
}

/** Takes `denyWrite` back. */
export async function undoDenyWrite(
  bootstrap: string,
  username: string,
  topic: string,
): Promise<void> {
  await using client = await WireClient.connect(bootstrap);
  const body = new WireWriter().array(
    [topic],
    (w) =>
      w.int8(TOPIC).string(topic).int8(LITERAL).string(`User:${username}`).string("*")
        .int8(WRITE).int8(DENY),
  ).done();
  const answer = await client.request(DELETE_ACLS, 1, body);
  answer.int32(); // throttle time
  // Of the one filter; what was deleted follows.
  answer.int32();
  const error = answer.int16();
  if (error !== 0) throw new Error(`Cannot delete an ACL: error ${error}`);
}

async function createAcls(
  bootstrap: string,
  username: string,
  rights: readonly { readonly resource: number; readonly name: string }[],
  { operation, permission }: { readonly operation: number; readonly permission: number },
): Promise<void> {
  await using client = await WireClient.connect(bootstrap);
  const body = new WireWriter().array(
    rights,
    (w, { resource, name }) =>
      w.int8(resource).string(name).int8(LITERAL).string(`User:${username}`).string("*")
        .int8(operation).int8(permission),
  ).done();
  const answer = await client.request(CREATE_ACLS, 1, body);
  answer.int32(); // throttle time
  answer.array((r) => {
    const error = r.int16();
    const message = r.string();
    if (error !== 0) throw new Error(`Cannot create an ACL: error ${error}, ${message}`);
  });
}

const CREATE_ACLS = 30;
const DELETE_ACLS = 31;
const INCREMENTAL_ALTER_CONFIGS = 44;
const SET = 0;
const TOPIC = 2;
const GROUP = 3;
const TRANSACTIONAL_ID = 5;
const LITERAL = 3;
const ALL = 2;
const WRITE = 4;
const DENY = 2;
const ALLOW = 3;
