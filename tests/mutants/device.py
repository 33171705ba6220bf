#!/usr/bin/python3
"""Breaks the device firmware on purpose, one rule at a time, and shows that a test notices.

Each mutant replaces one piece of text in one file of subdevice-fw. The unit tests of the firmware
are built with the broken file and must fail. A mutant that survives, or whose text is no longer in
the file, is a failure. Usage: device.py [NAME-PART ...]; CC picks the compiler.
"""
import concurrent.futures
import glob
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CC = os.environ.get("CC", "cc")
TESTS = ["test_boot", "test_updater", "test_smp_server", "test_slotlog", "test_power_cut"]
FOLDERS = ["subdevice-fw/core", "subdevice-fw/boot", "subdevice-fw/servers/smp",
           "subdevice-fw/port/host", "verify", "transports/wire", "tests/device_rig",
           "tests/testpki"]
FLAGS = ["-std=c11", "-O1", "-w", "-D_GNU_SOURCE", '-DGW_VERSION="0"', f"-I{ROOT}/tests"]
LINK = ["-lmbedcrypto", "-Wl,--wrap=crypto_verify_p256"]

UPDATER, SLOT, LOG = "core/updater.c", "core/slot.c", "core/slotlog.c"
TRIAL, ADMIT, BOOT = "core/trial.c", "core/admit.c", "boot/boot.c"
SERVER, IMAGE = "servers/smp/smp_server.c", "servers/smp/smp_image.c"

# name, file, text, what it becomes
MUTANTS = [
    ("second round skipped", UPDATER, "    if (verdict != VERIFY_OK) {\n        now.reason",
     "    if (false) {\n        now.reason"),
    ("erased before the first round", UPDATER, "    u->stream_len = len;\n}",
     "    u->stream_len = len;\n    (void)slot_erase(u->config.log->port, 1, 0, 1);\n}"),
    ("admission skipped", UPDATER, "    if (verdict != VERIFY_OK) {\n        return refuse(u, verdict);",
     "    if (false) {\n        return refuse(u, verdict);"),
    ("a bad block programmed", UPDATER, "            image_check_rewind(&u->check);",
     "            if (result == VERIFY_BLOCK_DIGEST) {\n"
     "                u->check.block_len = image_block_len(&u->check.manifest, u->check.block_index);\n"
     "                (void)store_block(u);\n            }\n"
     "            image_check_rewind(&u->check);"),
    ("progress noted before the block", UPDATER, "    memset(block + u->check.block_len",
     "    now.next_block = u->check.block_index + 1;\n"
     "    if (is_sector_border(u, offset + len) && now.next_block < m->block_count) {\n"
     "        (void)note(u, SLOT_EVENT_PROGRESS, now);\n    }\n"
     "    memset(block + u->check.block_len"),
    ("progress inside a sector", UPDATER, "    return !is_sector_border(u, offset + len) || ",
     "    return "),
    ("the slot not given up first", UPDATER,
     "    if (u->config.log->slots[u->slot].phase != SLOT_PHASE_EMPTY &&", "    if (false &&"),
    ("receiving noted before the head", UPDATER, "    if (!slot_write_head(p, u->slot, &head, u->config.buffers.cms) ||\n"
     "        !note(u, SLOT_EVENT_RECEIVING, (struct slot_record){ .sequence = m->sequence })) {",
     "    if (!note(u, SLOT_EVENT_RECEIVING, (struct slot_record){ .sequence = m->sequence }) ||\n"
     "        !slot_write_head(p, u->slot, &head, u->config.buffers.cms)) {"),
    ("resumed sectors not erased", UPDATER, ".erased_to = durable * u->check.manifest.block_size,",
     ".erased_to = durable * u->check.manifest.block_size + 1024,"),
    ("the way back overwritten", UPDATER,
     "    if (slots_find_phase(log, m->component, SLOT_PHASE_TRIAL, &other)) {", "    if (false) {"),
    ("any stream length", UPDATER, "    if (!stream_len_is_right(u)) {", "    if (false) {"),
    ("staged before the last block", UPDATER, "    progress->next_block = now.next_block",
     "    if (u->check.block_index + 2 == m->block_count) {\n"
     "        (void)note(u, SLOT_EVENT_STAGED, now);\n    }\n"
     "    progress->next_block = now.next_block"),
    ("the head not erased", SLOT, "    return slot_erase(p, index, slot_capacity(g, index),",
     "    return true || slot_erase(p, index, slot_capacity(g, index),"),
    ("a new log sector counts at once", LOG,
     "        !copy_records(log, target, &keep, &used) || !program_record(p, target, 0, header)) {",
     "        !program_record(p, target, 0, header) || !copy_records(log, target, &keep, &used)) {"),
    ("log records without CRC", LOG,
     "    return flash_record_is_whole(bytes, SLOTLOG_RECORD_LEN) && bytes[0]", "    return bytes[0]"),
    ("a copy drops states", LOG, "keep->newest[r.slot] == place || ", ""),
    ("torn places used again", LOG,
     "        case PLACE_TORN:\n            log->used = place + 1;", "        case PLACE_TORN:"),
    ("the new sector not erased", LOG,
     "!p->ops->erase(p, sector_offset(&p->geometry, target)) ||", ""),
    ("the older sector counts", LOG, "log->sector = second > first;",
     "log->sector = first > second;"),
    ("a way out of broken", LOG, "[SLOT_PHASE_REJECTED] = {",
     "[SLOT_PHASE_BROKEN] = { [SLOT_EVENT_ACTIVATED] = SLOT_PHASE_PENDING },\n"
     "    [SLOT_PHASE_REJECTED] = {"),
    ("confirmed without self-test", TRIAL,
     "t->test == TRIAL_TEST_PASSED ? keep(t, &head) : UPDATE_WRONG_STATE", "keep(t, &head)"),
    ("the floor rises at activation", TRIAL,
     "(struct slot_record){ .sequence = was->sequence, .trials = trials }, 0);",
     "(struct slot_record){ .sequence = was->sequence, .trials = trials }, was->sequence);"),
    ("the floor does not rise", TRIAL, "                                     head->floor);",
     "                                     0);"),
    ("rejected activates without retry", TRIAL, "return retry ? mark(t, slot, 0, reason)",
     "return true ? mark(t, slot, 0, reason)"),
    ("below the floor activates", TRIAL,
     "    if (was->sequence < slotlog_floor(t->log, component)) {", "    if (false) {"),
    ("revert keeps the starts", TRIAL,
     "    return note(t, slot, SLOT_EVENT_REVERTED,\n"
     "                (struct slot_record){ .sequence = t->log->slots[slot].sequence }, 0);",
     "    return note(t, slot, SLOT_EVENT_REVERTED, t->log->slots[slot], 0);"),
    ("no signature check at the first run", BOOT,
     "    verdict = check_image(b, *slot);", "    verdict = VERIFY_OK;"),
    ("no digest check at later boots", BOOT,
     "    return slot_check_digest(p, slot, &head, b->memory->scratch, b->memory->scratch_len);",
     "    return VERIFY_OK;"),
    ("the floor not asked at boot", BOOT,
     "    if (head.sequence < slotlog_floor(b->log, b->component)) {\n        return VERIFY_BELOW_FLOOR;\n    }\n    return slot",
     "    return slot"),
    ("what rotted is kept as confirmed", BOOT, " || !reject(b, home, (uint16_t)verdict)", " || true"),
    ("a record left behind when the log is copied", LOG,
     "        if (what == PLACE_FAILED) {\n            return false; /*",
     "        if (false) {\n            return false; /*"),
    ("a trial never ends", BOOT, "    end_trial(&b);\n", ""),
    ("a trial goes on after a restart", BOOT,
     "    end_trial(&b);\n",
     "    if (slots_find_phase(log, component, SLOT_PHASE_TRIAL, slot)) {\n"
     "        return BOOT_TRIAL;\n    }\n"),
    ("starts not noted", BOOT, "    return note(b, *slot, SLOT_EVENT_TRIAL, now);",
     "    return true;"),
    ("starts not counted", BOOT, "    now.trials++;\n", ""),
    ("the counter not caught up", BOOT, "    if (p->ops->counter_raise) {", "    if (false) {"),
    ("vendor not compared", ADMIT, "return VERIFY_FOR_OTHER_VENDOR;", ";"),
    ("class not compared", ADMIT, "return VERIFY_FOR_OTHER_CLASS;", ";"),
    ("component not compared", ADMIT, "return VERIFY_FOR_OTHER_COMPONENT;", ";"),
    ("delivery not compared", ADMIT, "return VERIFY_PAYLOAD_DELIVERY;", ";"),
    ("hardware and serial not compared", ADMIT, "        return fits;", "        ;"),
    ("floor not compared", ADMIT, "return VERIFY_BELOW_FLOOR;", ";"),
    ("equal sequence accepted", ADMIT, "return VERIFY_EQUIVOCATION;", ";"),
    ("requirements not compared", ADMIT,
     "requirements_hold(log, m) ? VERIFY_OK : VERIFY_REQUIRES", "VERIFY_OK"),
    ("link address not compared", ADMIT, "return VERIFY_FOR_OTHER_ADDRESS;", ";"),
    ("size not compared", ADMIT,
     "m->image_size > slot_capacity(g, index) ? VERIFY_IMAGE_TOO_LARGE : VERIFY_OK", "VERIFY_OK"),
    ("reset before the answer", SERVER, "s->wants_reset && s->answer_len == 0", "s->wants_reset"),
    ("fragments kept for ever", SERVER, "        smp_receiver_drop(&s->receiver);\n", ""),
    ("any offset taken", IMAGE, "u->phase != UPDATER_RECEIVING || request.off != updater_offset(u)",
     "u->phase != UPDATER_RECEIVING"),
    ("every off 0 starts anew", IMAGE, "return request->off == 0 && !(runs && has_token(s, request));",
     "return request->off == 0;"),
    ("an empty state write tries nothing at all", IMAGE,
     "        (write.hash.len == 0 && !write.confirm)) {", "        false) {"),
]


def compile_object(source, target):
    include = [f"-I{ROOT}/{folder}" for folder in FOLDERS]
    subprocess.run([CC, *FLAGS, *include, "-c", source, "-o", target], check=True)


def object_of(build, source):
    return os.path.join(build, os.path.relpath(source, ROOT).replace("/", "_") + ".o")


def build_all(build, pool):
    sources = [s for folder in FOLDERS for s in sorted(glob.glob(f"{ROOT}/{folder}/*.c"))]
    tests = [f"{ROOT}/tests/unit/{test}.c" for test in TESTS]
    list(pool.map(lambda s: compile_object(s, object_of(build, s)), sources + tests))
    return {s: object_of(build, s) for s in sources}


def run_tests(build, objects, name):
    """The first test that fails, or None."""
    for test in TESTS:
        program = os.path.join(build, f"{name.replace(' ', '_')}-{test}")
        main = object_of(build, f"{ROOT}/tests/unit/{test}.c")
        subprocess.run([CC, main, *objects.values(), *LINK, "-o", program], check=True)
        try:
            done = subprocess.run([program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  timeout=60)
            failed = done.returncode != 0
        except subprocess.TimeoutExpired:
            failed = True
        os.unlink(program)
        if failed:
            return test
    return None


def try_mutant(build, objects, mutant):
    name, file, old, new = mutant
    source = f"{ROOT}/subdevice-fw/{file}"
    with open(source, encoding="utf-8") as f:
        text = f.read()
    if text.count(old) != 1:
        return name, f"its text stands {text.count(old)} times in {file}"
    stem = os.path.join(build, name.replace(" ", "_"))
    with open(stem + ".c", "w", encoding="utf-8") as f:
        f.write(text.replace(old, new))
    compile_object(stem + ".c", stem + ".o")
    killer = run_tests(build, {**objects, source: stem + ".o"}, name)
    return (name, None) if killer else (name, "survives")


def main():
    chosen = [m for m in MUTANTS
              if len(sys.argv) == 1 or any(part in m[0] for part in sys.argv[1:])]
    with tempfile.TemporaryDirectory(prefix="mutants-") as build, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = build_all(build, pool)
        killer = run_tests(build, objects, "sound")
        if killer:
            sys.exit(f"{killer} fails without any mutant")
        results = list(pool.map(lambda m: try_mutant(build, objects, m), chosen))
    wrong = [(name, why) for name, why in results if why]
    for name, why in wrong:
        print(f"{name}: {why}")
    print(f"{len(results)} mutants, {len(wrong)} not found")
    sys.exit(1 if wrong else 0)


main()
