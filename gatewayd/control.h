/* Control: the socket that gatewayctl and other programs speak to (io.gatewayd.Control).
 *
 * Reading is for everybody who may open the socket; methods that change something need uid 0, the
 * daemon's own uid, or the configured admin group. What is refused leaves a line in the audit log.
 */
#ifndef GATEWAYD_CONTROL_H
#define GATEWAYD_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "varlink_uv.h"

struct control;
struct core;

/* Listens on run_dir/control. */
MUST_USE enum gw_err control_open(struct control **out, struct core *core, struct gw_error *error);
void control_close(struct control *control); /* NULL is fine */

/* What followers of this job see has changed. */
void control_job_changed(struct control *control, uint64_t job);

/* May this peer change something? */
bool control_may_change(const struct vl_peer *peer, uid_t own_uid);

#endif
