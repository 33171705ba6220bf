/* Spec: strict reading of a field description. Every complaint names file, line and column.
 *
 * Members are read one after another; the first fault is kept, and later reads return their
 * defaults, so a whole object is read in straight line and `err` tested once.
 */
#ifndef SIM_SPEC_H
#define SIM_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "json.h"

struct sim_spec {
    const char *file;
    const char *text;
    size_t len;
    struct json *root;
    enum gw_err err; /* GW_OK until something was wrong */
    struct gw_error *error;
};

/* One object of the description and its path ("buses[1].device"). */
struct sim_object {
    const struct json *json; /* NULL: the member is absent */
    char path[120];
};

/* Parse; GW_CONFIG with *error. `text` must stay. */
MUST_USE enum gw_err sim_spec_open(struct sim_spec *spec, const char *file, const char *text,
                                   size_t len, struct gw_error *error);
void sim_spec_close(struct sim_spec *spec);

/* Complain about a member ("" = the object itself). */
void sim_spec_fail(struct sim_spec *spec, const struct sim_object *o, const char *key,
                   const char *why);

struct sim_object sim_spec_root(const struct sim_spec *spec);

/* Every key of the object must be one of `keys` (until NULL). */
void sim_spec_keys(struct sim_spec *spec, const struct sim_object *o, const char *const *keys);

/* A member that is an object / the elements of an array of objects. Absent: .json NULL / 0. */
struct sim_object sim_spec_object(struct sim_spec *spec, const struct sim_object *o,
                                  const char *key);
size_t sim_spec_count(struct sim_spec *spec, const struct sim_object *o, const char *key);
struct sim_object sim_spec_element(struct sim_spec *spec, const struct sim_object *o,
                                   const char *key, size_t index);

/* Values. NULL as default: mandatory. */
const char *sim_spec_text(struct sim_spec *spec, const struct sim_object *o, const char *key,
                          const char *otherwise);
uint64_t sim_spec_uint(struct sim_spec *spec, const struct sim_object *o, const char *key,
                       uint64_t otherwise, uint64_t min, uint64_t max);
bool sim_spec_bool(struct sim_spec *spec, const struct sim_object *o, const char *key,
                   bool otherwise);

#endif
