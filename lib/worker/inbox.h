/* inbox: start requests of troupe:runs.
 *
 *   entry ──request.c──> checked ──troupe:workflows──> version, digest ──> graph ──> start
 *                          └──── not a request ───────────┴──────────────────────> reject
 *
 * Entries are read when the queues leave room. They are never acknowledged here: the supervisor does
 * that, after the commit of what became of them. Entries of readers whose lease lapsed are taken over
 * after 10 s; our own that a lost reply left behind are read again. What was done is remembered until
 * the connection or an epoch changes: Redis may have lost it with that, and then it is done again.
 */
#ifndef TROUPE_WORKER_INBOX_H
#define TROUPE_WORKER_INBOX_H

#include "base/attr.h"
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

struct worker;
struct inbox;
struct lookup;

MUSTCHECK struct inbox *inbox_new(struct worker *worker);
void inbox_free(struct inbox *inbox);
/* Whether new entries can be read: there is room, and a group for all that is known. */
bool inbox_is_open(const struct inbox *inbox);
/* A read was answered that there is no group. It looks for one by itself. */
void inbox_close(struct inbox *inbox);
/* Entries of a reply of XREADGROUP's form (an array of [id, [field, value, ...]]). fresh: nobody had them
 * before. behind: what was asked for behind that read (lookup.h), or NULL. */
void inbox_take(struct inbox *inbox, const redisReply *entries, bool fresh, struct lookup *behind);
/* Goes on with every request that can go on. */
void inbox_step(struct inbox *inbox);
/* Reads more without blocking, if there is room and the last look found some or `look` is true. */
void inbox_read(struct inbox *inbox, bool look);
/* For a read of new entries that somebody else makes: how many it may ask for now; 0: none. */
uint32_t inbox_ask(struct inbox *inbox);
/* What that read brought. */
void inbox_answer(struct inbox *inbox, const redisReply *entries, struct lookup *behind);
/* Takeover and whatever else is due by time. */
void inbox_tick(struct inbox *inbox);
/* A reply that may have brought entries was lost: reads what is pending for us. */
void inbox_recover(struct inbox *inbox);
/* Redis may have gone back to before what was done, while it kept who has which entry: what is still
 * pending for us is read again and done again, which changes nothing where it was not lost. */
void inbox_doubt(struct inbox *inbox);
/* Requests in hand. */
unsigned inbox_held(const struct inbox *inbox);

#endif
