/* A whole upgrade, cut at each flash operation, in each way that an operation can tear, and twice
 * in a row. After every cut the device boots something that verified, and the upgrade goes on. */
#include "check.h"
#include "device_rig.h"

enum { UPGRADES = 300 };

struct scene {
    struct rig rig;
    struct rig_image old, new;
    struct rig_state factory;
    uint64_t ops; /* flash operations of an upgrade that nothing disturbs */
};

static void open_scene(struct scene *s, uint32_t program_size, uint32_t sector_size, size_t len)
{
    rig_init(&s->rig);
    s->rig.config.geometry.program_size = program_size;
    s->rig.config.geometry.sector_size = sector_size;
    if (sector_size > 1024) {
        s->rig.config.geometry.slots[0] = (struct port_slot){ .offset = 2 * sector_size,
                                                              .size = 6 * sector_size };
        s->rig.config.geometry.slots[1] = (struct port_slot){ .offset = 8 * sector_size,
                                                              .size = 6 * sector_size };
        s->rig.config.size = 14 * sector_size;
    }
    rig_open(&s->rig);
    rig_image_make(&s->old, &s->rig, len, 1, &(struct testpki_image_how){ .sequence = 1 });
    rig_image_make(&s->new, &s->rig, len + 333, 2,
                   &(struct testpki_image_how){ .sequence = 2, .block_size = 512 });
    rig_know(&s->rig, &s->old);
    rig_know(&s->rig, &s->new);
    rig_factory(&s->rig, &s->old);
    rig_save(&s->rig, &s->factory);

    CHECK(rig_running(&s->rig) == &s->old);
    CHECK(rig_upgrade(&s->rig, &s->new));
    CHECK_EQ(rig_broken(&s->rig), 0);
    s->ops = s->rig.port.counters.flash_ops;
}

static void close_scene(struct scene *s)
{
    rig_state_free(&s->factory);
    rig_image_free(&s->old);
    rig_image_free(&s->new);
    rig_close(&s->rig);
}

/* From the factory's state, with the power failing at operation cuts[0], then cuts[1] operations
 * later, ... (0 = no more cuts). True: the device ends on the new image, and no rule was broken. */
static bool survives(struct scene *s, const uint64_t *cuts, enum host_tear tear, uint64_t seed)
{
    struct rig *r = &s->rig;
    unsigned broken = r->broken;
    bool done = false;

    rig_restore(r, &s->factory);
    for (int boots = 0; !done && boots < 8; boots++) {
        host_port_cut_after(&r->port, *cuts, tear, seed + (unsigned)boots);
        cuts += *cuts > 0;
        (void)rig_boot(r);
        done = !r->port.is_off && rig_upgrade(r, &s->new);
    }
    r->port.cut_after = 0;
    return done && rig_boot(r) == BOOT_CONFIRMED &&
           rig_running(r) == &s->new &&slotlog_floor(&r->log, 0) == 2 && rig_broken(r) == broken;
}

static void every_single_cut_is_survived(struct scene *s)
{
    for (uint64_t at = 1; at <= s->ops; at++) {
        for (int tear = 0; tear < HOST_TEARS; tear++) {
            const uint64_t cuts[] = { at, 0 };
            bool ok = survives(s, cuts, (enum host_tear)tear, at);

            CHECK(ok);
            if (!ok) {
                fprintf(stderr, "  cut at %llu of %llu, tear %d: %s\n", (unsigned long long)at,
                        (unsigned long long)s->ops, tear, s->rig.why ? s->rig.why : "no rule");
                return;
            }
        }
    }
}

static void every_pair_of_cuts_is_survived(struct scene *s)
{
    for (uint64_t first = 1; first <= s->ops; first++) {
        for (uint64_t second = 1; second <= s->ops; second++) {
            const uint64_t cuts[] = { first, second, 0 };
            bool ok = survives(s, cuts, HOST_TEAR_ANY, first * 1000 + second);

            CHECK(ok);
            if (!ok) {
                fprintf(stderr, "  cuts at %llu, then %llu: %s\n", (unsigned long long)first,
                        (unsigned long long)second, s->rig.why ? s->rig.why : "no rule");
                return;
            }
        }
    }
}

static void cuts_are_survived(uint32_t program_size, uint32_t sector_size, size_t len)
{
    struct scene s = { 0 };

    open_scene(&s, program_size, sector_size, len);
    printf("  granule %u, sector %u, %zu bytes: %llu flash operations\n", program_size, sector_size,
           len, (unsigned long long)s.ops);
    every_single_cut_is_survived(&s);
    close_scene(&s);
}

static void every_cut_in_every_way_is_survived_on_fine_and_coarse_flash(void)
{
    cuts_are_survived(8, 1024, 5000);
    cuts_are_survived(1, 1024, 4096);
    cuts_are_survived(64, 1024, 3000); /* few places in a log sector: it is copied often */
    cuts_are_survived(32, 4096, 5000); /* several blocks in a sector */
}

static void two_cuts_in_a_row_are_survived(void)
{
    struct scene s = { 0 };

    open_scene(&s, 8, 1024, 1500);
    printf("  %llu flash operations\n", (unsigned long long)s.ops);
    every_pair_of_cuts_is_survived(&s);
    close_scene(&s);
}

/* What was sent twice after a cut stays below one sector and one piece. */
static void a_cut_costs_at_most_a_sector_of_progress(void)
{
    struct scene s = { 0 };
    size_t whole = 0;

    open_scene(&s, 8, 4096, 15000);
    rig_restore(&s.rig, &s.factory);
    (void)rig_boot(&s.rig);
    CHECK_EQ(rig_send(&s.rig, &s.new.gwi, 256, &whole), UPDATE_OK);
    for (uint64_t at = 1; at < s.ops; at++) {
        size_t sent = 0, first, head = s.new.gwi.len - s.new.payload.len;

        rig_restore(&s.rig, &s.factory);
        (void)rig_boot(&s.rig);
        host_port_cut_after(&s.rig.port, at, HOST_TEAR_ANY, at);
        if (rig_send(&s.rig, &s.new.gwi, 256, &sent) == UPDATE_OK) {
            break;
        }
        first = sent;
        (void)rig_boot(&s.rig);
        CHECK_EQ(rig_send(&s.rig, &s.new.gwi, 256, &sent), UPDATE_OK);
        CHECK(sent <= whole + head + 4096 + 512 + 256);
        CHECK(sent >= first);
    }
    CHECK_EQ(rig_broken(&s.rig), 0);
    close_scene(&s);
}

/* Hundreds of upgrades on one device: the log is copied again and again, floors rise each time. */
static void a_device_survives_many_upgrades_with_random_cuts(void)
{
    struct scene s = { 0 };
    struct rig *r = &s.rig;
    struct rig_image current, next;

    open_scene(&s, 8, 1024, 2000);
    current = s.new;
    s.new = (struct rig_image){ 0 };
    for (uint32_t i = 0; i < UPGRADES; i++) {
        bool done = false;

        rig_image_make(&next, r, 1000 + i, i,
                       &(struct testpki_image_how){ .sequence = 3 + i, .block_size = 512 });
        r->images[0] = &current;
        r->images[1] = &next;
        for (unsigned boots = 0; !done && boots < 9; boots++) {
            host_port_cut_after(&r->port, boots < 2 ? 1 + (i * 7 + boots * 13) % 60 : 0,
                                HOST_TEAR_ANY, i);
            (void)rig_boot(r);
            done = !r->port.is_off && rig_upgrade(r, &next);
        }
        r->port.cut_after = 0;
        CHECK(done);
        CHECK_EQ(rig_boot(r), BOOT_CONFIRMED);
        CHECK(rig_running(r) == &next);
        CHECK_EQ(slotlog_floor(&r->log, 0), 3 + i);
        rig_image_free(&current);
        current = next;
    }
    CHECK_EQ(rig_broken(r), 0);
    rig_image_free(&current);
    close_scene(&s);
}

int main(void)
{
    TEST(every_cut_in_every_way_is_survived_on_fine_and_coarse_flash);
    TEST(two_cuts_in_a_row_are_survived);
    TEST(a_cut_costs_at_most_a_sector_of_progress);
    TEST(a_device_survives_many_upgrades_with_random_cuts);
    return checks_failed != 0;
}
