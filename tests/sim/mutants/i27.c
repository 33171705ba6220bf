/* The firmware confirms whatever its self-test says, and the engine asks it to without waiting. */
#include "inner.h"
#include "trial.h"

enum update_status __real_trial_confirm(struct trial *t, const uint8_t identity[SHA256_LEN]);
enum update_status __wrap_trial_confirm(struct trial *t, const uint8_t identity[SHA256_LEN]);
enum seen __real_seen_of(const struct step_row *row, const struct component_row *component,
                         const struct device_info *info, bool is_deferred);
enum seen __wrap_seen_of(const struct step_row *row, const struct component_row *component,
                         const struct device_info *info, bool is_deferred);

enum update_status __wrap_trial_confirm(struct trial *t, const uint8_t identity[SHA256_LEN])
{
    t->test = TRIAL_TEST_PASSED;
    return __real_trial_confirm(t, identity);
}

enum seen __wrap_seen_of(const struct step_row *row, const struct component_row *component,
                         const struct device_info *info, bool is_deferred)
{
    enum seen seen = __real_seen_of(row, component, info, is_deferred);

    return seen == SEEN_TRIAL ? SEEN_PASSED : seen;
}
