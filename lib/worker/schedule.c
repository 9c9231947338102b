/* schedule: what a worker does in one turn of its loop, and who calls next.
 *
 * Channels that have a call to make stand in a queue, first come first served, so none starves; two
 * calls are under way at a time, of different partitions, so that Redis works while nodes execute.
 * A turn is bounded: it executes for some milliseconds, then lets the loop read and write.
 */
#include "base/log.h"
#include "worker/serving.h"
#include "worker/state.h"

enum {
    TURN_US = 4000,
    WAITING_MAX = 4096, /* tokens that wait for a graph, before they take room too */
    QUIET_US = 1000000,
    QUIET_MOST_US = 600000000,
    BETWEEN_QUIET_US = 5000000,
};

/* Through the timer, not at once: the loop reads and writes between two turns. */
void worker_wake(struct worker *worker)
{
    static const struct timeval at_once = {0, 0};
    if (worker->turn_due || worker->finished)
        return;
    worker->turn_due = true;
    (void)evtimer_add(worker->turn, &at_once);
}

void worker_call_done(struct worker *worker)
{
    invariant(worker->calls > 0, "a call is over that was not under way");
    worker->calls--;
    worker_wake(worker);
}

uint32_t worker_room(const struct worker *worker)
{
    const uint32_t under_way = worker->running;
    uint32_t held = 0, waiting = 0;
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        const struct channel *channel = &worker->channels[i];
        held += channel_held(channel) - channel->waiting.count - channel->running.count +
                channel->reserved;
        waiting += channel->waiting.count;
    }
    /* Whatever is claimed may turn out to take its time. */
    if (worker->solo_runs || worker->quiet ||
        (worker->host.plugins && plugins_are_full(worker->host.plugins)))
        return 0;
    if (waiting > WAITING_MAX || held >= worker->concurrency || under_way >= worker->async_limit)
        return 0;
    const uint32_t room = worker->concurrency - held, jobs = worker->async_limit - under_way;
    return room < jobs ? room : jobs;
}

static bool is_busy(const struct worker *worker)
{
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        if (channel_is_busy(&worker->channels[i]))
            return true;
    }
    return false;
}

/* --- executing --- */

void worker_executed(struct channel *channel, struct token *token, int rc)
{
    struct worker *worker = channel->worker;
    if (rc != 0) {
        /* Not even memory for a failure. It is still pending for us: a later hello brings it back. */
        log_write(LOG_ERROR, "out of memory for an execution", LOG_B("run_id", token->run),
                  LOG_B("token", token->number), LOG_B("node", token->node));
        token_free(&worker->pool, token);
        channel_greet(channel, "out of memory for an execution");
        channel_back_off(channel);
        return;
    }
    worker->stats.executed += 1 + token->step_count;
    if (token->result.failed)
        worker->stats.failed++;
    token_list_push(&channel->results, token);
}

static void execute_one(struct worker *worker, struct channel *channel, struct token *token)
{
    const struct execution execution = worker_execution(worker);
    token->channel = channel;
    const int rc = execute_token(&execution, token);
    if (token->job)
        running_add(channel, token);
    else
        worker_executed(channel, token, rc);
}

static bool has_unconfirmed(const struct worker *worker)
{
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        if (worker->channels[i].results.count || worker->channels[i].sent.count)
            return true;
    }
    return false;
}

/* A re-delivered token: executed when everything else is settled, and settled before anything else
 * is executed. So if it takes the worker down, it takes nothing else with it. One that takes its time
 * only begins alone: what follows is done by others, and the loop goes on. But what a plugin executes is
 * alone to its end: it begins when nothing else is under way, whose time it may take. */
static void execute_suspect(struct worker *worker)
{
    const struct execution execution = worker_execution(worker);
    if (has_unconfirmed(worker))
        return;
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        struct channel *channel = &worker->channels[i];
        if (channel->state != CHANNEL_OPEN || !channel->suspects.count)
            continue;
        const bool by_plugin = execute_by_plugin(&execution, channel->suspects.head);
        if (by_plugin && (worker->running > 0 || plugins_are_busy(worker->host.plugins)))
            return;
        struct token *token = token_list_pop(&channel->suspects);
        log_write(LOG_INFO, "executing a re-delivered token", LOG_B("run_id", token->run),
                  LOG_B("token", token->number), LOG_I("generation", token->generation),
                  LOG_I("deliveries", token->deliveries));
        worker->solo = channel;
        worker->suspects--;
        execute_one(worker, channel, token);
        worker->solo_runs = by_plugin && worker->running > 0;
        return;
    }
}

/* Channel by channel, whole batches. True when there is more to execute now. */
static bool execute_ready(struct worker *worker)
{
    int64_t now_us = worker_mono_us(worker);
    const int64_t until_us = now_us + TURN_US;
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        const uint32_t at = worker->next_execute % worker->channel_count;
        struct channel *channel = &worker->channels[at];
        struct results_size size = {0};
        if (channel->ready.count > 0)
            channel_results(channel, &size);
        while (channel->state == CHANNEL_OPEN && channel->ready.count > 0 &&
               !results_are_full(&size)) {
            if (now_us >= until_us)
                return true;
            const int64_t began_us = now_us;
            const uint32_t results = channel->results.count;
            execute_one(worker, channel, token_list_pop(&channel->ready));
            if (channel->results.count > results) /* else it is under way, or forgotten */
                results_add(&size, channel->results.tail);
            now_us = worker_mono_us(worker);
            channel->work_us += now_us - began_us;
        }
        worker->next_execute = at + 1;
    }
    return false;
}

/* With plugins, who wants to take over what a lapsed worker had begins nothing until all that is under
 * way has ended. When that takes long it works in between, and is quiet for twice as long the next time. */
static bool keeps_quiet(struct worker *worker)
{
    const int64_t now_us = worker_mono_us(worker);
    if (!worker->host.plugins || worker->draining || !beat_sees_lapsed(worker)) {
        worker->quiet_for_us = 0;
        return false;
    }
    if (worker->quiet_for_us == 0) {
        worker->quiet_from_us = now_us;
        worker->quiet_for_us = QUIET_US;
    } else if (now_us > worker->quiet_from_us + worker->quiet_for_us + BETWEEN_QUIET_US) {
        worker->quiet_from_us = now_us;
        if (worker->quiet_for_us < QUIET_MOST_US)
            worker->quiet_for_us *= 2;
    }
    return now_us < worker->quiet_from_us + worker->quiet_for_us;
}

static bool execute(struct worker *worker)
{
    worker->solo_runs = worker->solo_runs && worker->running > 0;
    serving_pause(worker->serving, worker->suspects > 0 || worker->solo || worker->quiet);
    if (worker->solo &&
        (worker->solo_runs || worker->solo->results.count || worker->solo->sent.count))
        return false;
    worker->solo = NULL;
    if (worker->suspects > 0) {
        execute_suspect(worker);
        return false;
    }
    worker->quiet = keeps_quiet(worker);
    return !worker->quiet && execute_ready(worker);
}

/* --- calling --- */

static void queue_callers(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        struct channel *channel = &worker->channels[i];
        if (channel->queued || !channel_has_call(channel))
            continue;
        channel->queued = true;
        channel->next_caller = NULL;
        if (worker->last_caller)
            worker->last_caller->next_caller = channel;
        else
            worker->first_caller = channel;
        worker->last_caller = channel;
    }
}

static void make_calls(struct worker *worker)
{
    while (worker->calls < WORKER_CALLS_MAX && worker->first_caller) {
        struct channel *channel = worker->first_caller;
        worker->first_caller = channel->next_caller;
        if (!worker->first_caller)
            worker->last_caller = NULL;
        channel->queued = false;
        if (channel_make_call(channel))
            worker->calls++;
    }
}

/* --- the turn --- */

/* Looks at what changed since the last turn: leases that lapsed while the process stood still, how
 * many re-delivered tokens are held. */
static void look_around(struct worker *worker)
{
    const int64_t now_us = worker_mono_us(worker);
    worker->suspects = 0;
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        struct channel *channel = &worker->channels[i];
        if (worker->graphs_changed)
            channel_look_for_graphs(channel);
        if (channel->state == CHANNEL_OPEN &&
            now_us - channel->beat_ok_us > worker->lease_ms * 1000)
            channel_greet(channel, "our own lease may have lapsed");
        worker->suspects += channel->suspects.count;
    }
    worker->graphs_changed = false;
}

static bool all_left(const struct worker *worker)
{
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        if (worker->channels[i].state != CHANNEL_LEFT)
            return false;
    }
    return true;
}

/* Without a link there is nobody to say leave to. */
static void leave_unsaid(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        struct channel *channel = &worker->channels[i];
        if (worker->hurried || (!channel->results.count && !channel->running.count))
            channel->state = CHANNEL_LEFT;
    }
}

static void finish(struct worker *worker)
{
    worker->finished = true;
    log_write(LOG_INFO, "drained", LOG_I("executed", worker->stats.executed),
              LOG_I("settled", worker->stats.settled), LOG_I("stale", worker->stats.stale),
              LOG_I("taken_over", worker->stats.reclaimed), LOG_I("hellos", worker->stats.hellos));
    (void)event_base_loopexit(worker->base, NULL);
}

/* The bell's turn, or the poll's: who is busy looks by itself, and so does who has a bell that does not
 * hear everything. */
static void wait_for_work(struct worker *worker)
{
    static const struct timeval soon = {0, WORKER_POLL_MS * 1000};
    const bool busy = is_busy(worker);
    if (!busy) {
        worker->rested = true;
        bell_hear_all(worker->bell);
    }
    if (busy || bell_is_deaf(worker->bell)) {
        if (!worker->polling && evtimer_add(worker->poll, &soon) == 0) {
            worker->polling = true;
            worker->rested = !busy;
        }
        return;
    }
    inbox_read(worker->inbox, false);
    if (worker->running == 0 || worker_room(worker) > 0)
        bell_arm(worker->bell);
}

void worker_turn(struct worker *worker)
{
    bool more = false;
    if (link_is_up(worker->link)) {
        look_around(worker);
        inbox_step(worker->inbox);
        more = execute(worker);
        queue_callers(worker);
        make_calls(worker);
    }
    if (worker->draining) {
        if (!link_is_up(worker->link))
            leave_unsaid(worker);
        if (all_left(worker) && (worker->hurried || inbox_held(worker->inbox) == 0) &&
            serving_drained(worker->serving))
            finish(worker);
    } else {
        wait_for_work(worker);
    }
    if (more)
        worker_wake(worker);
}

static void look_into_a_partition(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        struct channel *channel = &worker->channels[worker->next_poll++ % worker->channel_count];
        if (channel->state != CHANNEL_OPEN || channel->call != CALL_NONE ||
            channel_is_busy(channel) || channel->hold)
            continue;
        channel->wants_poll = true;
        break;
    }
    worker_wake(worker);
}

void worker_look(struct worker *worker)
{
    look_into_a_partition(worker);
    inbox_read(worker->inbox, true);
}

/* A read of the inbox on the main connection stands behind our own calls in Redis. One that waits
 * there already is answered at once: who has been busy for all of the time listens instead. */
void worker_poll(struct worker *worker)
{
    const bool busy = is_busy(worker);
    if (worker->draining || !(busy || bell_is_deaf(worker->bell)))
        return;
    if (busy || !bell_hears_queues(worker->bell))
        look_into_a_partition(worker);
    if (busy && !worker->rested)
        bell_arm_inbox(worker->bell);
    if (!bell_hears_inbox(worker->bell))
        inbox_read(worker->inbox, true);
    worker_wake(worker); /* to look again, as long as there is reason to */
}
