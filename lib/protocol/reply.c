#include "protocol/reply.h"
#include "base/slice.h"
#include "protocol/redis.h"

bool reply_is_error(const redisReply *reply, const char *word)
{
    size_t len = strlen(word);
    return reply && reply->type == REDIS_REPLY_ERROR && (size_t)reply->len >= len &&
           memcmp(reply->str, word, len) == 0 &&
           ((size_t)reply->len == len || reply->str[len] == ' ');
}

int reply_error(const redisReply *reply, struct err *err)
{
    static const struct {
        const char *word;
        enum err_code code;
    } known[] = {
        {"LOADING", ERR_UNREACHABLE},     {"BUSY", ERR_UNREACHABLE},
        {"MASTERDOWN", ERR_UNREACHABLE},  {"TRYAGAIN", ERR_UNREACHABLE},
        {"CLUSTERDOWN", ERR_UNREACHABLE}, {"READONLY", ERR_UNREACHABLE},
        {"NOREPLICAS", ERR_UNREACHABLE},  {"OOM", ERR_REFUSED},
        {"NOAUTH", ERR_REFUSED},          {"WRONGPASS", ERR_REFUSED},
        {"NOPERM", ERR_REFUSED},          {"DENIED", ERR_REFUSED},
        {"MISCONF", ERR_REFUSED},
    };
    enum err_code code = ERR_INTERNAL;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (reply_is_error(reply, known[i].word))
            code = known[i].code;
    }
    return err_set(err, code, "Redis answered: %.*s", (int)reply->len, reply->str);
}

struct slice reply_word(const redisReply *reply)
{
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements == 0)
        return SLICE_NONE;
    return reply_slice(reply->element[0]);
}
