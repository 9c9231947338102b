/* options: what a worker can be told: the table of its settings, its help, and what they come to. */
#ifndef TROUPE_WORKER_OPTIONS_H
#define TROUPE_WORKER_OPTIONS_H

#include "base/program.h"
#include "worker/secrets.h"
#include "worker/worker.h"

extern const struct program_about options_about;

/* What they point to is the settings'. The worker's `secrets` are for the caller to set. */
struct worker_options options_of_worker(const struct settings *settings);
struct secrets_options options_of_secrets(const struct settings *settings);

#endif
