/* curl: libcurl, loaded when it is first needed. Internal to lib/http.
 *
 * libcurl and the libraries that it brings are about 5 MB of a process's memory: a worker whose runs
 * call nobody should not carry them. They stay once they are there.
 */
#ifndef TROUPE_HTTP_CURL_H
#define TROUPE_HTTP_CURL_H

#include "base/attr.h"
#include "base/err.h"

#define CURL_DISABLE_TYPECHECK /* its checks are macros around names that are not called here */
#include <curl/curl.h>

#define HTTP_CURL_FUNCTIONS(F)                                                                     \
    F(easy_cleanup)                                                                                \
    F(easy_getinfo)                                                                                \
    F(easy_init)                                                                                   \
    F(easy_setopt)                                                                                 \
    F(easy_strerror)                                                                               \
    F(free)                                                                                        \
    F(getdate)                                                                                     \
    F(global_init)                                                                                 \
    F(multi_add_handle)                                                                            \
    F(multi_assign)                                                                                \
    F(multi_cleanup)                                                                               \
    F(multi_info_read)                                                                             \
    F(multi_init)                                                                                  \
    F(multi_remove_handle)                                                                         \
    F(multi_setopt)                                                                                \
    F(multi_socket_action)                                                                         \
    F(multi_strerror)                                                                              \
    F(slist_append)                                                                                \
    F(slist_free_all)                                                                              \
    F(url)                                                                                         \
    F(url_cleanup)                                                                                 \
    F(url_get)                                                                                     \
    F(url_set)                                                                                     \
    F(url_strerror)

/* curl_NAME as the member NAME. */
struct http_curl {
#define MEMBER(name) __typeof__(curl_##name) *name;
    HTTP_CURL_FUNCTIONS(MEMBER)
#undef MEMBER
};

/* The functions; the first call loads and initialises the library. NULL: it is not here or lacks a
 * function (ERR_INTERNAL with the loader's words). Of one thread. */
const struct http_curl *http_curl_load(struct err *err);

/* The same where http_curl_load has succeeded before. */
const struct http_curl *http_curl(void);

#endif
