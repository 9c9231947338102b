/* confine: what a program in jq could do to this machine, taken away.
 *
 * After it the process can compute, allocate up to a limit, and read and write its one socket. It
 * cannot open a file, make a socket, start a process or gain a privilege, and it ends with the
 * program that started it.
 */
#ifndef TROUPE_JQ_CONFINE_H
#define TROUPE_JQ_CONFINE_H

#include <stddef.h>
#include <stdint.h>

/* 0, or -1 with the step that failed and errno. Landlock is used where the kernel has it; everything
 * else must work. */
int confine(size_t memory_bytes, const char **step);

/* Allows `seconds` more of CPU time, then SIGXCPU ends the process. */
void confine_cpu(uint32_t seconds);

#endif
