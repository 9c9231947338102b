/* schedules: plays episodes, each a few runs on a fleet to which things happen. See sim.h.
 *
 *   schedules --redis SOCKET --database URI --clock FILE --check FILE --flows FILE --runs FILE
 *             [--jq PROGRAM] [--seed FIRST] [--count WORLDS] [--episodes N] [--plods] [--trace]
 *
 * A world begins with an empty Redis and a new fleet, and is what its seed says; its episodes follow one
 * another, each until nothing is left to do. flows: a line each: name, TAB, 1 when it only ends by a
 * cancel, TAB, input, TAB, other input. runs: what was submitted, a line of JSON each. Standard output:
 * what has happened, as JSON. Exit status 1: an invariant is violated.
 */
#include "base/arena.h"
#include "base/log.h"
#include "base/uuid7.h"
#include "sim.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLOW_INPUTS = 2,
    STUCK_US = 300 * 1000000,
    IDLE_SHORT = 4,
    STEP_SHORT_US = 2000,
    STEP_LONG_US = 500000, /* less than a lease: who beats keeps it */
    STEPS_BETWEEN_FAULTS = 120,
    TRACED_MOST = 1500,
    TRACE_BYTES = 700,
};

/* A world's time depends on its seed alone. Servers may not see time go back: later seeds are later. */
#define BEGINNING_US INT64_C(1767225600000000) /* the year 2026 */
#define WORLD_MOST_US INT64_C(86400000000)

struct flow {
    char *name;
    bool endless;
    char *inputs[FLOW_INPUTS];
};

struct submitted {
    char id[UUID_TEXT_LEN + 1];
    const struct flow *flow;
    uint32_t input;
    uint64_t at_step;
    bool sent, cancel, cancelled, again;
    uint64_t cancel_step, again_step;
};

struct sim sim;

static struct flow *flows;
static uint32_t flow_count;
static struct submitted runs[RUNS_MOST];
static uint32_t run_count;
static FILE *runs_file;
static struct store *store;

/* The last ones are shown when something is wrong. */
static char traces[TRACED_MOST][TRACE_BYTES];
static uint64_t traced;
static void trace_print(void);

void violated(const char *format, ...)
{
    va_list args;
    (void)fflush(stdout);
    (void)fprintf(stderr, "seed %" PRIu64 ", episode %u: ", sim.seed, sim.episode);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\nreplay: --seed %" PRIu64 " --count 1 --episodes %u --trace\n",
                  sim.seed, sim.episode + 1);
    for (uint32_t i = 0; i < run_count; i++)
        (void)fprintf(stderr, "  run %s of %s, input %s\n", runs[i].id, runs[i].flow->name,
                      runs[i].flow->inputs[runs[i].input]);
    if (!sim.tracing)
        trace_print();
    if (sim.redis)
        check_dump();
    postgres_dump();
    _Exit(1);
}

static void trace_print(void)
{
    for (uint64_t i = traced > TRACED_MOST ? traced - TRACED_MOST : 0; i < traced; i++)
        (void)fprintf(stderr, "%s\n", traces[i % TRACED_MOST]);
}

void trace(const char *format, ...)
{
    va_list args;
    char *line = traces[traced++ % TRACED_MOST];
    const struct actor *self = actor_self();
    const int len = snprintf(line, TRACE_BYTES, "%10.3f %s ",
                             (double)(clock_now_us() % 1000000000) / 1e3, self ? self->name : "");
    va_start(args, format);
    (void)vsnprintf(line + len, TRACE_BYTES - (size_t)len, format, args);
    va_end(args);
    if (sim.tracing)
        (void)fprintf(stderr, "%s\n", line);
}

/* --- runs --- */

static void choose_runs(void)
{
    run_count = 1 + chance_below(RUNS_MOST);
    for (uint32_t i = 0; i < run_count; i++) {
        struct submitted *run = &runs[i];
        struct uuid id;
        for (int k = 0; k < 16; k++)
            id.bytes[k] = (unsigned char)chance_below(256);
        *run = (struct submitted){.flow = &flows[chance_below(flow_count)],
                                  .input = chance_below(FLOW_INPUTS),
                                  .at_step = chance_below(80)};
        uuid_format(&id, run->id);
        run->cancel = run->flow->endless || chance_of(8);
        run->cancel_step = run->at_step + 30 + chance_below(400);
        run->again = chance_of(10);
        run->again_step = run->at_step + chance_below(300);
        ledger_expect(run->id);
        (void)fprintf(runs_file,
                      "{\"run\": \"%s\", \"flow\": \"%s\", \"input\": %u, \"seed\": %" PRIu64
                      ", \"episode\": %u, \"budget\": %u}\n",
                      run->id, run->flow->name, run->input, sim.seed, sim.episode, sim.budget);
    }
}

static void request_run(const struct submitted *run)
{
    freeReplyObject(wire_words("XADD troupe:runs * workflow %s run_id %s input %s", run->flow->name,
                               run->id, run->flow->inputs[run->input]));
    sim.arrivals++;
}

static void cancel_run(struct submitted *run)
{
    struct store_command command;
    struct err err = ERR_INIT;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    const int result =
        store_command_add(store, slice_str(run->id), "cancel", "schedule", &arena, &command, &err);
    arena_free(&arena);
    if (result != 0 && err.code != ERR_NOT_FOUND && err.code != ERR_CONFLICT)
        violated("cancel: %s", err.message);
    run->cancelled = result == 0 || err.code == ERR_CONFLICT;
    for (uint32_t i = 0; i < sim.supervisor_count && result == 0; i++)
        sim.supervisors[i].notified = sim.supervisors[i].listens;
}

/* False: there is more to come. */
static bool take_part(uint64_t step, bool idle)
{
    bool all = true;
    for (uint32_t i = 0; i < run_count; i++) {
        struct submitted *run = &runs[i];
        if (!run->sent && (idle || step >= run->at_step)) {
            trace("request %s", run->id);
            request_run(run);
            run->sent = true;
        } else if (run->sent && run->again && (idle || step >= run->again_step)) {
            happened("requests sent twice by their producer");
            request_run(run);
            run->again = false;
        } else if (run->sent && run->cancel && !run->cancelled &&
                   (idle || step >= run->cancel_step)) {
            cancel_run(run);
            run->cancel_step = step + 50;
        }
        all = all && run->sent && !run->again && (!run->cancel || run->cancelled);
    }
    return all;
}

/* --- steps --- */

static bool is_awake(const struct actor *actor) { return actor->alive && !actor->paused_until_us; }

static void step_of(struct actor *actor)
{
    if (!actor->is_worker) {
        trace("%s goes on", actor->name);
        actor_resume(actor);
    } else if (actor->dirty && (chance_of(60) || !link_can_step(actor))) {
        worker_loop(actor);
    } else {
        trace("%s", actor->name);
        link_step(actor);
    }
}

/* One step of one of those who can take one; false: nobody can. */
static bool step(void)
{
    struct actor *able[WORKERS_MOST + SUPERVISORS_MOST];
    uint32_t count_able = 0;
    for (uint32_t i = 0; i < sim.worker_count; i++) {
        struct actor *worker = &sim.workers[i];
        if (is_awake(worker) && (worker->dirty || link_can_step(worker)))
            able[count_able++] = worker;
    }
    for (uint32_t i = 0; i < sim.supervisor_count; i++) {
        struct actor *supervisor = &sim.supervisors[i];
        /* To look whether there is work costs a call: not each time. */
        if (is_awake(supervisor) &&
            (count_able == 0 ||
             (chance_of(sim.eager) && (supervisor->wants != WANTS_WORK || chance_of(20)))) &&
            actor_can_step(supervisor))
            able[count_able++] = supervisor;
    }
    if (late_count() > 0 && chance_of(count_able ? 10 : 50))
        return late_step(false);
    if (count_able == 0)
        return false;
    step_of(able[chance_below(count_able)]);
    return true;
}

static int64_t earlier(int64_t a_us, int64_t b_us) { return b_us < a_us ? b_us : a_us; }

/* Nobody can move: until somebody may. */
static void let_time_pass(uint32_t idle)
{
    postgres_let_go();
    const int64_t now_us = clock_now_us();
    int64_t until_us = now_us + (idle < IDLE_SHORT ? STEP_SHORT_US : STEP_LONG_US);
    for (uint32_t i = 0; i < sim.worker_count; i++) {
        if (is_awake(&sim.workers[i]))
            until_us = earlier(until_us, link_next_us(&sim.workers[i]));
    }
    happened("advances");
    clock_advance(until_us > now_us ? until_us - now_us : STEP_SHORT_US);
    (void)late_step(true);
    fleet_return();
    for (uint32_t i = 0; i < sim.worker_count; i++) {
        struct actor *worker = &sim.workers[i];
        if (!is_awake(worker))
            continue;
        link_timeouts(worker);
        worker_loop(worker);
    }
}

static bool all_awake(void)
{
    for (uint32_t i = 0; i < sim.worker_count; i++) {
        if (!is_awake(&sim.workers[i]))
            return false;
    }
    for (uint32_t i = 0; i < sim.supervisor_count; i++) {
        if (!is_awake(&sim.supervisors[i]))
            return false;
    }
    return true;
}

static bool is_over(void)
{
    return ledger_unfinished() == 0 && all_awake() && late_count() == 0 && check_left() == NULL;
}

static void play(void)
{
    uint64_t faults[FAULTS_MOST];
    const uint32_t fault_count = chance_of(10) ? 0 : chance_below(FAULTS_MOST + 1);
    const int64_t began_us = clock_now_us();
    uint32_t idle = 0;
    uint64_t calls = 0; /* when time passed last */
    for (uint32_t i = 0; i < fault_count; i++)
        faults[i] = chance_below(fault_count * STEPS_BETWEEN_FAULTS);
    sim.budget = chance_of(30) ? 1 + chance_below(3) : 0;
    sim.shares = chance_of(30);
    sim.plods = chance_of(60) || sim.always_plods;
    choose_runs();
    for (uint64_t at = 0;; at++) {
        const bool all_said = take_part(at, idle > IDLE_SHORT);
        for (uint32_t i = 0; i < fault_count; i++) {
            if (faults[i] == at)
                fault_strike();
        }
        if (step())
            continue;
        if (all_said && is_over())
            break;
        idle = sim.calls == calls ? idle + 1 : 0;
        calls = sim.calls;
        let_time_pass(idle);
        if (clock_now_us() - began_us > STUCK_US)
            violated("not through after 300 s: %u runs have not ended; left: %s",
                     ledger_unfinished(), check_left() ? check_left() : "nothing");
    }
    ledger_end();
    run_count = 0;
    happened("episodes");
}

/* --- a world --- */

static void play_world(uint64_t seed, uint32_t episodes)
{
    sim.seed = seed;
    sim.chance = seed * UINT64_C(0x2545F4914F6CDD1D) + 1;
    sim.names = 0;
    srand((unsigned)seed); /* of back-offs */
    sim.episode = 0;
    clock_set(BEGINNING_US + (int64_t)seed * WORLD_MOST_US);
    freeReplyObject(wire_words("FLUSHALL"));
    postgres_forget();
    ledger_begin();
    /* A stored output without its JSON has some 40. */
    sim.inline_bytes = chance_of(60) ? 42 + chance_below(40) : 0;
    sim.eager = chance_of(70) ? 0 : chance_of(50) ? 10 : 100;
    fleet_begin();
    for (; sim.episode < episodes; sim.episode++)
        play();
    fleet_end();
    happened("worlds");
}

/* --- the program --- */

static void read_flows(const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    if (!file)
        violated("cannot read %s", path);
    while (getline(&line, &size, file) > 0) {
        char *rest = line, *name = strsep(&rest, "\t"), *endless = strsep(&rest, "\t"),
             *input = strsep(&rest, "\t"), *other = strsep(&rest, "\n");
        flows = reallocarray(flows, flow_count + 1, sizeof(*flows));
        if (!flows || !other)
            violated("%s:%u: not name, 0 or 1, input, input", path, flow_count + 1);
        flows[flow_count++] = (struct flow){.name = strdup(name),
                                            .endless = *endless == '1',
                                            .inputs = {strdup(input), strdup(other)}};
    }
    free(line);
    (void)fclose(file);
    if (flow_count == 0)
        violated("%s: no flows", path);
}

struct arguments {
    const char *redis, *database, *clock, *check, *flows, *runs, *jq;
    uint64_t seed, count;
    uint32_t episodes;
};

static struct arguments read_arguments(int argc, char **argv)
{
    struct arguments given = {.seed = 1, .count = 1, .episodes = 25};
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--trace") == 0) {
            sim.tracing = true;
            continue;
        }
        if (strcmp(name, "--plods") == 0) {
            sim.always_plods = true;
            continue;
        }
        const char *value = i + 1 < argc ? argv[++i] : NULL;
        if (!value)
            violated("%s wants a value", name);
        else if (strcmp(name, "--redis") == 0)
            given.redis = value;
        else if (strcmp(name, "--database") == 0)
            given.database = value;
        else if (strcmp(name, "--clock") == 0)
            given.clock = value;
        else if (strcmp(name, "--check") == 0)
            given.check = value;
        else if (strcmp(name, "--flows") == 0)
            given.flows = value;
        else if (strcmp(name, "--runs") == 0)
            given.runs = value;
        else if (strcmp(name, "--jq") == 0)
            given.jq = value;
        else if (strcmp(name, "--seed") == 0)
            given.seed = strtoull(value, NULL, 10);
        else if (strcmp(name, "--count") == 0)
            given.count = strtoull(value, NULL, 10);
        else if (strcmp(name, "--episodes") == 0)
            given.episodes = (uint32_t)strtoul(value, NULL, 10);
        else
            violated("%s is no option", name);
    }
    if (!given.redis || !given.database || !given.clock || !given.check || !given.flows ||
        !given.runs)
        violated("--redis, --database, --clock, --check, --flows and --runs are needed");
    return given;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    const struct arguments given = read_arguments(argc, argv);
    log_setup("schedules", sim.tracing ? LOG_DEBUG : LOG_ERROR);
    scripts_setup();
    read_flows(given.flows);
    check_begin(given.check);
    runs_file = fopen(given.runs, "w");
    sim.redis = redisConnectUnix(given.redis);
    sim.database_url = given.database;
    sim.jq_helper = given.jq;
    store = store_new(given.database, "schedules", &err);
    if (!runs_file || !store || !sim.redis || sim.redis->err)
        violated("cannot begin: %s%s", err.message, sim.redis ? sim.redis->errstr : "");
    postgres_begin();
    clock_open(given.clock);
    for (uint64_t seed = given.seed; seed < given.seed + given.count; seed++)
        play_world(seed, given.episodes);
    counters_print(stdout);
    if (fclose(runs_file) != 0 || fflush(stdout) != 0)
        return 1;
    store_free(store);
    redisFree(sim.redis);
    return 0;
}
