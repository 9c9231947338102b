/* run_id: ids as users type them. Postgres takes more forms of a UUID than we do, and its error for
 * the others says nothing of runs. */
#ifndef TROUPE_STORE_RUN_ID_H
#define TROUPE_STORE_RUN_ID_H

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/uuid7.h"

/* of: "run", "command". ERR_NOT_FOUND: nothing has an id that is no UUID. */
MUSTCHECK static inline int id_check(struct slice id, const char *of, struct err *err)
{
    struct uuid uuid;
    if (uuid_parse(id, &uuid))
        return 0;
    return err_set(err, ERR_NOT_FOUND, "'%.*s' is not the id of a %s, which is a UUID",
                   SLICE_ARG(id), of);
}

#endif
