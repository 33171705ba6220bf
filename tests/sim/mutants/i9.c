/* The engine takes a running self-test for a passed one. */
#include "inner.h"

enum seen __real_seen_of(const struct step_row *row, const struct component_row *component,
                         const struct device_info *info, bool is_deferred);
enum seen __wrap_seen_of(const struct step_row *row, const struct component_row *component,
                         const struct device_info *info, bool is_deferred);

enum seen __wrap_seen_of(const struct step_row *row, const struct component_row *component,
                         const struct device_info *info, bool is_deferred)
{
    enum seen seen = __real_seen_of(row, component, info, is_deferred);

    return seen == SEEN_TRIAL ? SEEN_PASSED : seen;
}
