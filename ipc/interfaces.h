/* The interface descriptions of this folder's .varlink files, embedded at build time. */
#ifndef IPC_INTERFACES_H
#define IPC_INTERFACES_H

#include "varlink.h"

extern const struct varlink_interface interface_service; /* org.varlink.service */
extern const struct varlink_interface interface_control; /* io.gatewayd.Control */
extern const struct varlink_interface interface_router;  /* io.gatewayd.Router */
extern const struct varlink_interface interface_fetch;   /* io.gatewayd.Fetch */
extern const struct varlink_interface interface_sim;     /* io.gatewayd.Sim */

#endif
