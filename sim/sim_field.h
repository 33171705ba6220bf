/* Field: the buses and devices of a field description (JSON; gatewaysim --help shows the keys), as
 * step-driven objects. No sockets and no clock here: gatewaysim and tests drive them.
 */
#ifndef SIM_FIELD_H
#define SIM_FIELD_H

#include "err.h"
#include "sim_bus.h"

struct json;

enum { SIM_NAME_MAX = 65, SIM_LINK_MAX = 128 };

struct sim_field_bus {
    char name[SIM_NAME_MAX];
    char device[SIM_NAME_MAX]; /* its device's name; by default the bus's */
    char link[SIM_LINK_MAX];   /* "unix:/path" or "tcp:127.0.0.1:port" */
    bool is_foreign;
    struct sim_bus bus;
};

struct sim_field {
    struct sim_field_bus *buses;
    size_t bus_count;
    uint8_t **certificates; /* DER bytes that the devices' anchors borrow from */
    size_t certificate_count;
};

/* Read `path`, open every flash and install the factory images. File names in it are relative to
 * its folder. GW_CONFIG with file:line:column, GW_ANCHOR_BAD, GW_IO, GW_NO_MEMORY. All devices are
 * off. */
MUST_USE enum gw_err sim_field_load(struct sim_field **out, const char *path,
                                    struct gw_error *error);
void sim_field_close(struct sim_field *field); /* NULL is fine */

/* By name; NULL = none. */
struct sim_field_bus *sim_field_find_bus(struct sim_field *field, const char *name);
struct sim_field_bus *sim_field_find_device(struct sim_field *field, const char *name);

/* Faults as the description and SetFaults write them; NULL = none. GW_CONFIG: *error names the key.
 */
MUST_USE enum gw_err sim_faults_read(struct sim_faults *out, const struct json *json,
                                     struct gw_error *error);

#endif
