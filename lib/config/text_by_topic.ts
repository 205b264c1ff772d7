import { textUpTo } from "./plain_value.ts";
import { fault, quote, splitList, type ValueType } from "./value_type.ts";

/** One field name for all topics, or one for each. */
export type TextByTopic = string | Readonly<Record<string, string>>;

/** A field name, or a mapping from topic to field name; as text `topic=field,topic=field`. */
export function textOrTextByTopic(): ValueType<TextByTopic> {
  const name = textUpTo(128, "a field name");
  return {
    expected: `${name.expected}, or a mapping from topic to field name`,
    parse(raw) {
      if (raw.kind === "list") return fault("a list", "write one field name, or topic: field");
      if (raw.kind === "text" && !raw.text.includes("=")) return name.parse(raw);
      const entries = raw.kind === "map" ? raw.entries : splitList(raw).map((part) => {
        const equals = part.text.indexOf("=");
        return {
          key: equals < 0 ? "" : part.text.slice(0, equals).trim(),
          value: { ...part, text: part.text.slice(equals + 1).trim() },
        };
      });
      if (entries.length === 0) return fault("an empty mapping", "write topic: field");
      const fields = new Map<string, string>();
      for (const { key, value } of entries) {
        if (key === "") {
          return {
            ...fault(`${quote(value.text)}, without a topic`, "write topic=field,topic=field"),
            where: value.where,
          };
        }
        if (fields.has(key)) {
          return {
            ...fault(`the topic ${quote(key)} twice`, "remove one of them"),
            where: value.where,
          };
        }
        const parsed = name.parse(value);
        if ("fault" in parsed) return { where: value.where, ...parsed };
        fields.set(key, parsed.value);
      }
      return { value: Object.fromEntries(fields) };
    },
    format: (value) =>
      typeof value === "string"
        ? value
        : Object.entries(value).map(([topic, field]) => `${topic}=${field}`).join(","),
  };
}
