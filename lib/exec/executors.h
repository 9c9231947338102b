/* executors: one function per kind of node.
 *
 * Internal to lib/exec: exec.c has the table, the other files the functions. An executor sets
 * task->passed, or writes to task->output, or returns exec_failed(...).
 */
#ifndef TROUPE_EXEC_EXECUTORS_H
#define TROUPE_EXEC_EXECUTORS_H

#include "exec/exec.h"

/* Fills the task's failure and returns -1. The code is cut to what fits. */
int exec_failed(struct exec_task *task, const char *code, const char *format, ...) PRINTF(3, 4);

int exec_pass(struct exec_task *task); /* output = input */
int exec_transform(struct exec_task *task);
int exec_fail(struct exec_task *task);
int exec_log(struct exec_task *task);
int exec_sleep(struct exec_task *task);
int exec_delay(struct exec_task *task);
int exec_named(struct exec_task *task);
int exec_jq(struct exec_task *task);
int exec_filter(struct exec_task *task);
int exec_aggregate(struct exec_task *task);
int exec_http(struct exec_task *task);
int exec_subprocess(struct exec_task *task);
int exec_sha256(struct exec_task *task);
int exec_plugin(struct exec_task *task);
int exec_uuid(struct exec_task *task);
int exec_now(struct exec_task *task);

#endif
