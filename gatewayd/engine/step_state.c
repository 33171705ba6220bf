#include "step_state.h"

#include <stddef.h>

/* Whole life of a step on one screen; an empty cell cannot happen. */
static const enum step_state next[STEP_STATES][STEP_EVENTS] = {
    [STEP_WAITING] = {
        [EVENT_WANT_IMAGE] = STEP_FETCHING,
        [EVENT_UNDO] = STEP_SKIPPED,
        [EVENT_FAIL] = STEP_FAILED,
        [EVENT_SEEN_OLD] = STEP_WAITING,
        [EVENT_SEEN_STAGED] = STEP_STAGED,
        [EVENT_SEEN_TRIAL] = STEP_WAITING, /* left over from another job: reverted first */
        [EVENT_SEEN_PASSED] = STEP_WAITING,
        [EVENT_SEEN_CONFIRMED] = STEP_SKIPPED, /* it has this image already */
        [EVENT_SEEN_REJECTED] = STEP_FAILED,
    },
    [STEP_FETCHING] = {
        [EVENT_IMAGE] = STEP_STAGING,
        [EVENT_UNDO] = STEP_SKIPPED,
        [EVENT_FAIL] = STEP_FAILED,
        [EVENT_SEEN_OLD] = STEP_FETCHING,
        [EVENT_SEEN_STAGED] = STEP_STAGED,
        [EVENT_SEEN_TRIAL] = STEP_FETCHING,
        [EVENT_SEEN_PASSED] = STEP_FETCHING,
        [EVENT_SEEN_CONFIRMED] = STEP_SKIPPED,
        [EVENT_SEEN_REJECTED] = STEP_FAILED,
    },
    [STEP_STAGING] = {
        [EVENT_UNDO] = STEP_SKIPPED,
        [EVENT_FAIL] = STEP_FAILED,
        [EVENT_SEEN_OLD] = STEP_STAGING,
        [EVENT_SEEN_STAGED] = STEP_STAGED,
        [EVENT_SEEN_TRIAL] = STEP_STAGING,
        [EVENT_SEEN_PASSED] = STEP_STAGING,
        [EVENT_SEEN_CONFIRMED] = STEP_SKIPPED,
        [EVENT_SEEN_REJECTED] = STEP_FAILED,
    },
    [STEP_STAGED] = {
        [EVENT_ACTIVATE] = STEP_ACTIVATING,
        [EVENT_UNDO] = STEP_SKIPPED,
        [EVENT_FAIL] = STEP_FAILED,
        [EVENT_SEEN_OLD] = STEP_FETCHING, /* the slot was lost: once more */
        [EVENT_SEEN_STAGED] = STEP_STAGED,
        [EVENT_SEEN_TRIAL] = STEP_STAGED,
        [EVENT_SEEN_PASSED] = STEP_STAGED,
        [EVENT_SEEN_CONFIRMED] = STEP_SKIPPED,
        [EVENT_SEEN_REJECTED] = STEP_FAILED,
    },
    [STEP_ACTIVATING] = {
        [EVENT_UNDO] = STEP_REVERTING,
        [EVENT_FAIL] = STEP_REVERTING,
        [EVENT_SEEN_OLD] = STEP_FAILED,
        [EVENT_SEEN_STAGED] = STEP_ACTIVATING,
        [EVENT_SEEN_TRIAL] = STEP_TRIAL,
        [EVENT_SEEN_PASSED] = STEP_PASSED,
        [EVENT_SEEN_CONFIRMED] = STEP_PASSED, /* not by us; the group still decides */
        [EVENT_SEEN_REJECTED] = STEP_FAILED,
    },
    [STEP_TRIAL] = {
        [EVENT_UNDO] = STEP_REVERTING,
        [EVENT_FAIL] = STEP_REVERTING,
        [EVENT_SEEN_OLD] = STEP_FAILED,
        [EVENT_SEEN_STAGED] = STEP_ACTIVATING, /* a power cut ended the trial */
        [EVENT_SEEN_TRIAL] = STEP_TRIAL,
        [EVENT_SEEN_PASSED] = STEP_PASSED,
        [EVENT_SEEN_CONFIRMED] = STEP_PASSED,
        [EVENT_SEEN_REJECTED] = STEP_FAILED,
    },
    [STEP_PASSED] = {
        [EVENT_COMMIT] = STEP_CONFIRMING,
        [EVENT_UNDO] = STEP_REVERTING,
        [EVENT_FAIL] = STEP_REVERTING,
        [EVENT_SEEN_OLD] = STEP_FAILED,
        [EVENT_SEEN_STAGED] = STEP_ACTIVATING,
        [EVENT_SEEN_TRIAL] = STEP_TRIAL,
        [EVENT_SEEN_PASSED] = STEP_PASSED,
        [EVENT_SEEN_CONFIRMED] = STEP_PASSED,
        [EVENT_SEEN_REJECTED] = STEP_FAILED,
    },
    [STEP_CONFIRMING] = {
        [EVENT_SEEN_OLD] = STEP_CONFIRMING,
        [EVENT_SEEN_STAGED] = STEP_CONFIRMING,
        [EVENT_SEEN_TRIAL] = STEP_CONFIRMING,
        [EVENT_SEEN_PASSED] = STEP_CONFIRMING,
        [EVENT_SEEN_CONFIRMED] = STEP_DONE,
        [EVENT_SEEN_REJECTED] = STEP_CONFIRMING,
    },
    [STEP_REVERTING] = {
        [EVENT_FAIL] = STEP_FAILED,
        [EVENT_REVERTED] = STEP_FAILED,
        [EVENT_SEEN_OLD] = STEP_REVERTING,
        [EVENT_SEEN_STAGED] = STEP_REVERTING,
        [EVENT_SEEN_TRIAL] = STEP_REVERTING,
        [EVENT_SEEN_PASSED] = STEP_REVERTING,
        [EVENT_SEEN_CONFIRMED] = STEP_FAILED,
        [EVENT_SEEN_REJECTED] = STEP_REVERTING,
    },
    [STEP_FAILED] = { [EVENT_RETRY] = STEP_WAITING },
    [STEP_SKIPPED] = { [EVENT_RETRY] = STEP_WAITING },
};

/* What each state does about what it sees; an empty cell waits for others. */
static const enum verb wants[STEP_STATES][SEEN_KINDS] = {
    [STEP_WAITING] = {
        [SEEN_NOTHING] = VERB_IDENTIFY,
        [SEEN_TRIAL] = VERB_REVERT,
        [SEEN_PASSED] = VERB_REVERT,
    },
    [STEP_FETCHING] = {
        [SEEN_NOTHING] = VERB_IDENTIFY,
        [SEEN_TRIAL] = VERB_REVERT,
        [SEEN_PASSED] = VERB_REVERT,
    },
    [STEP_STAGING] = {
        [SEEN_NOTHING] = VERB_IDENTIFY,
        [SEEN_OLD] = VERB_STAGE,
        [SEEN_TRIAL] = VERB_REVERT,
        [SEEN_PASSED] = VERB_REVERT,
    },
    [STEP_STAGED] = {
        [SEEN_NOTHING] = VERB_IDENTIFY,
        [SEEN_TRIAL] = VERB_REVERT,
        [SEEN_PASSED] = VERB_REVERT,
    },
    [STEP_ACTIVATING] = {
        [SEEN_NOTHING] = VERB_IDENTIFY,
        [SEEN_STAGED] = VERB_ACTIVATE,
    },
    [STEP_TRIAL] = {
        [SEEN_NOTHING] = VERB_IDENTIFY,
        [SEEN_TRIAL] = VERB_POLL,
    },
    [STEP_PASSED] = {
        [SEEN_NOTHING] = VERB_IDENTIFY,
        [SEEN_PASSED] = VERB_POLL,
        [SEEN_CONFIRMED] = VERB_POLL,
    },
    [STEP_CONFIRMING] = {
        [SEEN_NOTHING] = VERB_IDENTIFY,
        [SEEN_OLD] = VERB_STAGE,
        [SEEN_STAGED] = VERB_ACTIVATE, /* it fell back after the commit record: forward again */
        [SEEN_TRIAL] = VERB_POLL,
        [SEEN_PASSED] = VERB_CONFIRM,
    },
    [STEP_REVERTING] = {
        [SEEN_NOTHING] = VERB_IDENTIFY,
        [SEEN_OLD] = VERB_REVERT, /* also when it looks old: a switch may be pending */
        [SEEN_STAGED] = VERB_REVERT,
        [SEEN_TRIAL] = VERB_REVERT,
        [SEEN_PASSED] = VERB_REVERT,
        [SEEN_REJECTED] = VERB_REVERT,
    },
};

enum step_state step_next(enum step_state state, enum step_event event)
{
    if (state >= STEP_STATES || event >= STEP_EVENTS) {
        return STEP_INVALID;
    }
    return next[state][event];
}

enum verb step_wants(enum step_state state, enum seen seen)
{
    if (state >= STEP_STATES || seen >= SEEN_KINDS) {
        return VERB_NONE;
    }
    return wants[state][seen];
}

enum step_event step_event_of(enum seen seen)
{
    static const enum step_event events[SEEN_KINDS] = {
        [SEEN_NOTHING] = STEP_EVENTS,          [SEEN_OLD] = EVENT_SEEN_OLD,
        [SEEN_STAGED] = EVENT_SEEN_STAGED,     [SEEN_TRIAL] = EVENT_SEEN_TRIAL,
        [SEEN_PASSED] = EVENT_SEEN_PASSED,     [SEEN_CONFIRMED] = EVENT_SEEN_CONFIRMED,
        [SEEN_REJECTED] = EVENT_SEEN_REJECTED,
    };

    return seen < SEEN_KINDS ? events[seen] : STEP_EVENTS;
}

const char *step_state_word(enum step_state state)
{
    static const char *const words[STEP_STATES] = {
        [STEP_INVALID] = "invalid",       [STEP_WAITING] = "waiting",
        [STEP_FETCHING] = "fetching",     [STEP_STAGING] = "staging",
        [STEP_STAGED] = "staged",         [STEP_ACTIVATING] = "activating",
        [STEP_TRIAL] = "trial",           [STEP_PASSED] = "passed",
        [STEP_CONFIRMING] = "confirming", [STEP_DONE] = "done",
        [STEP_REVERTING] = "reverting",   [STEP_FAILED] = "failed",
        [STEP_SKIPPED] = "skipped",
    };

    return state < STEP_STATES ? words[state] : words[STEP_INVALID];
}

const char *verb_word(enum verb verb)
{
    static const char *const words[VERBS] = {
        [VERB_NONE] = "none",         [VERB_IDENTIFY] = "identify", [VERB_STAGE] = "stage",
        [VERB_ACTIVATE] = "activate", [VERB_CONFIRM] = "confirm",   [VERB_REVERT] = "revert",
        [VERB_POLL] = "identify",
    };

    return verb < VERBS ? words[verb] : words[VERB_NONE];
}
