/* What is wrong with definitions: source, then every finding as "LINE:COLUMN words of the message";
 * warnings begin with '?'. A definition without expected errors must compile. */
#include "graph/graph.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

enum { MOST = 12 };

struct example {
    const char *source;
    const char *findings[MOST];
};

/* One node with the fields; one edge-free definition around nodes; a->b with a condition. */
#define NODE(fields) "{\"nodes\": [{\"id\": \"a\", " fields "}]}"
#define NOOP(fields) NODE("\"type\": \"noop\", " fields)
#define CONFIG(type, config) NODE("\"type\": \"" type "\", \"config\": {" config "}")
#define CONDITION(text)                                                                            \
    "{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}, {\"id\": \"b\", \"type\": \"noop\"}],\n"    \
    " \"edges\": [{\"from\": \"a\", \"to\": \"b\", \"condition\": " text "}]}"
/* a -> b -> c, c with a template. */
#define CHAIN(template)                                                                            \
    "{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}, {\"id\": \"b\", \"type\": \"noop\"},\n"     \
    "{\"id\": \"c\", \"type\": \"transform\", \"config\": {\"template\":\n" template "}},\n"       \
                                                                                     "{\"id\": "   \
                                                                                     "\"d-d\", "   \
                                                                                     "\"type\": "  \
                                                                                     "\"noop\"}]," \
                                                                                     "\n"          \
                                                                                     "\"edges\": " \
                                                                                     "[{\"from\":" \
                                                                                     " \"a\", "    \
                                                                                     "\"to\": "    \
                                                                                     "\"b\"}, "    \
                                                                                     "{\"from\": " \
                                                                                     "\"b\", "     \
                                                                                     "\"to\": "    \
                                                                                     "\"c\"},\n"   \
                                                                                     "{\"from\": " \
                                                                                     "\"c\", "     \
                                                                                     "\"to\": "    \
                                                                                     "\"d-d\"}]}"

/* a -> b -> c, c with a template; fields of the definition and of a; a's condition. */
#define SCHEMAS(definition, fields, template, condition)                                             \
    "{\n" definition "\n\"nodes\": [\n{" fields " \"id\": \"a\", \"type\": \"noop\"},\n"             \
    "{\"id\": \"b\", \"type\": \"noop\"},\n"                                                         \
    "{\"id\": \"c\", \"type\": \"transform\", \"config\": {\"template\": \"" template "\"}}],\n"     \
                                                                                      "\"edges\":"   \
                                                                                      " [{"          \
                                                                                      "\"from\": "   \
                                                                                      "\"a\", "      \
                                                                                      "\"to\": "     \
                                                                                      "\"b\", "      \
                                                                                      "\"conditio"   \
                                                                                      "n\": "        \
                                                                                      "\"" condition \
                                                                                      "\"}, "        \
                                                                                      "{\"from\":"   \
                                                                                      " \"b\", "     \
                                                                                      "\"to\": "     \
                                                                                      "\"c\"}]}"
#define ORDER                                                                                      \
    "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {\"name\": "          \
    "{\"type\": \"string\"}, \"total\": {\"type\": \"number\"}}}"

static const struct example json_examples[] = {
    /* --- the document --- */
    {"", {"1:1 "}},
    {"[]", {"1:1 expected a definition"}},
    {"{}", {"1:1 nodes is missing"}},
    {"{\"nodes\": [], \"edges\": []}", {"1:11 nodes: a definition needs at least one node"}},
    {"{\"nodes\": {}}", {"1:11 nodes: expected a list, not an object"}},
    {"{\"nodes\": [1, null]}",
     {"1:12 nodes[0]: expected a node", "1:15 nodes[1]: expected a node"}},
    {"{\n  \"nodes\": [\n    {\"id\": \"a\", \"type\": \"noop\"},\n    {\"id\": \"b\" \"type\": "
     "\"noop\"}\n  ]\n}",
     {"4:16 expected ','"}},
    {"{\"nodes\": [\n{\"id\": \"a\",\n \"type\": \"noop\",\n \"type\": \"http\"}]}",
     {"4:2 duplicate"}},
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}], \"edge\": []}",
     {"1:42 edge: unknown field, did you mean 'edges'?"}},
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}], \"edges\": 5}",
     {"1:51 edges: expected a list, not a number"}},
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}], \"input_schema\": {\"typ\": 1}}",
     {"1:59 input_schema.typ: unknown keyword, did you mean 'type'?"}},
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}], \"metadata\": {\"name\": 1, \"tags\": "
     "[2], \"nam\": 1}}",
     {"1:63 metadata.name: expected a string, not a number",
      "1:74 metadata.tags: expected a list of strings, not a list with other values",
      "1:79 metadata.nam: unknown field, did you mean 'name'?"}},
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}], \"metadata\": {\"name\": \"a/b\"}}",
     {"1:63 metadata.name: expected 1 to 128 bytes without '/'"}},
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}], \"metadata\": {\"name\": \"Größe 1\", "
     "\"description\": \"\", \"tags\": []}}",
     {NULL}},

    /* --- nodes --- */
    {NOOP("\"x\\ny\": 1"), {"1:40 nodes[0][\"x y\"]: unknown field in a node"}},
    {"{\"nodes\": [{}]}", {"1:12 nodes[0]: id is missing", "1:12 nodes[0]: type is missing"}},
    {"{\"nodes\": [{\"id\": \"9\", \"type\": \"noop\"}]}", {"1:19 nodes[0].id: '9' is no node id"}},
    {"{\"nodes\": [{\"id\": \"\", \"type\": \"noop\"}]}", {"1:19 is no node id"}},
    {"{\"nodes\": [{\"id\": \"a.b\", \"type\": \"noop\"}]}", {"1:19 is no node id"}},
    {"{\"nodes\": [{\"id\": \"ctx\", \"type\": \"noop\"}]}", {"1:19 'ctx' is reserved"}},
    {"{\"nodes\": [{\"id\": \"_A-9\", \"type\": \"noop\"}]}", {NULL}},
    {"{\"nodes\": [\n{\"id\": \"a\", \"type\": \"noop\"},\n{\"id\": \"a\", \"type\": \"noop\"}]}",
     {"3:8 nodes[1].id: duplicate id 'a': nodes[0] has it"}},
    {NODE("\"type\": \"transfrom\""), {"did you mean 'transform'?"}},
    {NODE("\"type\": \"foreahc\""), {"did you mean 'foreach'?"}},
    {NODE("\"type\": \"zzzzzz\""), {"unknown type 'zzzzzz'"}},
    {NODE("\"type\": \"delay\", \"config\": {\"ms\": \"soon\"}"),
     {"1:58 config.ms: expected a number or a binding, not a string"}},
    {NODE("\"type\": \"delay\", \"config\": {\"ms\": \"$input.ms\"}"), {NULL}},
    {NODE("\"type\": \"delay\""), {"config: a delay needs ms or until"}},
    {NODE("\"type\": \"delay\", \"config\": {\"ms\": 1, \"until\": \"$input\"}"),
     {"config: a delay has ms or until; this one has 'ms' already"}},
    {NODE("\"type\": \"loop\", \"loop\": {\"condition\": \"false\", \"max_iterations\": 2}, "
          "\"config\": {\"max_iterations\": 3}"),
     {"nodes[0].config.max_iterations: the node has loop: this belongs into it"}},
    {NODE("\"type\": \"human_gate\""), {"type 'human_gate' is not supported yet"}},
    {NOOP("\"time_out_ms\": 5"), {"1:40 unknown field, did you mean 'timeout_ms'?"}},
    {NOOP("\"timeout_ms\": \"soon\""),
     {"1:54 nodes[0].timeout_ms: expected a number, not a string"}},
    {NOOP("\"timeout_ms\": 0"), {"1:54 expected a number not below 1"}},
    {NOOP("\"timeout_ms\": 1.5"), {"1:54 expected a whole number"}},
    {NOOP("\"timeout_ms\": 5"), {NULL}},
    {NOOP("\"expression\": \"1\""),
     {"1:40 unknown field in a node; it belongs into config of a transform"}},
    {NOOP("\"queue\": null"), {"1:49 expected a string, not null"}},
    {NOOP("\"retry\": {\"max_attempts\": 0, \"backof_ms\": 1}"),
     {"1:66 max_attempts: expected a number not below 1",
      "1:69 backof_ms: unknown field, did you mean 'backoff_ms'?"}},
    {NOOP("\"on_error\": \"continu\""), {"1:52 did you mean 'continue'?"}},
    {NOOP("\"on_error\": {\"goto\": [\"b\"]}"),
     {"1:62 nodes[0].on_error.goto[0]: no node is called 'b'"}},
    {NOOP("\"join\": \"all\""), {NULL}},
    {NOOP("\"join\": \"any\""), {NULL}},
    {NOOP("\"join\": \"each\""), {NULL}},
    {"{\"nodes\": [{\"id\": \"h\", \"type\": \"noop\"}, {\"id\": \"a\", \"type\": \"noop\"}, "
     "{\"id\": \"b\", \"type\": \"noop\"}, {\"id\": \"j\", \"type\": \"join\", \"join\": \"any\"}, "
     "{\"id\": \"l\", \"type\": \"noop\", \"loop\": {\"condition\": \"true\", "
     "\"max_iterations\": 2, \"loop_back_to\": \"h\"}}], \"edges\": ["
     "{\"from\": \"h\", \"to\": \"a\"}, {\"from\": \"h\", \"to\": \"b\"}, "
     "{\"from\": \"a\", \"to\": \"j\"}, {\"from\": \"b\", \"to\": \"j\"}, "
     "{\"from\": \"j\", \"to\": \"l\"}]}",
     {NULL}},
    {NOOP("\"join\": {\"count\": 2}"),
     {"1:58 nodes[0].join.count: 2 is more than the node has predecessors (0)"}},
    {NOOP("\"branch\": {\"rules\": [{\"condition\": \"1\", \"next_nodes\": [\"a\"]}]}"),
     {"nodes[0].branch.rules[0].condition: a condition is true or false",
      "nodes[0].branch.rules[0].next_nodes[0]: closes a cycle"}},
    {NOOP("\"branch\": {\"type\": \"agent_driven\"}"),
     {"1:50 nodes[0].branch: an agent_driven branch needs available_next_nodes"}},
    {NOOP("\"branch\": {\"default\": \"c\"}"),
     {"nodes[0].branch: a branch needs rules", "nodes[0].branch.default: no node is called 'c'"}},
    {NOOP("\"join\": \"al\""),
     {"1:48 'al' is none of \"all\", \"any\", \"each\", did you mean 'all'?"}},
    {NOOP("\"join\": {\"count\": 0}"), {"1:58 join.count: expected"}},
    {NOOP("\"when\": {\"type\": \"js\"}"), {"1:57 'js' is none of"}},
    {NOOP("\"loop\": {\"condition\": \"true\", \"loop_back_to\": \"a\"}"),
     {"1:48 nodes[0].loop: max_iterations is missing"}},
    {NODE("\"type\": \"map\", \"config\": {\"items\": [], \"body\": {\"nodes\": [{\"id\": \"x\", "
          "\"type\": \"nop\", \"retr\": 1}]}}"),
     {"type 'map' is not supported yet", "config.body.nodes[0].type: unknown type 'nop', did you",
      "config.body.nodes[0].retr: unknown field, did you mean 'retry'?"}},
    {NODE("\"type\": \"http\""), {"1:12 nodes[0].config: url is missing"}},
    {NODE("\"type\": \"http\", \"config\": {\"url\": \"u\", \"metod\": \"GET\", "
          "\"body_type\": \"jsn\", \"expect\": true, \"headers\": [], \"pages\": {\"nxt\": 1}}"),
     {"config.metod: unknown field, did you mean 'method'?",
      "config.body_type: 'jsn' is none of \"json\", \"form\", \"multipart\", \"raw\", did you mean",
      "config.expect: expected a number, a string or a list, not a boolean",
      "config.headers: expected an object or a binding, not a list",
      "config.pages.nxt: unknown field, did you mean 'next'?"}},
    {NODE("\"type\": \"http\", \"config\": {\"url\": \"$nope\", \"query\": {\"q\": \"${1 +}\"}, "
          "\"pages\": {\"items\": \"output.body +\"}}"),
     {"config.url: $nope: no node is called", "config.query.q: ", "config.pages.items: "}},
    {NODE("\"type\": \"exec\""), {"1:12 nodes[0].config: argv is missing"}},
    {NODE("\"type\": \"exec\", \"config\": {\"argv\": \"sh\", \"stdin\": \"jsn\", \"output\": "
          "\"xml\", \"env\": [], \"exit_codes\": {\"1\": \"$nope\"}, \"timout\": 1}"),
     {"config.argv: expected a list or a binding, not a string",
      "config.stdin: 'jsn' is none of \"json\", \"text\", \"none\", did you mean",
      "config.output: 'xml' is none of \"json\", \"text\"",
      "config.env: expected an object or a binding, not a list", "config.timout: unknown field",
      "config.exit_codes[\"1\"]: $nope: no node is called"}},
    {NODE("\"type\": \"map\""),
     {"1:12 nodes[0].config: body is missing", "1:12 nodes[0].config: items is missing",
      "1:32 not supported"}},

    /* --- config --- */
    {NOOP("\"config\": []"), {"1:50 config: expected an object, not a list"}},
    {CONFIG("noop", "\"inptu\": 1"), {"1:51 config.inptu: unknown field, did you mean 'input'?"}},
    {CONFIG("noop", "\"expression\": 1"), {"unknown field in config of a node of this type"}},
    {CONFIG("transform", ""), {"1:55 nodes[0].config: a transform needs one of"}},
    {NODE("\"type\": \"transform\""), {"1:12 nodes[0].config: a transform needs one of"}},
    {CONFIG("transform", "\"expression\": \"1\", \"template\": 2"), {"has 'expression' already"}},
    {CONFIG("transform", "\"expression\": 1"), {"expected a string, not a number"}},
    {CONFIG("transform", "\"jq\": \".\""), {NULL}},
    {CONFIG("transform", "\"jq\": \".\", \"template\": 2"), {"has 'template' already"}},
    {CONFIG("transform", "\"jq\": 1"), {"config.jq: expected a string, not a number"}},
    {CONFIG("transform", "\"transformation\": \"upercase\""), {"config.transformation:"}},
    {NODE("\"type\": \"function\""), {"1:12 nodes[0].config: function_name is missing"}},
    {CONFIG("task", "\"function_name\": \"sleep\""), {NULL}},
    {CONFIG("task", "\"function_name\": \"ecko\""),
     {"?no built-in function is called 'ecko', did you mean 'echo'?: a remote"}},
    {CONFIG("task", "\"function_name\": \"mine\", \"more\": 1"),
     {"?no built-in function is called 'mine': a remote worker or a plugin has to serve it"}},
    {CONFIG("agent", "\"name\": \"mine\", \"more\": {\"a\": \"$input.x\"}"), {NULL}},
    {CONFIG("tool", "\"name\": \"mine\", \"more\": \"$nope\""), {"no node is called 'nope'"}},
    {CONFIG("tool_call", "\"more\": 1"), {"nodes[0].config: name is missing"}},
    {CONFIG("agent_call", "\"name\": \"a b\""), {"config.name: expected 1 to 128 printable"}},
    {CONFIG("task", "\"function_name\": \"a,b\""),
     {"?a remote worker", "function_name: expected 1 to"}},
    {NODE("\"type\": \"tool\", \"queue\": \"q\", \"config\": {\"name\": \"a\"}"), {NULL}},
    {NODE("\"type\": \"tool\", \"queue\": \"default\", \"config\": {\"name\": \"a\"}"),
     {"queue: 'default' is the queue of"}},
    {NODE("\"type\": \"tool\", \"queue\": \"a|b\", \"config\": {\"name\": \"a\"}"),
     {"queue: expected 1 to 128"}},
    {NOOP("\"queue\": \"q\""), {"queue: not supported yet but for nodes that remote"}},
    {CONFIG("task", "\"function_name\": \"echo\", \"more\": 1"), {"config.more: unknown field"}},
    {CONFIG("task", "\"function_name\": \"fail\", \"input\": {\"code\": 5, \"until_attempt\": 3}"),
     {"config.input.code: expected a string"}},
    {CONFIG("task", "\"function_name\": \"fail\", \"input\": {\"code\": \"x\", \"mine\": 3}"),
     {NULL}},

    /* --- edges --- */
    {"{\"nodes\": [{\"id\": \"fetch\", \"type\": \"noop\"}],\n\"edges\": [\n"
     "{\"from\": \"fetch\", \"to\": \"stroe\"},\n{\"from\": \"fetsh\", \"to\": \"fetch\"}]}",
     {"3:25 edges[0].to: no node is called 'stroe'",
      "4:10 edges[1].from: no node is called 'fetsh', did you mean 'fetch'?"}},
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}], \"edges\": [1, {\"from\": \"a\"}]}",
     {"1:52 edges[0]: expected an edge", "1:55 edges[1]: to is missing"}},
    /* Nothing about isolation, and nothing about paths, while an edge is unclear. */
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}, {\"id\": \"b\", \"type\": \"transform\",\n"
     "\"config\": {\"template\": \"$a\"}}], \"edges\": [{\"from\": \"a\", \"to\": \"bb\",\n"
     "\"condition\": \"1 +\"}]}",
     {"2:63 no node is called 'bb'", "3:18 edges[0].condition:"}},

    /* --- cycles --- */
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}, {\"id\": \"b\", \"type\": \"noop\"},\n"
     "{\"id\": \"c\", \"type\": \"noop\"}, {\"id\": \"s\", \"type\": \"noop\"}],\n\"edges\": [\n"
     "{\"from\": \"s\", \"to\": \"a\"},\n{\"from\": \"a\", \"to\": \"b\"},\n"
     "{\"from\": \"b\", \"to\": \"c\"},\n{\"from\": \"c\", \"to\": \"a\"}]}",
     {"7:1 edges[3]: closes a cycle: a -> b -> c -> a"}},
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}, {\"id\": \"b\", \"type\": \"noop\"}],\n"
     "\"edges\": [{\"from\": \"a\", \"to\": \"b\"},\n{\"from\": \"b\", \"to\": \"a\"}]}",
     {"3:1 edges[1]: closes a cycle: a -> b -> a (no node is an entry"}},
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}],\n"
     "\"edges\": [{\"from\": \"a\", \"to\": \"a\"}]}",
     {"2:11 edges[0]: closes a cycle: a -> a"}},
    /* From the entry: s->c->b->a, so the edge that closes is a->c, though a->c stands first. */
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}, {\"id\": \"b\", \"type\": \"noop\"},\n"
     "{\"id\": \"c\", \"type\": \"noop\"}, {\"id\": \"s\", \"type\": \"noop\"}],\n\"edges\": [\n"
     "{\"from\": \"a\", \"to\": \"c\"},\n{\"from\": \"b\", \"to\": \"a\"},\n"
     "{\"from\": \"c\", \"to\": \"b\"},\n{\"from\": \"s\", \"to\": \"c\"}]}",
     {"4:1 edges[0]: closes a cycle: c -> b -> a -> c"}},

    /* --- expressions --- */
    {CONDITION("\"output.score >= \""), {"2:67 edges[0].condition: "}},
    {CONDITION("\"outptu.score >= 1\""), {"2:51 outptu"}},
    {CONDITION("\"1 + 1\""), {"2:50 a condition is true or false; this is int"}},
    {CONDITION("5"), {"2:50 edges[0].condition: expected a string or an object, not a number"}},
    {CONDITION("{\"type\": \"jq\", \"expression\": \".ok\"}"), {NULL}},
    {CONDITION("{\"type\": \"jq\"}"),
     {"2:50 edges[0].condition: expression is missing: the program in jq"}},
    {CONDITION("{\"type\": \"jq\", \"expression\": 1}"),
     {"edges[0].condition.expression: expected a string, not a number"}},
    {CONDITION("{\"expression\": \".\"}"), {"2:50 edges[0].condition: type is missing"}},
    {CONDITION("{\"type\": \"schema\", \"schema\": {}}"), {NULL}},
    /* --- types by schemas --- */
    {SCHEMAS("", "\"output_schema\": " ORDER ",", "${ctx.a.output.name + 1}", "true"),
     {"6:78 nodes[2].config.template: no overload of '+' for (string, int)"}},
    {SCHEMAS("", "\"output_schema\": " ORDER ",", "${ctx.a.output.total + 1}", "true"), {NULL}},
    {SCHEMAS("", "\"output_schema\": " ORDER ",", "${ctx.a.output.totl}", "true"),
     {"6:73 nodes[2].config.template: there is no member 'totl' here; did you mean 'total'?"}},
    {SCHEMAS("", "\"output_schema\": " ORDER ", \"on_error\": \"continue\",",
             "${ctx.a.output.totl}", "output.totl > 1"),
     {NULL}},
    {SCHEMAS("", "\"output_schema\": " ORDER ",", "$input.x", "output.totl > 1"),
     {"7:57 edges[0].condition: there is no member 'totl' here; did you mean 'total'?"}},
    {SCHEMAS("", "\"output_schema\": " ORDER ",", "$input.x", "output.name"),
     {"7:49 edges[0].condition: a condition is true or false; this is string"}},
    {SCHEMAS("", "\"output_schema\": true,", "${ctx.a.output.name + 1}", "true"),
     {"expected an object"}},
    {SCHEMAS("", "\"output_schema\": {},", "${ctx.a.output.name + 1}", "output.totl > 1"), {NULL}},
    {SCHEMAS("", "", "${ctx.a.outptu}", "true"),
     {"6:66 nodes[2].config.template: there is no member 'outptu' here; did you mean 'output'?"}},
    {SCHEMAS("", "", "${ctx.a.started_at + duration('1s')}", "true"), {NULL}},
    /* the run's input, and what passes through */
    {SCHEMAS("\"input_schema\": " ORDER ",", "", "${context.totl}", "input.totl > 1"),
     {"6:68 nodes[2].config.template: there is no member 'totl' here; did you mean 'total'?",
      "7:56 edges[0].condition: there is no member 'totl' here; did you mean 'total'?"}},
    {SCHEMAS("\"input_schema\": " ORDER ",", "", "${input.totl}", "output.totl > 1"),
     {"6:66 nodes[2].config.template: there is no member 'totl' here; did you mean 'total'?",
      "7:57 edges[0].condition: there is no member 'totl' here; did you mean 'total'?"}},
    {SCHEMAS("\"input_schema\": " ORDER ",", "\"config\": {\"input\": {\"x\": 1}},",
             "${input.totl}", "input.totl > 1 && output.totl > 1"),
     {NULL}},
    {SCHEMAS("\"input_schema\": " ORDER ",", "\"config\": {\"input\": \"${input.totl}\"},", "x",
             "true"),
     {"4:31 nodes[0].config.input: there is no member 'totl' here"}},
    /* a node's input is looked at behind `when` */
    {SCHEMAS("", "\"input_schema\": " ORDER ", \"when\": \"input.totl > 1\",", "x", "true"),
     {NULL}},
    {SCHEMAS("", "\"input_schema\": " ORDER ",", "x", "input.totl > 1"),
     {"7:56 edges[0].condition: there is no member 'totl' here"}},
    {SCHEMAS("", "\"input_schema\": " ORDER ", \"on_error\": \"continue\",", "x", "input.totl > 1"),
     {NULL}},
    {CONDITION("{\"type\": \"schema\"}"), {"2:50 edges[0].condition: schema is missing"}},
    {CONDITION("{\"type\": \"schema\", \"schema\": {\"minimum\": \"x\"}}"),
     {"edges[0].condition.schema.minimum: "}},
    {CONDITION("{\"type\": \"schema\", \"schema\": {}, \"expression\": \"x\"}"),
     {"a condition by schema has a schema and no expression"}},
    {CONDITION("\"\\u0069nput.x && nope\""), {"2:67 nope"}},
    {CONDITION("\"ctx.a.output == 1\""), {"ctx.a: a node's own name stands for its previous"}},
    {CONDITION("\"ctx.b.output == 1\""), {"ctx.b: 'b' cannot have run before 'a'"}},
    {CONDITION("\"ctx.bb.output == 1\""), {"ctx.bb: no node is called 'bb'"}},
    {CONDITION("\"iteration > 1\""), {"'iteration' exists only inside a loop"}},
    {CONDITION("\"output.ok && input.ok && context.ok && run.id == 'x'\""), {NULL}},
    {CONFIG("transform", "\"expression\": \"1 + 'x'\""),
     {"1:73 config.expression: no overload of '+'"}},
    {CONFIG("transform", "\"expression\": \"output\""), {"'output' exists only in conditions"}},
    {CONFIG("transform", "\"expression\": \"ctx.a\""), {"ctx.a: a node's own name"}},

    /* --- bindings --- */
    {CHAIN("[\"$a\", \"$b.x[0].y\", \"$input\", \"$context.k\", \"$5\", \"$$x\", \"a $x b\", 5]"),
     {NULL}},
    {CHAIN("\"${ctx.a.output + ctx['b'].output}\""), {NULL}},
    {CHAIN("{\"x\": \"$d-d.y\"}"),
     {"3:8 config.template.x: $d-d: 'd-d' cannot have run before 'c'"}},
    {CHAIN("[\"$c\"]"), {"3:3 config.template[0]: $c: a node's own name"}},
    {CHAIN("\"$unknown\""),
     {"3:2 $unknown: no node is called 'unknown' (a plain '$' is written '$$')"}},
    {CHAIN("\"$inptu.x\""), {"3:2 no node is called 'inptu'"}},
    {CHAIN("\"$run.id\""), {"3:2 $run: that name is for expressions: write ${run"}},
    {CHAIN("\"$item\""), {"3:2 $item: not supported yet"}},
    {CHAIN("\"$a..x\""), {"3:2 '$a..x' is no reference"}},
    {CHAIN("\"$a[x]\""), {"3:2 is no reference"}},
    {CHAIN("\"$a[1\""), {"3:2 is no reference"}},
    {CHAIN("\"$USD/EUR\""), {"3:2 is no reference: expected $NAME"}},
    {CHAIN("\"$a is plain\""), {"?3:2 '$a' is plain text here"}},
    {CHAIN("\"at ${1 + }\""), {"3: config.template:"}},
    {CHAIN("\"at ${nope}\""), {"3:7 nope"}},
    {CHAIN("\"at ${nope\""), {"3:5 '${' without its '}'"}},
    {CHAIN("\"${ctx.d.output}\""), {"3:8 ctx.d: no node is called 'd'"}},
    {CHAIN("\"${{'a': {'b': '}'}}}\""), {NULL}},
    {CHAIN("{\"a\": [\"$nope\"], \"b\": \"${1 + 'x'}\"}"),
     {"3:9 template.a[0]: $nope", "3: template.b: no overload of '+'"}},
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}], \"output\": {\"x\": \"$b\", \"y\": "
     "\"$a\"}}",
     {"1:59 output.x: $b: no node is called 'b'"}},
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}], \"output\": \"${output.x}\"}",
     {"'output' exists only in conditions; a node's is ctx.N.output"}},

    /* --- warnings --- */
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}, {\"id\": \"b\", \"type\": \"noop\"}]}",
     {"?1:12 nodes[0]: isolated", "?1:41 nodes[1]: isolated"}},
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"condition\"}, {\"id\": \"b\", \"type\": "
     "\"noop\"}],\n"
     "\"edges\": [{\"from\": \"a\", \"to\": \"b\", \"condition\": \"output.x\"}]}",
     {"?1:12 a conditional without default"}},
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"condition\"}, {\"id\": \"b\", \"type\": "
     "\"noop\"}],\n"
     "\"edges\": [{\"from\": \"a\", \"to\": \"b\", \"condition\": \"output.x\"},\n"
     "{\"from\": \"a\", \"to\": \"b\", \"condition\": \" output.x \"},\n"
     "{\"from\": \"a\", \"to\": \"b\", \"condition\": \"true\"},\n"
     "{\"from\": \"a\", \"to\": \"b\"}]}",
     {"?3:1 edges[1]: shadowed by edges[0]: it has the same",
      "?5:1 edges[3]: shadowed by edges[2]"}},
    {"{\"nodes\": [{\"id\": \"a\", \"type\": \"noop\"}, {\"id\": \"b\", \"type\": \"noop\"}],\n"
     "\"edges\": [{\"from\": \"a\", \"to\": \"b\", \"condition\": \"output.x\"},\n"
     "{\"from\": \"a\", \"to\": \"b\"}]}",
     {"?2:11 edges[0]: shadowed by edges[1]: it leads there without"}},
};

static const struct example yaml_examples[] = {
    {"metadata:\n  name: bad\nnodes:\n  - id: a\n    type: noop\n  - id: b\n    type: humna\n"
     "edges:\n  - from: a\n    to: nowhere\n",
     {"7:11 did you mean 'human'?", "10:9 no node is called 'nowhere'"}},
    {"nodes:\n  - {id: a, type: noop}\n  - id: b\n    type: transform\n    config:\n"
     "      expression: >\n        ctx.c.output\nedges:\n  - {from: a, to: b}\n",
     {"6:19 ctx.c: no node"}},
    {"nodes: [{id: a, type: noop}\n", {"2:1 "}},
};

static bool matches(const struct finding *finding, const char *expected)
{
    const bool warning = expected[0] == '?';
    unsigned line = 0, column = 0;
    int used = 0;
    expected += warning;
    if (sscanf(expected, "%u:%u %n", &line, &column, &used) >= 2) {
        if (finding->position.line != line || finding->position.column != column)
            return false;
        expected += used;
    } else if (sscanf(expected, "%u: %n", &line, &used) == 1 && used > 0) {
        if (finding->position.line != line)
            return false;
        expected += used;
    }
    return (finding->severity == FINDING_WARNING) == warning && strstr(finding->message, expected);
}

static int check(const struct example *example, enum graph_format format)
{
    struct arena arena;
    struct findings findings;
    uint32_t expected = 0, found = 0, errors = 0;
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    struct graph *graph = graph_compile(slice_str(example->source), format, &findings);
    for (; expected < MOST && example->findings[expected]; expected++) {
        errors += example->findings[expected][0] != '?';
        for (uint32_t i = 0; i < findings.count; i++) {
            if (!matches(&findings.items[i], example->findings[expected]))
                continue;
            found++;
            break;
        }
    }
    bool good = found == expected && findings.count == expected && (graph != NULL) == (errors == 0);
    if (!good) {
        print_error("%s\n", example->source);
        for (uint32_t i = 0; i < findings.count; i++)
            print_error("  found    %s%u:%u %s\n",
                        findings.items[i].severity == FINDING_WARNING ? "?" : "",
                        findings.items[i].position.line, findings.items[i].position.column,
                        findings.items[i].message);
        for (uint32_t i = 0; i < expected; i++)
            print_error("  expected %s\n", example->findings[i]);
    }
    graph_release(graph);
    arena_free(&arena);
    return good ? 0 : 1;
}

static void json_definitions(void **state)
{
    int bad = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(json_examples); i++)
        bad += check(&json_examples[i], GRAPH_JSON);
    assert_int_equal(bad, 0);
}

static void yaml_definitions(void **state)
{
    int bad = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(yaml_examples); i++)
        bad += check(&yaml_examples[i], GRAPH_YAML);
    assert_int_equal(bad, 0);
}

static void sorted_and_capped(void **state)
{
    struct arena arena;
    struct findings findings;
    struct buf source;
    (void)state;
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    buf_init(&source, 0);
    buf_str(&source, "{\"edges\": [");
    for (int i = 0; i < 300; i++)
        buf_printf(&source, "%s{\"from\": \"a\", \"to\": \"b%d\"}", i ? ",\n" : "", i);
    buf_str(&source, "], \"nodes\": [{\"id\": \"a\", \"type\": \"nop\"}]}");
    assert_null(graph_compile(buf_slice(&source), GRAPH_JSON, &findings));
    assert_int_equal(findings.errors, 301);
    assert_int_equal(findings.count, FINDINGS_MAX);
    assert_int_equal(findings.dropped, 301 - FINDINGS_MAX);
    for (uint32_t i = 1; i < findings.count; i++)
        assert_true(findings.items[i - 1].position.line <= findings.items[i].position.line);
    buf_free(&source);
    arena_free(&arena);
}

static void long_texts_are_cut(void **state)
{
    struct arena arena;
    struct findings findings;
    char path[2000];
    (void)state;
    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    finding_add(&findings, FINDING_ERROR, (struct json_position){1, 1}, path, "never seen");
    finding_add(&findings, FINDING_ERROR, (struct json_position){1, 1}, "p", "%s\ttab", path);
    assert_int_equal(findings.count, 2);
    assert_true(strlen(findings.items[0].message) < 1000);
    assert_true(strlen(findings.items[1].message) < 1000);
    assert_memory_equal(findings.items[1].message, "p: xxx", 6);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_definitions),
        cmocka_unit_test(yaml_definitions),
        cmocka_unit_test(sorted_and_capped),
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
