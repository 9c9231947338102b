// The conformance cases of CEL, as the npm package @bufbuild/cel-spec has them, as `troupe cel
// --cases` reads them.
//
//   node cel_spec_cases.mjs PACKAGES   PACKAGES/node_modules has the package
//
// One line each: {"case": …} as lib/cel/cases.h says, or {"left_out": reason, "id": …} for a case
// that needs what only protobuf has. The package has them in protobuf's JSON, as SimpleTest of
// cel/expr/conformance/test/simple.proto.
import { createRequire } from "node:module";

const { tests } = createRequire(process.argv[2] + "/")("@bufbuild/cel-spec/testdata/conformance.js");

const EXTENSIONS = new Set(["bindings_ext", "block_ext", "encoders_ext", "macros2", "math_ext",
  "network_ext", "optionals", "string_ext"]);
const MESSAGES_OF_THE_SUITE = /^(cel\.expr\.conformance|google\.protobuf)(\.|$)/;
// A message of the suite, or the literal of one of protobuf's own. google.protobuf.Timestamp alone
// is the name of a type.
const MESSAGE_IN_EXPRESSION = /TestAllTypes|google\.protobuf\.\w+\s*\{/;

class LeftOut extends Error {}

const WRAPPED = {
  Int32Value: "int", Int64Value: "int", UInt32Value: "uint", UInt64Value: "uint",
  FloatValue: "double", DoubleValue: "double", BoolValue: "bool", StringValue: "string",
  BytesValue: "bytes",
};
const PRIMITIVES = {
  BOOL: "bool", INT64: "int", UINT64: "uint", DOUBLE: "double", STRING: "string", BYTES: "bytes",
};

// The one property of an object whose properties exclude each other.
function only(object) {
  const entries = Object.entries(object);
  if (entries.length !== 1) throw new Error("not one property: " + JSON.stringify(object));
  return entries[0];
}

// Bytes as lib/cel/cases.h has them, a double as text.
const scalar = (tag, value) => {
  if (tag === "bool" || tag === "null") return { [tag]: value };
  return { [tag]: Object.is(value, -0) ? "-0.0" : String(value) };
};

// A value of google.protobuf.Value: its numbers are doubles.
function document(json) {
  if (json === null) return scalar("null", null);
  if (Array.isArray(json)) return { list: json.map(document) };
  switch (typeof json) {
    case "boolean": return scalar("bool", json);
    case "number": return scalar("double", json);
    case "string": return scalar("string", json);
  }
  return { map: Object.entries(json).map(([k, v]) => [scalar("string", k), document(v)]) };
}

function message(any) {
  const name = any["@type"].replace("type.googleapis.com/", "");
  const own = name.replace("google.protobuf.", "");
  if (name === own) throw new LeftOut("a message as a value");
  if (WRAPPED[own]) return scalar(WRAPPED[own], any.value);
  switch (own) {
    case "Timestamp": return { timestamp: any.value };
    case "Duration": return { duration: any.value };
    case "Value": case "ListValue": case "Struct": return document(any.value);
    case "Any": return message(any.value);
  }
  throw new Error("a message that is not known: " + name);
}

function value(proto) {
  const [kind, content] = only(proto);
  switch (kind) {
    case "nullValue": return scalar("null", null);
    case "boolValue": return scalar("bool", content);
    case "int64Value": return scalar("int", content);
    case "uint64Value": return scalar("uint", content);
    case "doubleValue": return scalar("double", content);
    case "stringValue": return scalar("string", content);
    case "bytesValue": return scalar("bytes", content);
    case "typeValue": return { type: content };
    case "listValue": return { list: (content.values ?? []).map(value) };
    case "mapValue": return { map: (content.entries ?? []).map((e) => [value(e.key), value(e.value)]) };
    case "objectValue": return message(content);
    case "enumValue": throw new LeftOut("an enum as a value");
  }
  throw new Error("a kind of value that is not known: " + kind);
}

function messageType(name) {
  const own = name.replace("google.protobuf.", "");
  if (name === own) throw new LeftOut("a message as a type");
  if (WRAPPED[own]) return { wrapper: WRAPPED[own] };
  switch (own) {
    case "Timestamp": return "timestamp";
    case "Duration": return "duration";
    case "Value": case "Any": return "dyn";
    case "ListValue": return { list: "dyn" };
    case "Struct": return { map: ["string", "dyn"] };
  }
  throw new Error("a type that is not known: " + name);
}

function type(proto) {
  const [kind, content] = only(proto);
  switch (kind) {
    case "dyn": case "null": return kind;
    case "primitive": return PRIMITIVES[content];
    case "wrapper": return { wrapper: PRIMITIVES[content] };
    case "typeParam": return { type_param: content };
    case "messageType": return messageType(content);
    case "wellKnown": return messageType("google.protobuf." + content[0] + content.slice(1).toLowerCase());
    case "listType": return { list: type(content.elemType) };
    case "mapType": return { map: [type(content.keyType), type(content.valueType)] };
    case "abstractType": return { abstract: content.name, params: (content.parameterTypes ?? []).map(type) };
  }
  throw new Error("a kind of type that is not known: " + kind);
}

function declaration({ name, ident, function: declared }) {
  if (ident) return { name, type: type(ident.type) };
  return {
    name, overloads: declared.overloads.map((o) => ({
      id: o.overloadId, params: o.params.map(type), result: type(o.resultType), instance: o.isInstanceFunction ?? false,
    })),
  };
}

// A type as the checker of the reference implementation prints it: "map(string, list(int))".
function printedType(text) {
  const tokens = text.match(/\w+|[(),]/g);
  const read = () => {
    const name = tokens.shift();
    const params = [];
    if (tokens[0] === "(")
      while (tokens.shift() !== ")") params.push(read());
    switch (name) {
      case "list": case "wrapper": return { [name]: params[0] };
      case "map": return { map: params };
    }
    return params.length ? { abstract: name, params } : name;
  };
  return read();
}

// What is expected; without a word about it, true. deduced: the type that the reference
// implementation's checker prints, where the package has it.
function expectation(test, deduced) {
  const printed = deduced && { type: printedType(deduced) };
  if (test.evalError) return { error: test.evalError.errors.map((e) => e.message), ...printed };
  if (!test.typedResult) return { value: value(test.value ?? { boolValue: true }), ...printed };
  const { result, deducedType } = test.typedResult;
  return { ...(result && { value: value(result) }), type: type(deducedType) };
}

function profile(file, test) {
  if (EXTENSIONS.has(file) || /\boptional\./.test(test.expr)) return "ext";
  if (test.container) return "container";
  return test.checkOnly ? "check" : "core";
}

const KNOWN = new Set(["name", "description", "expr", "value", "typedResult", "evalError", "typeEnv", "bindings",
  "container", "disableCheck", "checkOnly"]);

function converted(file, id, { original: test, type: deduced }) {
  for (const key of Object.keys(test)) if (!KNOWN.has(key)) throw new Error("not known: " + key);
  if (MESSAGES_OF_THE_SUITE.test(test.container ?? "") || MESSAGE_IN_EXPRESSION.test(test.expr))
    throw new LeftOut("the names of messages and enums");
  // To the reference implementation cel.index(N) is dyn, and so is what is made of it.
  const comparable = deduced && !test.disableCheck && file !== "block_ext";
  const result = {
    id, profile: profile(file, test), expr: test.expr, expect: expectation(test, comparable ? deduced : null),
  };
  if (test.bindings)
    result.bindings = Object.fromEntries(Object.entries(test.bindings).map(([k, v]) => [k, value(v.value)]));
  if (test.typeEnv) result.type_env = test.typeEnv.map(declaration);
  if (test.container) result.container = test.container;
  if (test.disableCheck) result.disable_check = true;
  if (test.checkOnly) result.check_only = true;
  return result;
}

const uses = new Map(); // of an id: some of the suite's names are there twice
function write(file, path, test) {
  const name = [...path, test.original.name].join("/");
  const use = (uses.get(name) ?? 0) + 1;
  uses.set(name, use);
  const id = use === 1 ? name : name + "#" + use;
  let line;
  try {
    line = { case: converted(file, id, test) };
  } catch (e) {
    if (!(e instanceof LeftOut)) throw new Error(id + ": " + e.message, { cause: e });
    line = { left_out: e.message, id };
  }
  process.stdout.write(JSON.stringify(line) + "\n");
}

function walk(suite, path) {
  for (const test of suite.tests ?? []) write(path[0], path, test);
  for (const inner of suite.suites ?? []) walk(inner, [...path, inner.name]);
}

walk(tests, []);
