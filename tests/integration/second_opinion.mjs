// What the npm package @bufbuild/cel makes of expressions.
//
//   node second_opinion.mjs PACKAGES   PACKAGES/node_modules has the package
//
// Lines in: {"expr": …, "bindings": {name: tagged value}}. Lines out, in the same order: {"value":
// tagged value} or {"error": message}. Values are tagged as lib/cel/cases.h has them.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.argv[2] + "/");
const { run, isCelError, isCelList, isCelMap, isCelType, isCelUint } = require("@bufbuild/cel");
const { strings } = require("@bufbuild/cel/ext");
const { toJson } = require("@bufbuild/protobuf");

function untag(tagged) {
  const [[tag, value]] = Object.entries(tagged);
  switch (tag) {
    case "int": return BigInt(value);
    case "double": return Number(value);
    case "list": return value.map(untag);
    case "map": return new Map(value.map(([k, v]) => [untag(k), untag(v)]));
    case "string": case "bool": case "null": return value;
    default: throw new Error("no tag " + tag);
  }
}

function doubleText(value) {
  if (Object.is(value, -0)) return "-0.0";
  return String(value); // NaN and Infinity are written as the cases write them
}

function tag(value) {
  if (value === null) return { null: null };
  switch (typeof value) {
    case "bigint": return { int: String(value) };
    case "number": return { double: doubleText(value) };
    case "string":
      if (!value.isWellFormed()) throw new Error("half a character");
      return { string: value };
    case "boolean": return { bool: value };
  }
  if (isCelUint(value)) return { uint: String(value.value) };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("base64") };
  if (isCelList(value)) return { list: [...value].map(tag) };
  if (isCelMap(value)) return { map: [...value.entries()].map(([k, v]) => [tag(k), tag(v)]) };
  if (isCelType(value)) return { type: value.name };
  switch (value.desc?.typeName) {
    case "google.protobuf.Timestamp": return { timestamp: toJson(value.desc, value.message) };
    case "google.protobuf.Duration": return { duration: toJson(value.desc, value.message) };
  }
  throw new Error("a value of no known kind: " + value);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { expr, bindings } = JSON.parse(line);
  const variables = Object.fromEntries(Object.entries(bindings).map(([k, v]) => [k, untag(v)]));
  let answer;
  try {
    const value = run(expr, variables, { funcs: strings });
    answer = isCelError(value) ? { error: value.message } : { value: tag(value) };
  } catch (e) {
    answer = { error: "thrown: " + e.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
