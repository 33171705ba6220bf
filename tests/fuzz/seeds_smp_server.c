/* Writes the seeds of fuzz_smp_server into a folder: what a router sends, in both framings.
 * Usage: seeds_smp_server DIR, from a build whose test PKI changed. */
#include <stdio.h>
#include <string.h>

#include "smp_bench.h"

/* The pieces of one seed. */
struct seed {
    struct blob bytes;
    enum smp_framing framing;
    uint8_t seq;
};

static void add_piece(struct seed *seed, uint8_t silence, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        size_t n = len < 255 ? len : 255;

        blob_add_byte(&seed->bytes, silence);
        blob_add_byte(&seed->bytes, (uint8_t)n);
        blob_add(&seed->bytes, bytes, n);
        bytes += n;
        len -= n;
        silence = 0;
    }
}

static void add_restart(struct seed *seed)
{
    static const uint8_t restart[] = { 0, 0 };

    blob_add(&seed->bytes, restart, sizeof restart);
}

static void add_message(struct seed *seed, struct cbor_writer *w, enum smp_op op, uint16_t group,
                        uint8_t command)
{
    struct smp_header header = {
        .version = SMP_V2, .op = op, .group = group, .seq = seed->seq++, .command = command
    };
    size_t len = smp_finish(w, &header);
    struct smp_console_encoder encoder;
    uint8_t line[SMP_LINE_MAX];

    if (seed->framing == SMP_FRAMING_RAW) {
        add_piece(seed, 1, w->bytes, len);
        return;
    }
    smp_console_begin(&encoder, w->bytes, len);
    while ((len = smp_console_next(&encoder, line)) > 0) {
        add_piece(seed, 0, line, len);
    }
}

static void add_empty(struct seed *seed, enum smp_op op, uint16_t group, uint8_t command)
{
    uint8_t buf[64];
    struct cbor_writer w = smp_begin(buf, sizeof buf);

    smp_put_empty(&w);
    add_message(seed, &w, op, group, command);
}

static void add_reads(struct seed *seed)
{
    uint8_t buf[64], nonce[16] = { 1 };
    struct cbor_writer w = smp_begin(buf, sizeof buf);

    add_empty(seed, SMP_READ, SMP_GROUP_OS, SMP_OS_PARAMS);
    add_empty(seed, SMP_READ, SMP_GROUP_GATEWAY, SMP_GATEWAY_IDENTIFY);
    add_empty(seed, SMP_READ, SMP_GROUP_IMAGE, SMP_IMAGE_STATE);
    smp_put_report_request(&w, nonce);
    add_message(seed, &w, SMP_READ, SMP_GROUP_GATEWAY, SMP_GATEWAY_REPORT);
    w = smp_begin(buf, sizeof buf);
    smp_put_log_request(&w, 0);
    add_message(seed, &w, SMP_READ, SMP_GROUP_GATEWAY, SMP_GATEWAY_LOG);
    w = smp_begin(buf, sizeof buf);
    smp_put_echo_request(&w, "hi", 2);
    add_message(seed, &w, SMP_WRITE, SMP_GROUP_OS, SMP_OS_ECHO);
}

static void add_upload(struct seed *seed, const struct blob *gwi)
{
    for (size_t off = 0; off < gwi->len; off += 900) {
        uint8_t buf[SMP_BENCH_BUF];
        struct cbor_writer w = smp_begin(buf, sizeof buf);
        size_t len = gwi->len - off < 900 ? gwi->len - off : 900;
        struct smp_upload request = { .off = off,
                                      .has_start = off == 0,
                                      .len = gwi->len,
                                      .sha = { gwi->at, off ? 0 : SMP_DIGEST_LEN },
                                      .data = { gwi->at + off, len } };

        (void)smp_put_upload(&w, &request);
        add_message(seed, &w, SMP_WRITE, SMP_GROUP_IMAGE, SMP_IMAGE_UPLOAD);
    }
}

static void add_trial(struct seed *seed, const struct rig_image *image, bool confirms)
{
    uint8_t buf[128];
    struct cbor_writer w = smp_begin(buf, sizeof buf);

    smp_put_activate(&w, &(struct smp_activate){ .id = image->identity });
    add_message(seed, &w, SMP_WRITE, SMP_GROUP_GATEWAY, SMP_GATEWAY_ACTIVATE);
    add_empty(seed, SMP_WRITE, SMP_GROUP_OS, SMP_OS_RESET);
    w = smp_begin(buf, sizeof buf);
    if (confirms) {
        smp_put_state_write(
            &w, &(struct smp_state_write){ .hash = { image->identity, 32 }, .confirm = true });
        add_message(seed, &w, SMP_WRITE, SMP_GROUP_IMAGE, SMP_IMAGE_STATE);
    } else {
        smp_put_revert(&w, 0);
        add_message(seed, &w, SMP_WRITE, SMP_GROUP_GATEWAY, SMP_GATEWAY_REVERT);
    }
}

static int write_seed(struct seed *seed, const char *folder, const char *name)
{
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    size_t done = file ? fwrite(seed->bytes.at, 1, seed->bytes.len, file) : 0;
    int failed = !file || fclose(file) != 0 || done != seed->bytes.len;

    if (failed) {
        perror(path);
    }
    blob_free(&seed->bytes);
    return failed;
}

int main(int argc, char **argv)
{
    static struct smp_bench bench;
    int failed = 0;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s DIR\n", argv[0]);
        return 2;
    }
    smp_bench_open(&bench, SMP_FRAMING_RAW);
    for (unsigned framing = SMP_FRAMING_CONSOLE; framing <= SMP_FRAMING_RAW; framing++) {
        const char *kind = framing == SMP_FRAMING_RAW ? "raw" : "console";
        char name[32];
        struct seed seed = { .framing = (enum smp_framing)framing };

        add_reads(&seed);
        (void)snprintf(name, sizeof name, "reads-%s", kind);
        failed |= write_seed(&seed, argv[1], name);

        seed = (struct seed){ .framing = (enum smp_framing)framing };
        add_upload(&seed, &bench.new.gwi);
        add_trial(&seed, &bench.new, true);
        add_reads(&seed);
        (void)snprintf(name, sizeof name, "upgrade-%s", kind);
        failed |= write_seed(&seed, argv[1], name);

        seed = (struct seed){ .framing = (enum smp_framing)framing };
        add_upload(&seed, &bench.new.gwi);
        add_restart(&seed);
        add_upload(&seed, &bench.new.gwi);
        add_trial(&seed, &bench.new, false);
        (void)snprintf(name, sizeof name, "revert-%s", kind);
        failed |= write_seed(&seed, argv[1], name);
    }
    smp_bench_close(&bench);
    return failed;
}
