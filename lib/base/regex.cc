#include "base/regex.h"

#include <cstdio>
#include <exception>
#include <new>
#include <re2/re2.h>

namespace
{
// One pattern may take this much, its automata included; larger ones are refused as invalid.
constexpr int64_t max_pattern_bytes = 1 << 20;
} // namespace

extern "C" enum regex_status regex_compile(const char *pattern, size_t length, void **regex,
                                           char *message, size_t message_size)
{
    *regex = nullptr;
    try {
        RE2::Options options;
        options.set_log_errors(false);
        options.set_max_mem(max_pattern_bytes);
        RE2 *compiled = new RE2(re2::StringPiece(pattern, length), options);
        if (compiled->ok()) {
            *regex = compiled;
            return REGEX_OK;
        }
        std::snprintf(message, message_size, "%s", compiled->error().c_str());
        delete compiled;
        return REGEX_INVALID;
    } catch (const std::exception &) {
        return REGEX_NO_MEMORY;
    }
}

extern "C" int regex_search(const void *regex, const char *text, size_t length)
{
    try {
        const RE2 *compiled = static_cast<const RE2 *>(regex);
        return compiled->Match(re2::StringPiece(text, length), 0, length, RE2::UNANCHORED, nullptr,
                               0);
    } catch (const std::exception &) {
        return -1;
    }
}

extern "C" void regex_free(void *regex) { delete static_cast<RE2 *>(regex); }
