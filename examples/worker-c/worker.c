/* A worker program of its own: executes nodes of type `function` named `shout`.
 *
 *     make && TROUPE_REDIS_URL=redis://127.0.0.1:6379 ./worker
 */
#include <ctype.h>
#include <stdlib.h>
#include <troupe.h>

/* The input in capital letters; it must be a string without escapes. */
static int shout(struct troupe_task *task, void *context)
{
    size_t len;
    const char *input = troupe_task_input(task, &len);
    char *text = malloc(len);
    (void)context;
    if (!text)
        return -1;
    for (size_t i = 0; i < len; i++)
        text[i] = (char)toupper((unsigned char)input[i]);
    const int rc = troupe_task_output(task, text, len);
    free(text);
    return rc;
}

int main(void)
{
    const struct troupe_settings settings = {.size = sizeof(settings)};
    struct troupe_worker *worker = troupe_worker_new(&settings);
    if (!worker || troupe_worker_function(worker, "shout", shout, NULL) != 0)
        return 2;
    const int rc = troupe_worker_run(worker); /* until SIGTERM */
    troupe_worker_free(worker);
    return rc == 0 ? 0 : 1;
}
