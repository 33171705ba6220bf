#include "step_state.h"

#include <stdbool.h>

#include "check.h"

/* Mark every state reachable from `from`, never using `event` when it is in [0, STEP_EVENTS), and
 * never passing through `without`. */
static void reach(bool seen[STEP_STATES], enum step_state from, enum step_state without,
                  enum step_event forbidden)
{
    if (from == STEP_INVALID || from == without || seen[from]) {
        return;
    }
    seen[from] = true;
    for (int e = 0; e < STEP_EVENTS; e++) {
        if (e != (int)forbidden) {
            reach(seen, step_next(from, (enum step_event)e), without, forbidden);
        }
    }
}

static void nothing_is_done_without_a_passed_trial(void)
{
    bool seen[STEP_STATES] = { false };

    reach(seen, STEP_WAITING, STEP_PASSED, STEP_EVENTS);
    CHECK(!seen[STEP_CONFIRMING] && !seen[STEP_DONE]);
    CHECK(seen[STEP_TRIAL]);
}

static void nothing_is_done_without_the_commit_record(void)
{
    bool seen[STEP_STATES] = { false };

    reach(seen, STEP_WAITING, STEP_INVALID, EVENT_COMMIT);
    CHECK(!seen[STEP_CONFIRMING] && !seen[STEP_DONE]);
    CHECK(seen[STEP_PASSED]);
}

static void nothing_is_activated_without_the_groups_turn(void)
{
    bool seen[STEP_STATES] = { false };

    reach(seen, STEP_WAITING, STEP_INVALID, EVENT_ACTIVATE);
    CHECK(!seen[STEP_ACTIVATING] && !seen[STEP_TRIAL] && !seen[STEP_PASSED]);
    CHECK(seen[STEP_STAGED]);
}

static void nothing_is_staged_unless_its_device_says_so(void)
{
    for (enum step_state s = STEP_WAITING; s < STEP_STATES; s++) {
        for (enum step_event e = 0; e < STEP_EVENTS; e++) {
            if (s != STEP_STAGED && step_next(s, e) == STEP_STAGED) {
                CHECK_EQ(e, EVENT_SEEN_STAGED);
            }
            if (s != STEP_DONE && step_next(s, e) == STEP_DONE) {
                CHECK_EQ(e, EVENT_SEEN_CONFIRMED);
            }
        }
    }
}

static void after_the_commit_record_there_is_only_forward(void)
{
    bool seen[STEP_STATES] = { false };

    reach(seen, STEP_CONFIRMING, STEP_INVALID, STEP_EVENTS);
    for (enum step_state s = STEP_WAITING; s < STEP_STATES; s++) {
        CHECK_EQ(seen[s], s == STEP_CONFIRMING || s == STEP_DONE);
    }
}

static void a_device_that_may_run_the_new_image_fails_only_through_its_own_word(void)
{
    static const enum step_state active[] = { STEP_ACTIVATING, STEP_TRIAL, STEP_PASSED };

    for (size_t i = 0; i < 3; i++) {
        CHECK_EQ(step_next(active[i], EVENT_FAIL), STEP_REVERTING);
        CHECK_EQ(step_next(active[i], EVENT_UNDO), STEP_REVERTING);
        CHECK_EQ(step_next(active[i], EVENT_SEEN_REJECTED), STEP_FAILED);
        for (enum step_event e = 0; e < STEP_EVENTS; e++) {
            CHECK(step_next(active[i], e) != STEP_SKIPPED);
        }
    }
}

static void every_state_is_reachable_and_can_end(void)
{
    bool from_start[STEP_STATES] = { false };

    reach(from_start, STEP_WAITING, STEP_INVALID, STEP_EVENTS);
    for (enum step_state s = STEP_WAITING; s < STEP_STATES; s++) {
        bool from_here[STEP_STATES] = { false };

        reach(from_here, s, STEP_INVALID, EVENT_RETRY);
        CHECK(from_start[s]);
        CHECK(from_here[STEP_DONE] || from_here[STEP_FAILED] || from_here[STEP_SKIPPED]);
    }
}

static void final_states_accept_nothing_but_an_operators_retry(void)
{
    for (enum step_event e = 0; e < STEP_EVENTS; e++) {
        enum step_state again = e == EVENT_RETRY ? STEP_WAITING : STEP_INVALID;

        CHECK_EQ(step_next(STEP_DONE, e), STEP_INVALID);
        CHECK_EQ(step_next(STEP_FAILED, e), again);
        CHECK_EQ(step_next(STEP_SKIPPED, e), again);
    }
}

static bool has_ended(enum step_state s)
{
    return s == STEP_DONE || s == STEP_FAILED || s == STEP_SKIPPED;
}

/* No step is left hanging: whatever its device answers is a legal event. */
static void every_answer_of_a_device_is_understood_in_every_open_state(void)
{
    for (enum step_state s = STEP_WAITING; s < STEP_STATES; s++) {
        for (enum seen seen = SEEN_OLD; seen < SEEN_KINDS && !has_ended(s); seen++) {
            CHECK(step_next(s, step_event_of(seen)) != STEP_INVALID);
        }
    }
}

static void a_device_that_was_not_seen_is_asked_before_anything_else(void)
{
    for (enum step_state s = STEP_WAITING; s < STEP_STATES; s++) {
        CHECK_EQ(step_wants(s, SEEN_NOTHING), has_ended(s) ? VERB_NONE : VERB_IDENTIFY);
    }
}

static void each_verb_is_wanted_only_where_it_belongs(void)
{
    for (enum step_state s = STEP_WAITING; s < STEP_STATES; s++) {
        for (enum seen seen = SEEN_NOTHING; seen < SEEN_KINDS; seen++) {
            enum verb v = step_wants(s, seen);

            CHECK(v != VERB_CONFIRM || (s == STEP_CONFIRMING && seen == SEEN_PASSED));
            CHECK(v != VERB_ACTIVATE ||
                  ((s == STEP_CONFIRMING || s == STEP_ACTIVATING) && seen == SEEN_STAGED));
            CHECK(v != VERB_STAGE ||
                  ((s == STEP_CONFIRMING || s == STEP_STAGING) && seen == SEEN_OLD));
            CHECK(v != VERB_REVERT || s != STEP_CONFIRMING);
        }
    }
}

/* Not even garbage from memory is a state. */
static void what_is_no_state_or_event_is_invalid(void)
{
    CHECK_EQ(step_next(STEP_STATES, EVENT_FAIL), STEP_INVALID);
    CHECK_EQ(step_next(STEP_INVALID, EVENT_SEEN_OLD), STEP_INVALID);
    CHECK_EQ(step_next(STEP_WAITING, STEP_EVENTS), STEP_INVALID);
    CHECK_EQ(step_wants(STEP_STATES, SEEN_OLD), VERB_NONE);
    CHECK_EQ(step_event_of(SEEN_NOTHING), STEP_EVENTS);
}

int main(void)
{
    TEST(nothing_is_done_without_a_passed_trial);
    TEST(nothing_is_done_without_the_commit_record);
    TEST(nothing_is_activated_without_the_groups_turn);
    TEST(nothing_is_staged_unless_its_device_says_so);
    TEST(after_the_commit_record_there_is_only_forward);
    TEST(a_device_that_may_run_the_new_image_fails_only_through_its_own_word);
    TEST(every_state_is_reachable_and_can_end);
    TEST(final_states_accept_nothing_but_an_operators_retry);
    TEST(every_answer_of_a_device_is_understood_in_every_open_state);
    TEST(a_device_that_was_not_seen_is_asked_before_anything_else);
    TEST(each_verb_is_wanted_only_where_it_belongs);
    TEST(what_is_no_state_or_event_is_invalid);
    return checks_failed != 0;
}
