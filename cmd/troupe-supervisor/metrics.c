#include "metrics.h"

static const char *unready(const void *context)
{
    struct supervisor_stats stats;
    supervisor_stats(context, &stats);
    if (!stats.redis_connected)
        return "not connected to Redis";
    if (!stats.postgres_connected)
        return "not connected to Postgres";
    return NULL;
}

static void metrics(const void *context, struct probes_page *page)
{
    struct supervisor_stats s;
    supervisor_stats(context, &s);
    probes_counter(page, "entries_total", "Ledger entries archived.", s.entries);
    probes_counter(page, "records_total", "Ledger records archived.", s.records);
    probes_counter(page, "transactions_total", "Transactions committed to archive them.",
                   s.transactions);
    probes_counter(page, "runs_final_total", "Runs finalised.", s.runs_final);
    probes_counter(page, "starts_total", "Accepted runs started in Redis.", s.starts);
    probes_counter(page, "commands_total", "Commands applied.", s.commands);
    probes_counter(page, "timers_total", "Timers fired.", s.timers);
    probes_counter(page, "alarms_total", "What should never happen and did: see the log.",
                   s.alarms);
    probes_gauge(page, "partitions_owned", "Partitions that this supervisor owns.",
                 s.partitions_owned);
    probes_gauge(page, "partitions_share",
                 "Partitions that it is to own, as so many supervisors are ready to work.",
                 s.partitions_share);
    probes_counter(page, "partitions_given_back_total",
                   "Partitions given back for other supervisors.", s.partitions_given_back);
    probes_gauge(page, "redis_connected", "1 while connected to Redis.", s.redis_connected);
    probes_gauge(page, "postgres_connected", "1 while connected to Postgres.",
                 s.postgres_connected);
}

struct probes_asks supervisor_probes(const struct supervisor *supervisor)
{
    return (struct probes_asks){.prefix = "troupe_supervisor_",
                                .unready = unready,
                                .metrics = metrics,
                                .context = supervisor};
}
