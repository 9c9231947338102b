/* redis: a blocking connection, for the supervisor and the command line.
 *
 * URLs: redis://[[user]:password@]host[:port][/db]. Connects lazily and again after a failure. Every
 * command has a deadline. NOSCRIPT is answered by sending the script's text, transparently. A
 * connection that breaks after a command was sent gives ERR_UNREACHABLE: its outcome is unknown, and
 * the caller repeats idempotently. An error reply gives ERR_REFUSED with Redis' words (wrong
 * password, no permission) or ERR_INTERNAL; LOADING, BUSY, MASTERDOWN, TRYAGAIN are ERR_UNREACHABLE.
 * Not thread-safe: one per thread. A Redis whose maxmemory-policy is not noeviction is refused on
 * connecting.
 */
#ifndef TROUPE_PROTOCOL_REDIS_H
#define TROUPE_PROTOCOL_REDIS_H

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "protocol/command.h"
#include <hiredis/hiredis.h>
#include <stdint.h>

struct redis;

struct redis_address {
    char host[256];
    int port;
    char user[128];
    char password[512];
    int database;
};
/* ERR_USAGE says what is wrong with the URL (never printing the password). */
MUSTCHECK int redis_parse_url(const char *url, struct redis_address *address, struct err *err);

/* Does not connect yet; ERR_USAGE for a bad URL. url is copied. */
MUSTCHECK struct redis *redis_new(const char *url, int64_t timeout_ms, struct err *err);
void redis_free(struct redis *redis);
/* Connects now if it is not connected. */
MUSTCHECK int redis_connect(struct redis *redis, struct err *err);
/* Closes the connection; a reply that is awaited is given up. The next call connects again. */
void redis_drop(struct redis *redis);
/* Redis' own run_id of the present connection ("" when not connected): it changes on restart. */
const char *redis_run_id(const struct redis *redis);

/* One command; returns an owned reply (freeReplyObject) that is no error reply, or NULL. */
MUSTCHECK redisReply *redis_call(struct redis *redis, const struct command *command,
                                 struct err *err);
/* The same for words: redis_words(redis, &err, "HGET", key, "epoch", NULL). */
MUSTCHECK redisReply *redis_words(struct redis *redis, struct err *err, ...);
/* Many in one round trip. All replies are written (owned; error replies too), or -1 and none. Scripts
 * answered NOSCRIPT are sent again after the others. */
MUSTCHECK int redis_pipeline(struct redis *redis, const struct command *commands, uint32_t count,
                             redisReply **replies, struct err *err);

/* The socket, to poll; and a command sent now whose reply is read later (for one blocking read that
 * is awaited together with other descriptors). */
int redis_fd(const struct redis *redis);
MUSTCHECK int redis_send(struct redis *redis, const struct command *command, struct err *err);
MUSTCHECK redisReply *redis_receive(struct redis *redis, struct err *err);

/* --- replies --- */

static inline struct slice reply_slice(const redisReply *reply)
{
    return reply && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS ||
                     reply->type == REDIS_REPLY_ERROR)
               ? slice_of(reply->str, (size_t)reply->len)
               : SLICE_NONE;
}
/* The first word of a script's reply ("ok", "epoch", …); SLICE_NONE when it has none. */
struct slice reply_word(const redisReply *reply);

#endif
