/* own: servers of our own, which http nodes may not reach whatever http-allow says. */
#ifndef TROUPE_WORKER_OWN_H
#define TROUPE_WORKER_OWN_H

#include "http/address.h"

/* Denies an address; a socket of the file system needs no rule. What was denied before is not denied
 * again. */
void own_deny(struct http_rules *rules, const struct sockaddr *address);
/* Denies all addresses that the hosts of a libpq URI have now (their look-up blocks). What cannot be
 * looked up is logged. NULL is fine. */
void own_deny_database(struct http_rules *rules, const char *url);

#endif
