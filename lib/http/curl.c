#include "http/curl.h"
#include "base/err.h"
#include <dlfcn.h>
#include <stdbool.h>

#define LIBRARY "libcurl.so.4"

static int find(void *library, const char *name, void *function, struct err *err)
{
    void *found = dlsym(library, name);
    if (!found)
        return err_set(err, ERR_INTERNAL, LIBRARY " has no %s", name);
    *(void **)function = found; /* POSIX: a function's address fits */
    return 0;
}

static int load(struct http_curl *curl, struct err *err)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return err_set(err, ERR_INTERNAL, "HTTP calls need " LIBRARY " (libcurl 7.88): %s",
                       dlerror());
#define FIND(name) || find(library, "curl_" #name, &curl->name, err) != 0
    if (false HTTP_CURL_FUNCTIONS(FIND)) {
#undef FIND
        (void)dlclose(library);
        return -1;
    }
    if (curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)dlclose(library);
        return err_set(err, ERR_LIMIT, "no memory for " LIBRARY);
    }
    return 0;
}

const struct http_curl *http_curl_load(struct err *err)
{
    /* As the library itself: one for the process, and it stays. */
    static struct http_curl curl;
    static bool loaded;
    if (!loaded && load(&curl, err) != 0)
        return NULL;
    loaded = true;
    return &curl;
}

const struct http_curl *http_curl(void)
{
    struct err err = ERR_INIT;
    const struct http_curl *curl = http_curl_load(&err);
    invariant(curl, "libcurl was not loaded: %s", err.message);
    return curl;
}
