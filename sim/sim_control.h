/* Control: the methods of io.gatewayd.Sim on a field. */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "ipc_server.h"
#include "sim_field.h"

struct sim_control {
    struct sim_field *field;
    uint64_t (*now_us)(void); /* the clock that drives the field */
};

/* For ipc_server_config: the service, and the ops whose context is a struct sim_control. */
const struct varlink_service *sim_control_service(void);
const struct ipc_server_ops *sim_control_ops(void);

#endif
