import { fault, quote, textType, type ValueType } from "./value_type.ts";

/** Kafka's own limit: a topic is a folder named `<topic>-<partition>` in the broker's file system. */
const TOPIC_CHARACTERS_MAX = 249;

/** Leaves room for what is appended in group, client and transactional ids. */
const APP_ID_CHARACTERS_MAX = 100;

/** A topic's name, by Kafka's rules. */
export function topicName(): ValueType<string> {
  return textType({
    expected: `a topic name of 1 to ${TOPIC_CHARACTERS_MAX} of the characters a-z A-Z 0-9 . _ -`,
    parseText(text) {
      if (text === "." || text === "..") {
        return fault(`${quote(text)}, which Kafka reserves`, "choose another name");
      }
      return checkName(text, TOPIC_CHARACTERS_MAX, /[^a-zA-Z0-9._-]/u);
    },
  });
}

/** A name that can begin a consumer group's id and a transactional id and stand in a metric. */
export function applicationId(): ValueType<string> {
  return textType({
    expected: `1 to ${APP_ID_CHARACTERS_MAX} of the characters a-z A-Z 0-9 . _ -`,
    parseText: (text) => checkName(text, APP_ID_CHARACTERS_MAX, /[^a-zA-Z0-9._-]/u),
  });
}

function checkName(
  text: string,
  charactersMax: number,
  illegal: RegExp,
): { value: string } | ReturnType<typeof fault> {
  const match = illegal.exec(text);
  if (match !== null) {
    return fault(`${quote(text)}, with the character ${quote(match[0])}`, "leave it out");
  }
  if (text === "") return fault("an empty name", "write a name");
  if (text.length > charactersMax) {
    return fault(`${quote(text)}, ${text.length} characters`, "choose a shorter name");
  }
  return { value: text };
}
