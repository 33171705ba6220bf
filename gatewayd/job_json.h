/* A job as people see it: io.gatewayd.Control types Job and Step. Pure. */
#ifndef GATEWAYD_JOB_JSON_H
#define GATEWAYD_JOB_JSON_H

#include <stdint.h>

#include "engine.h"
#include "job_record.h"

struct json;

/* A new object. `engine` adds what is not stored when it holds the job; NULL is fine. */
struct json *job_to_json(const struct job_record *record, const struct engine *engine);

/* Two equal values: nothing that is told at once has changed in between (states, errors, attempts;
 * not the bytes that flow). */
uint64_t job_print_of(const struct job_record *record, const struct engine *engine);

#endif
