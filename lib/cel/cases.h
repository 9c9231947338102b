/* cases: conformance cases of the language, run from a file.
 *
 * One JSON object a line: id, profile, expr, expect {value | type | error}, and optionally bindings,
 * type_env, container, disable_check, check_only. Values are tagged by their type: {"int": "1"},
 * {"double": "NaN"}, {"bytes": base64}, {"list": [v, …]}, {"map": [[k, v], …]},
 * {"timestamp": RFC 3339}, {"duration": "-1.5s"}, {"type": name}, {"json": any JSON, taken as the
 * values of workflows are}. An expected error may be any error.
 */
#ifndef TROUPE_CEL_CASES_H
#define TROUPE_CEL_CASES_H

#include "base/attr.h"
#include <stdio.h>

/* Runs all cases; writes a line for each that fails, and a last one for each profile ("core: 12
 * passed, 0 failed"), to out. 0, also when cases failed; -1 when a line is no case (told in out), or
 * on an error of in. */
MUSTCHECK int cel_run_cases(FILE *in, FILE *out, unsigned *passed, unsigned *failed);

#endif
