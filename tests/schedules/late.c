/* late: requests that are still on their way when nobody waits for their replies any more. */
#include "sim.h"
#include <stdlib.h>

enum { LATE_KEPT = 64 };

static struct asked *late[LATE_KEPT];
static uint32_t late_size;
static struct asked *remembered;
static struct actor *sender; /* of the remembered one */

static struct asked *copy_of(const struct asked *request)
{
    struct asked *copy = asked_new(&request->command);
    copy->sent_us = request->sent_us;
    return copy;
}

void late_add(const struct asked *request)
{
    if (late_size < LATE_KEPT)
        late[late_size++] = copy_of(request);
}

uint32_t late_count(void) { return late_size; }

static void execute(uint32_t i)
{
    struct asked *request = late[i];
    late[i] = late[--late_size];
    happened("late %s",
             request->command.is_script ? script_name(request->command.script) : "command");
    freeReplyObject(wire_call(request));
    asked_free(request);
}

bool late_step(bool all)
{
    const int64_t now_us = clock_now_us();
    if (!all && late_size > 0) {
        execute(chance_below(late_size));
        return true;
    }
    for (uint32_t i = 0; all && i < late_size;) {
        if (now_us - late[i]->sent_us >= (LATE_MOST_MS - 100) * INT64_C(1000))
            execute(i);
        else
            i++;
    }
    return false;
}

void late_remember(const struct asked *request, struct actor *owner)
{
    if (remembered)
        asked_free(remembered);
    remembered = copy_of(request);
    sender = owner;
}

/* Something on the way has sent it twice. No connection delivers twice what it was given once: that
 * its sender's broke is part of it, and the sender knows. */
void late_repeat(void)
{
    if (!remembered || clock_now_us() - remembered->sent_us > LATE_MOST_MS * INT64_C(1000) / 2)
        return;
    happened("requests executed twice");
    late_add(remembered);
    if (sender->alive && sender->is_worker)
        link_break(sender, 0, "broken by the schedule");
    else if (sender->alive)
        sender->misfortune = LOSE_REQUEST;
}

void late_clear(void)
{
    while (late_size > 0)
        asked_free(late[--late_size]);
    if (remembered)
        asked_free(remembered);
    remembered = NULL;
}
