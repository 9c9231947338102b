/* state: what a store is made of; for connection.c and wait.c only. */
#ifndef TROUPE_STORE_STATE_H
#define TROUPE_STORE_STATE_H

#include "store/connection.h"

enum { STORE_CHANNELS_MOST = 4 };

struct store {
    char *url;
    char *application;
    PGconn *conn;        /* NULL: not connected */
    bool in_transaction; /* also after the connection was lost within one, until rolled back */
    bool maybe_missed;   /* reconnected since the last wait: a notification may have been lost */
    const char *channels[STORE_CHANNELS_MOST];
    uint32_t channel_count;
};

/* connect.c: connects if it is not connected. */
MUSTCHECK int store_connect(struct store *store, struct err *err);
void store_disconnect(struct store *store);
/* Fills err from the connection's last error; sqlstate NULL: not known. */
int store_error(struct err *err, const char *sqlstate, const char *message);

#endif
