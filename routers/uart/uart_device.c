#include "uart_device.h"

#include <string.h>

enum { SAME_READS_MAX = 6 };

static bool is_silence(enum gw_err err)
{
    return err == GW_TIMEOUT || err == GW_PROTOCOL;
}

/* Which framings may be searched: a foreign device gets the one with a check sum. */
static enum smp_framing permitted(const struct uart_device *d)
{
    return d->wanted == SMP_FRAMING_ANY && d->is_foreign ? SMP_FRAMING_CONSOLE : d->wanted;
}

enum gw_err uart_device_greet(struct uart_device *d)
{
    return smp_session_find(&d->session, permitted(d));
}

static void copy_text(char *out, size_t cap, struct cbor_string text)
{
    size_t n = text.len < cap - 1 ? text.len : cap - 1;

    memcpy(out, text.at ? text.at : (const uint8_t *)"", text.at ? n : 0);
    out[text.at ? n : 0] = '\0';
    for (char *c = out; *c; c++) {
        *c = (unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f ? '?' : *c;
    }
}

static void take_slot(struct device_slot *out, const struct smp_slot *s)
{
    out->component = (uint8_t)s->image;
    out->slot = (uint8_t)s->slot;
    out->state = (enum slot_state)s->state; /* the same values: docs/SPEC 5.4 */
    out->is_active = s->active;
    out->has_identity = s->id != NULL;
    out->sequence = s->sequence;
    out->offset = s->offset;
    out->size = s->size;
    out->reason = s->reason;
    out->has_link_address = s->has_address;
    out->link_address = s->address;
    if (s->id) {
        memcpy(out->identity, s->id, sizeof out->identity);
    }
    copy_text(out->version, sizeof out->version, s->version);
}

static void take_caps(struct device_caps *out, const struct smp_caps *c)
{
    *out = (struct device_caps){
        .spare_slot = c->spare,
        .can_revert = c->revert,
        .can_wait = c->wait,
        .reads_back_identity = c->readback,
        .max_manifest = c->manifest,
        .max_table = c->table,
        .max_block = c->block,
        .verify_ms = c->verify,
        .activate_ms = c->activate,
        .trial_ms = c->trial,
    };
}

static void take_facts(struct device_info *info, const struct smp_device_facts *f)
{
    info->is_own = true;
    info->has_ids = f->vendor && f->class_id;
    if (info->has_ids) {
        memcpy(info->vendor_id, f->vendor, sizeof info->vendor_id);
        memcpy(info->class_id, f->class_id, sizeof info->class_id);
    }
    info->has_hardware = f->has_hardware;
    info->hardware = f->hardware;
    info->serial_len = (uint8_t)f->serial.len;
    if (f->serial.len > 0) {
        memcpy(info->serial, f->serial.at, f->serial.len);
    }
    take_caps(&info->caps, &f->caps);
    for (size_t i = 0; i < f->slot_count; i++) {
        take_slot(&info->slots[info->slot_count++], &f->slots[i]);
    }
    for (size_t i = 0; i < f->floor_count; i++) {
        struct device_floor *floor = &info->floors[info->floor_count++];

        floor->component = (uint8_t)f->floors[i].image;
        floor->floor = f->floors[i].floor;
    }
    if (f->has_trial) {
        info->self_test = (enum self_test)f->trial_test; /* the same values */
        info->trial_left_ms = f->trial_left_ms;
    }
}

/* Storage for the arrays of one answer. */
struct facts_storage {
    struct smp_slot slots[DEVICE_SLOTS_MAX];
    struct smp_floor floors[DEVICE_FLOORS_MAX];
};

static struct smp_device_facts empty_facts(struct facts_storage *storage)
{
    return (struct smp_device_facts){
        .slots = storage->slots,
        .slot_cap = DEVICE_SLOTS_MAX,
        .floors = storage->floors,
        .floor_cap = DEVICE_FLOORS_MAX,
    };
}

static void begin_info(const struct uart_device *d, struct device_info *info)
{
    memset(info, 0, sizeof *info); /* padding too: is_same() compares bytes */
    memcpy(info->name, d->name, sizeof info->name);
}

/* GW_REFUSED: it does not know the group, so it is none of ours. */
static enum gw_err read_own(struct uart_device *d, unsigned tries, struct device_info *info)
{
    struct facts_storage storage;
    struct smp_device_facts facts = empty_facts(&storage);
    struct smp_answer answer;
    struct smp_status status;

    begin_info(d, info);
    enum gw_err err = smp_session_ask(&d->session, SMP_READ, SMP_GROUP_GATEWAY,
                                      SMP_GATEWAY_IDENTIFY, tries, &answer);

    if (err) {
        return err;
    }
    if (!smp_get_status(&status, answer.body, answer.len)) {
        return GW_PROTOCOL;
    }
    if (status.rc != SMP_RC_OK) {
        return status.rc == SMP_RC_NOT_SUPPORTED ? GW_REFUSED : GW_PROTOCOL;
    }
    if (!smp_get_identify_answer(&facts, answer.body, answer.len)) {
        return GW_PROTOCOL;
    }
    take_facts(info, &facts);
    return GW_OK;
}

static enum slot_state foreign_state(const struct smp_image_state *s)
{
    if (s->active) {
        return s->confirmed ? SLOT_CONFIRMED : SLOT_TRIAL;
    }
    return s->hash.len > 0 ? SLOT_STAGED : SLOT_UNKNOWN;
}

static void take_foreign(struct device_info *info, const struct smp_image_state *states,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct smp_image_state *s = &states[i];
        struct device_slot *slot = &info->slots[info->slot_count++];

        slot->component = (uint8_t)s->image;
        slot->slot = (uint8_t)s->slot;
        slot->state = foreign_state(s);
        slot->is_active = s->active;
        slot->has_identity = s->hash.len == sizeof slot->identity;
        if (slot->has_identity) {
            memcpy(slot->identity, s->hash.at, sizeof slot->identity);
        }
        copy_text(slot->version, sizeof slot->version, s->version);
        info->is_mcuboot = info->is_mcuboot || slot->has_identity;
        if (slot->state == SLOT_TRIAL) { /* that it runs and answers is all there is to know */
            info->self_test = SELF_TEST_PASSED;
        }
    }
    info->caps.reads_back_identity = info->is_mcuboot;
}

/* An application answers echo; MCUboot's serial recovery, which writes the only slot that it runs,
 * does not. */
static enum gw_err has_application(struct uart_device *d, bool *result)
{
    static const char text[] = "gatewayd";
    struct cbor_writer w = smp_session_begin(&d->session);
    struct smp_answer answer;
    struct cbor_string back;

    smp_put_echo_request(&w, text, sizeof text - 1);
    enum gw_err err = smp_session_exchange(&d->session, &w, SMP_WRITE, SMP_GROUP_OS, SMP_OS_ECHO,
                                           SESSION_TRIES, &answer);

    *result = !err && smp_get_echo_answer(&back, answer.body, answer.len);
    return is_silence(err) ? GW_OK : err;
}

static enum gw_err read_foreign(struct uart_device *d, unsigned tries, struct device_info *info)
{
    struct smp_image_state states[DEVICE_SLOTS_MAX];
    struct smp_answer answer;
    struct smp_status status;
    bool has_spare;
    size_t count;

    begin_info(d, info);
    enum gw_err err = smp_session_ask(&d->session, SMP_READ, SMP_GROUP_IMAGE, SMP_IMAGE_STATE,
                                      tries, &answer);

    if (err) {
        return err;
    }
    if (smp_get_status(&status, answer.body, answer.len) && status.rc != SMP_RC_OK) {
        return GW_REFUSED;
    }
    if (!smp_get_state_answer(states, DEVICE_SLOTS_MAX, &count, answer.body, answer.len)) {
        return GW_PROTOCOL;
    }
    take_foreign(info, states, count);
    err = has_application(d, &has_spare);
    info->caps.spare_slot = info->caps.can_revert = info->caps.can_wait = has_spare;
    return err;
}

static enum gw_err read_once(struct uart_device *d, bool is_own, unsigned tries,
                             struct device_info *info)
{
    return is_own ? read_own(d, tries, info) : read_foreign(d, tries, info);
}

static bool is_same(const struct device_info *a, const struct device_info *b)
{
    struct device_info x;

    memcpy(&x, a, sizeof x);
    x.trial_left_ms = b->trial_left_ms; /* it runs down */
    return memcmp(&x, b, sizeof x) == 0;
}

/* Over raw framing: until two answers in a row say the same. */
static enum gw_err read_surely(struct uart_device *d, bool is_own, struct device_info *info)
{
    enum gw_err err = read_once(d, is_own, SESSION_TRIES, info);
    enum gw_err last = err;

    if (d->session.framing != SMP_FRAMING_RAW) {
        return err;
    }
    for (unsigned i = 1; i < SAME_READS_MAX; i++) {
        struct device_info before;

        memcpy(&before, info, sizeof before);
        err = read_once(d, is_own, SESSION_TRIES, info);
        if (err == last && (err || is_same(&before, info))) {
            return err;
        }
        last = err;
    }
    return err ? err : GW_PROTOCOL;
}

/* Ours understands raw framing, which is faster; stay with the console where it does not. */
static enum gw_err prefer_raw(struct uart_device *d)
{
    enum gw_err err = smp_session_find(&d->session, SMP_FRAMING_RAW);

    if (is_silence(err)) {
        d->prefers_console = true;
        err = smp_session_find(&d->session, SMP_FRAMING_CONSOLE);
    }
    return err;
}

static enum gw_err read_device(struct uart_device *d, struct device_info *info)
{
    enum gw_err err = d->is_foreign ? GW_REFUSED : read_surely(d, true, info);

    if (!err && d->wanted == SMP_FRAMING_ANY && !d->prefers_console &&
        d->session.framing == SMP_FRAMING_CONSOLE) {
        return prefer_raw(d);
    }
    return err == GW_REFUSED ? read_surely(d, false, info) : err;
}

enum gw_err uart_device_identify(struct uart_device *d, struct device_info *info)
{
    enum gw_err err = GW_TIMEOUT;

    if (d->session.framing != SMP_FRAMING_ANY) {
        err = read_device(d, info);
    }
    if (is_silence(err)) {
        d->prefers_console = false;
        err = uart_device_greet(d);
        err = err ? err : read_device(d, info);
    }
    if (err) {
        begin_info(d, info);
    }
    return err;
}

enum gw_err uart_device_look(struct uart_device *d, bool is_own, struct device_info *info)
{
    enum gw_err err = read_once(d, is_own, 1, info);

    return err || d->session.framing != SMP_FRAMING_RAW ? err : read_surely(d, is_own, info);
}

static enum gw_err report_once(struct uart_device *d, const uint8_t nonce[SMP_NONCE_LEN],
                               struct device_info *info, uint32_t *boots)
{
    struct facts_storage storage;
    struct smp_device_facts facts = empty_facts(&storage);
    struct cbor_writer w = smp_session_begin(&d->session);
    struct smp_answer answer;
    struct smp_status status;

    begin_info(d, info);
    *boots = 0;
    smp_put_report_request(&w, nonce);
    enum gw_err err = smp_session_exchange(&d->session, &w, SMP_READ, SMP_GROUP_GATEWAY,
                                           SMP_GATEWAY_REPORT, SESSION_TRIES, &answer);

    if (err) {
        return err;
    }
    if (smp_get_status(&status, answer.body, answer.len) && status.rc != SMP_RC_OK) {
        return GW_REFUSED;
    }
    if (!smp_get_report_answer(&facts, answer.body, answer.len)) {
        return GW_PROTOCOL;
    }
    if (memcmp(facts.nonce, nonce, SMP_NONCE_LEN) != 0) {
        return GW_DEVICE_LIES;
    }
    take_facts(info, &facts);
    *boots = facts.boots;
    return GW_OK;
}

enum gw_err uart_device_report(struct uart_device *d, const uint8_t nonce[SMP_NONCE_LEN],
                               struct device_info *info, uint32_t *boots)
{
    enum gw_err err = report_once(d, nonce, info, boots), last = err;

    if (d->session.framing != SMP_FRAMING_RAW) {
        return err;
    }
    for (unsigned i = 1; i < SAME_READS_MAX; i++) {
        struct device_info before;
        uint32_t boots_before = *boots;

        memcpy(&before, info, sizeof before);
        err = report_once(d, nonce, info, boots);
        if (err == last && (err || (is_same(&before, info) && boots_before == *boots))) {
            return err;
        }
        last = err;
    }
    return err ? err : GW_PROTOCOL;
}

enum gw_err uart_err_of_status(const struct smp_status *status, bool is_own)
{
    enum { FLASH_WRITE = 12, FLASH_ERASE = 13 }; /* of mcumgr's image group */
    enum gw_err of_reason = (enum gw_err)(2200 + status->reason);

    if (is_own && status->reason != 0) {
        return gw_code_of(of_reason)->err == of_reason ? of_reason : GW_REFUSED;
    }
    if (status->group == SMP_GROUP_IMAGE && !is_own &&
        (status->rc == FLASH_WRITE || status->rc == FLASH_ERASE)) {
        return GW_DEVICE_FLASH;
    }
    switch (status->rc) {
    case SMP_RC_BUSY:
        return GW_BUSY;
    case SMP_RC_TOO_LARGE:
    case SMP_RC_NO_MEMORY:
        return GW_DEVICE_FULL;
    case SMP_RC_BAD_STATE:
        return GW_WRONG_STATE;
    default:
        return GW_REFUSED;
    }
}

enum gw_err uart_device_tell(struct uart_device *d, struct cbor_writer *w, uint16_t group,
                             uint8_t command, struct smp_status *status)
{
    struct smp_answer answer;
    enum gw_err err = smp_session_exchange(&d->session, w, SMP_WRITE, group, command, SESSION_TRIES,
                                           &answer);

    *status = (struct smp_status){ 0 };
    if (err) {
        return err;
    }
    if (!smp_get_status(status, answer.body, answer.len)) {
        return GW_PROTOCOL;
    }
    return status->rc == SMP_RC_OK ? GW_OK : uart_err_of_status(status, !d->is_foreign);
}

enum gw_err uart_device_reset(struct uart_device *d, bool *was_answered)
{
    struct cbor_writer w = smp_session_begin(&d->session);
    struct smp_answer answer;

    smp_put_empty(&w);
    enum gw_err err = smp_session_exchange(&d->session, &w, SMP_WRITE, SMP_GROUP_OS, SMP_OS_RESET,
                                           1, &answer);

    *was_answered = err == GW_OK;
    return is_silence(err) ? GW_OK : err;
}

uint32_t uart_stated_ms(uint32_t ms)
{
    return ms < UART_STATED_MAX_MS ? ms : UART_STATED_MAX_MS;
}

enum gw_err uart_device_pause(struct uart_device *d, uint32_t ms)
{
    uint64_t until = d->session.link->ops->now_ms(d->session.link) + ms;
    struct smp_answer ignored;
    enum gw_err err;

    do {
        err = smp_session_receive(&d->session, &ignored, until);
    } while (!err);
    return err == GW_TIMEOUT ? GW_OK : err;
}
