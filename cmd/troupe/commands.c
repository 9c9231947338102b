/* commands: the table of all commands. Adding one is one entry here and one cmd_NAME.c. */
#include "cli.h"
#include "options.h"
#include <string.h>

static const struct setting options_plain[] = {OPTION_OUTPUT, OPTIONS_COMMON};

static const struct setting options_cancel[] = {
    OPTION_FLAG("detach", 0, "do not wait until it took effect"),
    OPTION_TIMEOUT("30", "how long to wait"),
    OPTION_OUTPUT,
    OPTIONS_COMMON,
};

static const struct setting options_bench[] = {
    OPTION("rounds", 0, SETTING_INT, "3", 1, 9, "N", "how often all of it"),
    OPTION("percent", 0, SETTING_INT, "100", 1, 1000, "N", "of the usual loads"),
    OPTION("workers", 0, SETTING_INT, "2", 1, 64, "N", "how many workers"),
    OPTION("flat", 0, SETTING_STRING, NULL, 0, 0, "WHICH",
           "instead: is the rate the same with more waiting, definitions, partitions, workers? or "
           "all"),
    OPTION("waiting", 0, SETTING_INT, "1000000", 1, 10000000, "N",
           "runs asleep for --flat waiting"),
    OPTION_FLAG("fair", 0, "instead: does any run wait longer than its share?"),
    OPTION_OUTPUT,
    OPTIONS_COMMON,
};

static const struct setting options_cel[] = {
    OPTION("with", 0, SETTING_STRING, NULL, 0, 0, "JSON", "an object: its members are variables"),
    OPTION("cases", 0, SETTING_STRING, NULL, 0, 0, "FILE", "run the cases of a file"),
    OPTION_FLAG("repl", 0, "read expressions line by line"),
    OPTION_OUTPUT,
    OPTIONS_COMMON,
};

static const struct setting options_dead_letters[] = {
    OPTION("workflow", 0, SETTING_STRING, NULL, 0, 0, "NAME", "only of this workflow"),
    OPTION("code", 0, SETTING_STRING, NULL, 0, 0, "CODE",
           "only with worker_lost, internal or rejected"),
    OPTION_FLAG("all", 0, "retry, drop: all that are open; list: those too that were dealt with"),
    OPTION("limit", 'n', SETTING_INT, "100", 1, 100000, "N", "how many are listed at most"),
    OPTION_OUTPUT,
    OPTIONS_COMMON,
};

static const struct setting options_dev[] = {
    OPTION("data", 0, SETTING_STRING, NULL, 0, 0, "DIR",
           "keep everything here (default: a temporary directory)"),
    OPTION("workers", 0, SETTING_INT, "2", 0, 64, "N", "how many workers; 0: none"),
    OPTION("port", 0, SETTING_INT, "0", 0, 65000, "N",
           "Redis on N+1, Postgres on N+2 (N is kept for the API); 0: free ones"),
    OPTIONS_COMMON,
};

static const struct setting options_events[] = {
    OPTION_FLAG("follow", 'f', "wait for more until the run has ended"),
    OPTION_OUTPUT,
    OPTIONS_COMMON,
};

static const struct setting options_graph[] = {
    OPTION("output", 'o', SETTING_STRING, "dot", 0, 0, "dot|mermaid|svg|json",
           "Graphviz source, a Mermaid flowchart, a picture (by Graphviz), or nodes and edges"),
    OPTIONS_COMMON,
};

static const struct setting options_import[] = {
    OPTION("scale", 0, SETTING_STRING, "0", 0, 0, "S", "runtimes are multiplied by it"),
    OPTIONS_COMMON,
};

static const struct setting options_ps[] = {
    OPTION("status", 0, SETTING_STRING, NULL, 0, 0, "STATUS", "only runs of this status"),
    OPTION("workflow", 0, SETTING_STRING, NULL, 0, 0, "NAME", "only runs of this workflow"),
    OPTION_FLAG("live", 0, "only runs that have not ended"),
    OPTION("limit", 'n', SETTING_INT, "20", 1, 10000, "N", "how many at most"),
    OPTION_OUTPUT,
    OPTIONS_COMMON,
};

static const struct setting options_run[] = {
    OPTION("input", 0, SETTING_STRING, NULL, 0, 0, "JSON|@FILE|-",
           "the run's input (default: null)"),
    OPTION("id", 0, SETTING_STRING, NULL, 0, 0, "UUID",
           "the run's id; starting the same run again is a no-op"),
    OPTION("label", 0, SETTING_LIST, NULL, 0, 0, "KEY=VALUE", "may be repeated"),
    OPTION_FLAG("wait", 0, "wait for the end (default without a terminal)"),
    OPTION_FLAG("watch", 0, "wait, and show what happens (default on a terminal)"),
    OPTION_FLAG("detach", 0, "print the run's id and do not wait"),
    OPTION_TIMEOUT(NULL, "stop waiting after that; the run goes on"),
    OPTION("deadline", 0, SETTING_STRING, NULL, 0, 0, "SECONDS",
           "the run fails if it has not ended by then"),
    OPTION_OUTPUT,
    OPTIONS_COMMON,
};

static const struct setting options_schema[] = {
    OPTION("check", 0, SETTING_STRING, NULL, 0, 0, "SCHEMA",
           "check files against this JSON Schema"),
    OPTION_OUTPUT,
    OPTIONS_COMMON,
};

static const struct setting options_validate[] = {
    OPTION_FLAG("strict", 0, "warnings count as errors"),
    OPTION_OUTPUT,
    OPTIONS_COMMON,
};

#define OPTIONS(table) .options = (table), .option_count = ARRAY_LEN(table)
#define NOT_YET(name_, synopsis_, summary_)                                                        \
    {                                                                                              \
        .name = name_, .synopsis = synopsis_, .summary = summary_, .most = UINT32_MAX,             \
        OPTIONS(options_plain)                                                                     \
    }

const struct cli_command cli_commands[] = {
    {.name = "dev",
     .synopsis = "[--data DIR] [--workers N] [--port N] [-- CMD ARG...]",
     .summary = "a private Redis, Postgres, supervisor and workers, until Ctrl-C",
     .details =
         "Starts everything that runs need, on free ports of this machine, in one directory.\n"
         "With CMD: runs it with TROUPE_REDIS_URL and TROUPE_DATABASE_URL set, then ends\n"
         "everything and exits with its status.",
     .examples = "troupe dev\n"
                 "troupe dev --data ./troupe-data --workers 4\n"
                 "troupe dev -- troupe run hello.json --input '{\"name\": \"you\"}'\n",
     OPTIONS(options_dev),
     .most = UINT32_MAX,
     .run = cmd_dev},
    {.name = "migrate",
     .synopsis = "",
     .summary = "make or update the tables in Postgres",
     .examples = "troupe migrate\n",
     OPTIONS(options_plain),
     .run = cmd_migrate},
    {.name = "validate",
     .synopsis = "[--strict] FILE...",
     .summary = "check definitions",
     .details = "Every finding is a line FILE:LINE:COL: message. Exit status 3 if any is an error.",
     .examples = "troupe validate triage.yaml\n"
                 "troupe validate --strict workflows/*.json\n",
     OPTIONS(options_validate),
     .least = 1,
     .most = UINT32_MAX,
     .run = cmd_validate},
    {.name = "graph",
     .synopsis = "FILE [-o dot|mermaid|svg|json]",
     .summary = "draw a definition",
     .examples = "troupe graph triage.json -o svg > triage.svg\n"
                 "troupe graph triage.json -o json\n",
     OPTIONS(options_graph),
     .least = 1,
     .most = 1,
     .run = cmd_graph},
    {.name = "deploy",
     .synopsis = "FILE...",
     .summary = "store definitions as new versions",
     .details = "A definition that equals the latest version of its name changes nothing.",
     .examples = "troupe deploy triage.json\n",
     OPTIONS(options_plain),
     .least = 1,
     .most = UINT32_MAX,
     .run = cmd_deploy},
    {.name = "run",
     .synopsis = "NAME|FILE [--input JSON|@FILE|-] [--id UUID] [--label KEY=VALUE]\n"
                 "[--wait|--watch|--detach] [--timeout SECONDS] [--deadline SECONDS]",
     .summary = "start a run",
     .details =
         "An argument with a slash, or that ends in .json, .yaml or .yml, is a FILE, which is\n"
         "deployed first. Exit status: 0 completed, 1 failed or cancelled, 124 timed out\n"
         "waiting (the run goes on), 6 the --id is taken by a run with another input.",
     .examples = "troupe run triage --input '{\"url\": \"https://example.org/1\"}'\n"
                 "troupe run ./triage.json --input @input.json --watch\n"
                 "echo '[1, 2]' | troupe run sum --input - --wait -o json\n"
                 "troupe run nightly --detach --label team=data\n",
     OPTIONS(options_run),
     .least = 1,
     .most = 1,
     .run = cmd_run},
    {.name = "ps",
     .synopsis = "[--live] [--status STATUS] [--workflow NAME] [-n N]",
     .summary = "list runs, newest first",
     .examples = "troupe ps\n"
                 "troupe ps --status failed --workflow triage -o json\n",
     OPTIONS(options_ps),
     .run = cmd_ps},
    {.name = "show",
     .synopsis = "RUN",
     .summary = "one run: what ran when, its output or error",
     .examples = "troupe show 01926f3a-5c1e-7000-8000-3f2a9c4d0007\n"
                 "troupe show RUN -o json | jq '.nodes[] | select(.status == \"failed\")'\n",
     OPTIONS(options_plain),
     .least = 1,
     .most = 1,
     .run = cmd_show},
    {.name = "events",
     .synopsis = "RUN [--follow]",
     .summary = "everything that happened in a run, in order",
     .details =
         "The number in brackets is what it did to the count of live tokens. --follow waits for\n"
         "more until the run has ended; with -o json it prints a JSON document per line.",
     .examples = "troupe events RUN\n"
                 "troupe events RUN --follow -o json\n",
     OPTIONS(options_events),
     .least = 1,
     .most = 1,
     .run = cmd_events},
    {.name = "decisions",
     .synopsis = "RUN",
     .summary = "which edges a run took, and why",
     .examples = "troupe decisions RUN\n",
     OPTIONS(options_plain),
     .least = 1,
     .most = 1,
     .run = cmd_decisions},
    {.name = "cancel",
     .synopsis = "RUN [--detach] [--timeout SECONDS]",
     .summary = "end a run",
     .details = "Waits until it took effect. Exit status 6 when the run had ended before.",
     .examples = "troupe cancel RUN\n",
     OPTIONS(options_cancel),
     .least = 1,
     .most = 1,
     .run = cmd_cancel},
    NOT_YET("pause", "RUN", "start no further nodes of a run"),
    NOT_YET("unpause", "RUN", "go on with a paused run"),
    NOT_YET("resume", "RUN", "continue a failed or cancelled run"),
    NOT_YET("replay", "RUN NODE [--config JSON]", "execute one node again, apart"),
    NOT_YET("signal", "RUN NAME [JSON]", "send a signal to a run"),
    NOT_YET("approvals", "", "what waits for a human"),
    NOT_YET("approve", "APPROVAL [--comment TEXT] [--data JSON]", "approve"),
    NOT_YET("reject", "APPROVAL [--comment TEXT] [--data JSON]", "reject"),
    {.name = "queues",
     .synopsis = "",
     .summary = "what waits in the queues",
     .examples = "troupe queues\n",
     OPTIONS(options_plain),
     .run = cmd_queues},
    {.name = "workers",
     .synopsis = "",
     .summary = "the fleet",
     .examples = "troupe workers\n",
     OPTIONS(options_plain),
     .run = cmd_workers},
    {.name = "dead-letters",
     .synopsis = "[list] [--workflow NAME] [--code CODE] [--all] [-n N]\n"
                 "show ID\n"
                 "retry ID...|--all\n"
                 "drop ID...|--all",
     .summary = "what could not be executed, and trying it again",
     .details =
         "Runs whose workers were lost three times in turn or whose result Redis did not\n"
         "take, and requests of troupe:runs that were rejected. `retry` starts a run of the\n"
         "same workflow, version, input and labels, once, with the label retry_of; `drop`\n"
         "puts aside. With --all both take all that are open, or those of a --workflow or\n"
         "--code; for list it means those too that were dealt with.",
     .examples = "troupe dead-letters\n"
                 "troupe dead-letters show 018f2a6e-7c1b-7d2a-9a51-0242ac120002\n"
                 "troupe dead-letters retry 018f2a6e-7c1b-7d2a-9a51-0242ac120002\n"
                 "troupe dead-letters retry --all --workflow triage --code worker_lost\n"
                 "troupe dead-letters drop --all --code rejected\n",
     OPTIONS(options_dead_letters),
     .most = UINT32_MAX,
     .run = cmd_dead_letters},
    NOT_YET("top", "", "a live overview"),
    {.name = "doctor",
     .synopsis = "",
     .summary = "is everything as it should be, and what to do if not",
     .details = "Exit status: 0 all well, 1 problems, 5 a server cannot be reached.",
     .examples = "troupe doctor\n",
     OPTIONS(options_plain),
     .run = cmd_doctor},
    NOT_YET("why", "RUN", "why a run does not go on"),
    NOT_YET("verify", "", "check the record against itself and Redis"),
    NOT_YET("recover", "", "rebuild Redis from the record"),
    {.name = "schema",
     .synopsis = "[--check SCHEMA FILE...]",
     .summary = "the JSON Schema of definitions; files against any schema",
     .details = "Draft 2020-12, for editors and generators. What it accepts may still have errors\n"
                "that a schema cannot tell: `troupe validate` finds all.\n"
                "With --check: every problem of every FILE (JSON or YAML) as FILE:LINE:COL: path:\n"
                "message. Exit status 3 if any does not fit, or if SCHEMA is none.",
     .examples = "troupe schema > troupe.schema.json\n"
                 "troupe schema -o json | jq '.[\"$defs\"].retry'\n"
                 "troupe schema --check order.schema.json input.json\n",
     OPTIONS(options_schema),
     .most = UINT32_MAX,
     .run = cmd_schema},
    {.name = "cel",
     .synopsis = "EXPR [--with JSON]\n--repl [--with JSON]\n--cases FILE",
     .summary = "evaluate an expression",
     .details =
         "Prints the value as JSON; exit status 1 and the error otherwise.\n"
         "Put -- before an expression that begins with a dash. --repl reads expressions line\n"
         "by line, with history and completion on a terminal; :help there says more.",
     .examples = "troupe cel '1 + 2 * 3'\n"
                 "troupe cel 'output.score >= 80' --with '{\"output\": {\"score\": 85}}'\n"
                 "troupe cel --repl --with '{\"items\": [1, 2, 3]}'\n",
     OPTIONS(options_cel),
     .most = 1,
     .run = cmd_cel},
    {.name = "import",
     .synopsis = "wfformat FILE[.gz] [--scale S]",
     .summary = "turn a foreign workflow into a definition",
     .details =
         "wfformat: a trace of WfCommons; its tasks sleep for their runtime times S, which is\n"
         "0 unless given. The definition goes to stdout.",
     .examples = "troupe import wfformat montage.json.gz > montage.json\n"
                 "troupe import wfformat trace.json --scale 0.001 > fast.json\n",
     OPTIONS(options_import),
     .least = 2,
     .most = 2,
     .run = cmd_import},
    {.name = "bench",
     .synopsis = "[--rounds N] [--percent N] [--workers N]\n"
                 "--flat WHICH [--waiting N] [--rounds N] [--percent N]\n"
                 "--fair [--percent N] [--workers N]",
     .summary = "measure how fast troupe is here",
     .details =
         "Private Redis and Postgres; the limit of Redis itself, chains, fans, single nodes and\n"
         "mixed runs take turns; medians. Time ends when Postgres has everything.\n"
         "\n"
         "--flat: waiting, definitions, partitions, workers or all: a small and a large case of\n"
         "each take turns. Status 1 when the large one is slower than it may be.\n"
         "--fair: status 1 when a run waited longer than twice its share.",
     .examples = "troupe bench\n"
                 "troupe bench --percent 10 -o json\n"
                 "troupe bench --flat waiting --waiting 100000\n",
     OPTIONS(options_bench),
     .run = cmd_bench},
};

const uint32_t cli_command_count = ARRAY_LEN(cli_commands);

const struct cli_command *cli_command_find(const char *name)
{
    for (uint32_t i = 0; i < cli_command_count; i++) {
        if (strcmp(cli_commands[i].name, name) == 0)
            return &cli_commands[i];
    }
    return NULL;
}
