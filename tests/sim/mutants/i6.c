/* The firmware leaves out the second round. */
#include "image_check.h"

enum verify_result __wrap_image_check_finish(struct span cms, const struct verify_trust *trust,
                                             image_read read, void *context, uint8_t *scratch,
                                             size_t scratch_len);

enum verify_result __wrap_image_check_finish(struct span cms, const struct verify_trust *trust,
                                             image_read read, void *context, uint8_t *scratch,
                                             size_t scratch_len)
{
    (void)cms;
    (void)trust;
    (void)read;
    (void)context;
    (void)scratch;
    (void)scratch_len;
    return VERIFY_OK;
}
