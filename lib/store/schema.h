/* schema: whether the database has the tables that this program was built for. */
#ifndef TROUPE_STORE_SCHEMA_H
#define TROUPE_STORE_SCHEMA_H

#include "base/attr.h"
#include "base/err.h"
#include "store/store.h"

/* ERR_REFUSED: tables are missing or older, run `troupe migrate`; ERR_CONFLICT: they are newer, or
 * made by another text than this program's. */
MUSTCHECK int store_schema_check(struct store *store, struct err *err);

#endif
