/* options: rows that the option tables of several commands share. */
#ifndef TROUPE_OPTIONS_H
#define TROUPE_OPTIONS_H

#include "base/settings.h"

/* For an option of one call: not settable by variable or file. */
#define OPTION(name_, letter_, kind_, default_, least_, most_, value_, help_)                      \
    {                                                                                              \
        .name = name_, .letter = letter_, .kind = kind_, .default_text = default_, .min = least_,  \
        .max = most_, .value_name = value_, .help = help_, .flag_only = true                       \
    }

#define OPTION_FLAG(name_, letter_, help_)                                                         \
    OPTION(name_, letter_, SETTING_FLAG, NULL, 0, 0, NULL, help_)
#define OPTION_OUTPUT                                                                              \
    OPTION("output", 'o', SETTING_STRING, "table", 0, 0, "table|json", "what stdout gets")
#define OPTION_TIMEOUT(default_, help_)                                                            \
    OPTION("timeout", 0, SETTING_STRING, default_, 0, 0, "SECONDS", help_)

/* Every command knows both, so that one file of settings serves all. */
#define OPTIONS_SERVERS                                                                            \
    {.name = "redis-url",                                                                          \
     .kind = SETTING_STRING,                                                                       \
     .default_text = "redis://127.0.0.1:6379",                                                     \
     .value_name = "URL",                                                                          \
     .help = "Redis (TROUPE_REDIS_URL)",                                                           \
     .secret = true},                                                                              \
    {                                                                                              \
        .name = "database-url", .kind = SETTING_STRING, .value_name = "URI",                       \
        .help = "Postgres, as a libpq URI (TROUPE_DATABASE_URL)", .secret = true                   \
    }
#define OPTIONS_COMMON OPTIONS_SERVERS, OPTION_FLAG("help", 'h', "this page")

#endif
