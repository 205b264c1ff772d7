/**
 * Lint rules of this project, for `deno lint` and, through `Deno.lint.runPlugin`, for the tests:
 * `layers` holds the import directions, `pure` what the inner layers must not touch.
 */
import { REPOSITORY } from "../repository.ts";
import { importViolation, layerOf } from "./layers.ts";

/** Clocks, timers, chance and the outside: they come in as arguments or through ports. */
const IMPURE_GLOBALS: ReadonlySet<string> = new Set([
  ...["Deno", "process", "globalThis", "self", "window", "console", "crypto", "fetch"],
  ...["Date", "performance", "Temporal", "Intl"],
  ...["setTimeout", "setInterval", "setImmediate", "queueMicrotask"],
  ...["Worker", "WebSocket", "BroadcastChannel", "FinalizationRegistry", "WeakRef"],
  ...["eval", "Function"],
]);

/** What the core must do without besides: it returns, it does not wait. */
const ASYNC_GLOBALS: ReadonlySet<string> = new Set(["Promise", "AbortSignal", "AbortController"]);

const IMPURE_LAYERS: ReadonlySet<string> = new Set(["core", "ports", "engine"]);

const layers: Deno.lint.Rule = {
  create(context) {
    const file = repositoryPath(context.filename);
    const check = (node: Deno.lint.Node, specifier: string, typeOnly: boolean): void => {
      const message = importViolation({ file, specifier, typeOnly });
      if (message !== null) context.report({ node, message });
    };
    return {
      ImportDeclaration(node) {
        const names = node.specifiers;
        const onlyTypes = names.length > 0 &&
          names.every((name) => name.type === "ImportSpecifier" && name.importKind === "type");
        check(node, node.source.value, node.importKind === "type" || onlyTypes);
      },
      ExportNamedDeclaration(node) {
        if (node.source) check(node, node.source.value, node.exportKind === "type");
      },
      ExportAllDeclaration(node) {
        check(node, node.source.value, node.exportKind === "type");
      },
      TSImportType(node) {
        const specifier: unknown = literalOf(node.argument);
        if (typeof specifier === "string") check(node, specifier, true);
      },
      ImportExpression(node) {
        const specifier: unknown = literalOf(node.source);
        if (typeof specifier === "string") check(node, specifier, false);
        else if (layerOf(file) !== null) {
          const message = "a computed import cannot be checked or compiled: name the module";
          context.report({ node, message });
        }
      },
    };
  },
};

const pure: Deno.lint.Rule = {
  create(context) {
    const layer = layerOf(repositoryPath(context.filename)) ?? "";
    if (!IMPURE_LAYERS.has(layer)) return {};
    const isCore = layer === "core";
    const report = (node: Deno.lint.Node, what: string): void => {
      context.report({ node, message: `${layer} must not use ${what}: let it come in` });
    };
    const functions = (
      node:
        | Deno.lint.FunctionDeclaration
        | Deno.lint.FunctionExpression
        | Deno.lint.ArrowFunctionExpression,
    ): void => {
      if (isCore && node.async) report(node, "async functions");
    };
    return {
      Property(node) {
        // `{ Date }` reads the global, though its identifier is a name too.
        const { key } = node;
        if (node.shorthand && key.type === "Identifier" && IMPURE_GLOBALS.has(key.name)) {
          report(node, key.name);
        }
      },
      Identifier(node) {
        const forbidden = IMPURE_GLOBALS.has(node.name) || isCore && ASYNC_GLOBALS.has(node.name);
        if (forbidden && !isNameOfMember(node)) report(node, node.name);
      },
      MemberExpression(node) {
        const { object, property } = node;
        const isMath = object.type === "Identifier" && object.name === "Math";
        if (!isMath) return;
        if (node.computed) report(node, "a computed member of Math");
        else if (property.type === "Identifier" && property.name === "random") {
          report(node, "Math.random");
        }
      },
      FunctionDeclaration: functions,
      FunctionExpression: functions,
      ArrowFunctionExpression: functions,
      AwaitExpression(node) {
        if (isCore) report(node, "await");
      },
      ForOfStatement(node) {
        if (isCore && node.await) report(node, "for await");
      },
    };
  },
};

/** `x.Date` and `{ Date: 1 }` name a member of ours; `Date.now` and `x[Date]` reach the global. */
function isNameOfMember(node: Deno.lint.Identifier): boolean {
  const parent = node.parent;
  switch (parent.type) {
    case "MemberExpression":
      return !parent.computed && isSame(parent.property, node);
    case "Property":
      return !parent.computed && isSame(parent.key, node);
    case "MethodDefinition":
    case "PropertyDefinition":
    case "TSPropertySignature":
    case "TSMethodSignature":
      return !parent.computed && isSame(parent.key, node);
    default:
      return false;
  }
}

function isSame(a: Deno.lint.Node, b: Deno.lint.Node): boolean {
  return a.range[0] === b.range[0] && a.range[1] === b.range[1];
}

/** The text of a literal, also where the parser wraps it in a type. */
function literalOf(node: unknown): unknown {
  const literal = node as { type: string; value?: unknown; literal?: { value?: unknown } };
  return literal.type === "TSLiteralType" ? literal.literal?.value : literal.value;
}

function repositoryPath(filename: string): string {
  const url = filename.startsWith("file:") ? filename : new URL(filename, REPOSITORY).href;
  return url.startsWith(REPOSITORY.href) ? url.slice(REPOSITORY.href.length) : "";
}

/** Deno asks for a default export here. */
const plugin: Deno.lint.Plugin = { name: "sessionwheel", rules: { layers, pure } };
export default plugin;
