#include "metrics.h"

static const char *unready(const void *context)
{
    struct worker_stats stats;
    worker_stats(context, &stats);
    if (stats.draining)
        return "draining";
    if (!stats.connected)
        return "not connected to Redis";
    return NULL;
}

static void metrics(const void *context, struct probes_page *page)
{
    struct worker_stats s;
    worker_stats(context, &s);
    probes_counter(page, "executions_total", "Executions, failed ones too.", s.executed);
    probes_counter(page, "failures_total", "Executions that failed.", s.failed);
    probes_counter(page, "settled_total", "Tokens settled.", s.settled);
    probes_counter(page, "stale_total", "Results that somebody else had settled first.", s.stale);
    probes_counter(page, "reclaimed_total", "Tokens taken over from lapsed workers.", s.reclaimed);
    probes_counter(page, "hellos_total", "Sessions begun.", s.hellos);
    probes_counter(page, "started_total", "Runs started from the inbox.", s.started);
    probes_counter(page, "rejected_total", "Requests of the inbox that could not start.",
                   s.rejected);
    probes_counter(page, "unknown_total", "Entries that were pending for it without its knowing.",
                   s.unknown);
    probes_gauge(page, "held_tokens", "Tokens claimed and not confirmed.", s.held);
    probes_gauge(page, "running_tokens", "Of these, executions under way that wait for others.",
                 s.running);
    probes_gauge(page, "connected", "1 while connected to Redis.", s.connected);
    probes_gauge(page, "draining", "1 while draining.", s.draining);
}

struct probes_asks worker_probes(const struct worker *worker)
{
    return (struct probes_asks){
        .prefix = "troupe_worker_", .unready = unready, .metrics = metrics, .context = worker};
}
